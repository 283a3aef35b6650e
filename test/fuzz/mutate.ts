import fc from 'fast-check';
import { CORPUS, type Source } from './corpus.js';
import {
  BINARY,
  closing,
  isNumber,
  isOperator,
  isWord,
  LANGUAGE,
  NUMBERS,
  OPERATORS,
  TREACHEROUS,
  tokensOf,
  VOCABULARY,
} from './tokens.js';

/** One change of a text, as numbers, so that fast-check shrinks it. */
interface Edit {
  readonly kind: number;
  readonly a: number;
  readonly b: number;
  readonly c: number;
}

const pick = <T>(items: readonly T[], i: number): T => items[i % items.length] as T;
const splice = (t: readonly string[], at: number, drop: number, ...put: string[]): string[] => [
  ...t.slice(0, at),
  ...put,
  ...t.slice(at + drop),
];

/** Where a token of a kind stands; the first past `i`, round the end. -1: there is none. */
function find(t: readonly string[], i: number, ok: (token: string) => boolean): number {
  for (let n = 0; n < t.length; n++) if (ok(t[(i + n) % t.length] as string)) return (i + n) % t.length;
  return -1;
}

const KEYWORDS = /^(?:const|let|for|of|if|else|while|return|continue|import|from|export|type|function)$/;
const isName = (token: string): boolean => isWord(token) && !KEYWORDS.test(token);

/** A name that stands not far from there: it is likely to be in scope. */
const nearby = (t: readonly string[], at: number, by: number): string =>
  t[find(t, (at + (by % 120) + t.length - 60) % t.length, isName)] ?? '';

/** Past the names of the last import: without those all that follows is unknown. */
const afterImports = (t: readonly string[]): number => t.indexOf('from', t.lastIndexOf('import')) + 1;

const isOpen = (token: string): boolean => /^[([{]$/.test(token);
const isSolid = (token: string): boolean => /\S/.test(token);

/** From an opening bracket to the one that closes it. */
function subtree(t: readonly string[], i: number): readonly [number, number] | null {
  const from = find(t, i, isOpen);
  return from < 0 ? null : [from, closing(t, from)];
}

function replaced(t: readonly string[], i: number, ok: (token: string) => boolean, by: string): string[] {
  const at = find(t, i, ok);
  return at < 0 ? [...t] : splice(t, at, 1, by);
}

function lines(t: readonly string[], change: (lines: string[]) => void): string[] {
  const all = t.join('').split('\n');
  change(all);
  return tokensOf(all.join('\n'));
}

const WRAPS = ['(', '[', '-', '!', '~', '{ x: ', '() => ', 'exp(', 'cast(', 'sum(', 'where(t, ', 'a ? ', 'x + ', '`${'];
const CLOSES: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}', '`': '}`' };

/** The token at `i` under many wraps: deep trees and long chains. */
function nested(t: readonly string[], { a, b, c }: Edit): string[] {
  const at = find(t, a, isSolid);
  if (at < 0) return [...t];
  const wrap = pick(WRAPS, b);
  const close = wrap.endsWith('? ') ? ' : 0' : (CLOSES[wrap.match(/[([{`]/)?.[0] ?? ''] ?? '');
  const times = pick([1, 2, 3, 20, 100, 140, 600, 3000], c);
  return splice(t, at, 1, wrap.repeat(times), t[at] as string, close.repeat(times));
}

const ODDITIES = [
  ...['\0', '\u2028', '\ufeff', '\u00a0', '\ud800', '\udfff', '\u202e', '\r', '\v', '`', "'", '/*', '//', '/[', '${'],
  ...['\\u0061', '\\u{110000}', '#!', '<!--', '"\\', '@ts-ignore', '😀', 'a\u0301', '\u0000\u0000', '?.['],
];

type Change = (t: readonly string[], e: Edit) => string[];

/** After these there is often syntax still, and names that mean something. */
const MILD: readonly Change[] = [
  (t, { a, b }) => replaced(t, a, isName, nearby(t, a, b)),
  (t, { a, b }) => replaced(t, a, isName, nearby(t, a, b)),
  (t, { a, b }) => replaced(t, a, (x) => LANGUAGE.includes(x), pick(LANGUAGE, b)),
  (t, { a, b }) => replaced(t, a, isNumber, pick(NUMBERS, b)),
  (t, { a, b }) => replaced(t, a, isOperator, pick(BINARY, b)),
  (t, { a, b }) => replaced(t, a, isName, pick(NUMBERS, b)),
  (t, { a, b, c }) => {
    const at = find(t, a, (x) => isName(x) || isNumber(x));
    const close = c % 3 === 0 ? `, ${pick(NUMBERS, c)})` : c % 3 === 1 ? `, ${nearby(t, a, c)})` : ')';
    return at < 0 ? [...t] : splice(t, at, 1, `${pick(LANGUAGE, b)}(`, t[at] as string, close);
  },
  (t, { a, b }) => {
    const name = t[find(t, a, isName)];
    return t.map((token) => (token === name ? pick(TREACHEROUS, b) : token));
  },
  (t, { a }) => lines(t, (all) => all.splice(a % all.length, 1)),
  (t, { a }) => {
    const [from, to] = subtree(t, a) ?? [0, 0];
    return splice(t, from + 1, Math.max(to - from - 2, 0));
  },
];

/** These break most texts. */
const ROUGH: readonly Change[] = [
  (t, { a, b }) => splice(t, a, 1 + (b % 4)),
  (t, { a, b }) => splice(t, a, 0, ...t.slice(a, a + 1 + (b % 8))),
  (t, { a, b }) => splice(splice(t, a, 1, t[b % t.length] as string), b % t.length, 1, t[a] as string),
  (t, { a, b }) => splice(t, a, 0, pick(VOCABULARY, b)),
  (t, { a, b }) => replaced(t, a, isSolid, pick(VOCABULARY, b)),
  // Names by others in scope, by functions of the language, by ones that every object has.
  (t, { a, b }) => replaced(t, a, isWord, t[find(t, b, isWord)] ?? ''),
  (t, { a, b }) => replaced(t, a, isWord, pick(TREACHEROUS, b)),
  (t, { a, b }) => replaced(t, a, (x) => isNumber(x) || isWord(x), pick(NUMBERS, b)),
  (t, { a, b }) => replaced(t, a, isOperator, pick(OPERATORS, b)),
  // Lines.
  (t, { a, b }) => lines(t, (all) => all.splice(a % all.length, 1 + (b % 3))),
  (t, { a, b }) => lines(t, (all) => all.splice(b % all.length, 0, all[a % all.length] as string)),
  (t, { a, b, c }) =>
    lines(t, (all) => {
      const other = pick(CORPUS, c).text.split('\n');
      all.splice(b % all.length, 0, ...other.slice(a % other.length, (a % other.length) + 1 + (c % 4)));
    }),
  // What stands between brackets.
  (t, { a, b }) => {
    const [[from, to], other] = [subtree(t, a) ?? [0, 0], subtree(t, b) ?? [0, 0]];
    return splice(t, from, to - from, ...t.slice(...other));
  },
  (t, { a, b }) => {
    const from = find(t, a, (x) => x === ',');
    const put = from < 0 ? [] : [', ', t[find(t, b, isWord)] ?? '0'];
    return splice(t, Math.max(from, 0), 0, ...put);
  },
  nested,
  (t, { a, b }) => splice(t, a, 0, pick(ODDITIES, b)),
  (t, { a, b }) => splice(t, a, 0, pick([' ', '\n', 'a', '-', '(', ';', ',', '0', '//', '\r\n'], b).repeat(5000)),
  (t, { b }) => t.map((token) => token.replaceAll('\n', pick(['\r\n', '\r', '\u2028', ' '], b))),
  (t, { a }) => t.slice(0, a),
];

const CHANGES = [...ROUGH, ...MILD, ...MILD, ...MILD, ...MILD, ...MILD, ...MILD, ...MILD];

const MAX = 1 << 20;
const edit: fc.Arbitrary<Edit> = fc.record({
  kind: fc.nat(CHANGES.length - 1),
  a: fc.nat(MAX),
  b: fc.nat(MAX),
  c: fc.nat(MAX),
});

/** Mostly in the body of a kernel. */
function place(t: readonly string[], i: number): number {
  const skip = i % 8 === 0 ? 0 : t.indexOf('kernel', afterImports(t)) + 1;
  return skip + (i % (t.length - skip));
}

export const edits = fc.array(edit, { minLength: 1, maxLength: 2 });

/** Makes the edits, one after the other. */
export function textMutated(text: string, list: readonly Edit[]): string {
  let tokens = tokensOf(text);
  for (const e of list)
    if (tokens.length > 0) tokens = tokensOf(pick(CHANGES, e.kind)(tokens, { ...e, a: place(tokens, e.a) }).join(''));
  return tokens.join('');
}

/** Kernels that were right before somebody changed them in a few places. */
export const mutants: fc.Arbitrary<Source> = fc
  .tuple(fc.constantFrom(...CORPUS), edits)
  .map(([{ text, folder }, list]) => shown({ text: textMutated(text, list), folder }));

/** A failure is reported with the text itself. */
const shown = (source: Source): Source =>
  Object.defineProperty(source, fc.toStringMethod, { value: () => source.text, enumerable: false });
