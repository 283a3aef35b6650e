import fc from 'fast-check';
import { sourceOf } from '../dsl/launch-text.js';
import type { Source } from './corpus.js';
import { BINARY, isWord, LANGUAGE, NUMBERS, TREACHEROUS, VOCABULARY } from './tokens.js';

/** Tokens one after the other: mostly no syntax. */
const tokens = fc
  .array(fc.constantFrom(...VOCABULARY, 't', 'x', 'N', 'p', ', ', ')', ']', '}'), { maxLength: 60 })
  .map((list) => list.join(' '));

/** What is in scope of a body below: views, tiles of every dtype and rank, scalars, sizes, options, functions. */
const NAMES = [
  ...['x', 'y', 'z', 'w', 's', 'N', 'M', 'p', 'i', 'v', 'u', 'm', 'h', 'c', 'r', 't', 'k', 'l', 'f', 'o', 'a', 'all'],
  ...['exp', 'f32', 'u32', 'bf16', 'T', 'undefined', 'null', 'true', "'N'", 'Math', 'helper', 'probe', 'args'],
];
const SETUP = `const i = iota(4), v = cast(i, f32), u = cast(i, u32), m = i > 1, h = cast(v, f16), c = col(v), r = row(v);
  const t = c * r, k = expand(t, 0), f = (a, b) => a + b, o = { a: t, b: [v, u], ...{ n: 3 } }, a = [1, t, f];
  let l = x.get(0, 0);`;
const MODULE = `const T = dtypes('T', f16, bf16);
const helper = (a, { b = 2, ...rest } = {}, ...more) => (more.length > 0 ? a * b : a);`;
const ARGS =
  "x: input(f32, ['M', 'N']), y: output(f16, ['M', 'N']), z: inout(u32, ['N']), w: inout(f32, ['A', 'B', 'M', 'N']), s: scalar(i32)";

const WORDS = TREACHEROUS.filter((w) => isWord(w) && !/^(?:await|yield|let|static)$/.test(w));
const word = fc.constantFrom(...NAMES, ...NAMES, ...NAMES, ...LANGUAGE, ...NUMBERS.map((n) => `(${n})`), ...WORDS);
const PATTERNS = [
  'q',
  '{ a }',
  '[q, g]',
  '{ a: { b } }',
  '[, ...q]',
  '{ ...q }',
  '{ q = 1 }',
  '[[q]]',
  '{ a: q = t }',
  '{}',
];
const pattern = fc.constantFrom(...PATTERNS);
const OPTIONS = ['mask', 'pad', 'reverse', 'unroll', 'stages', 'inBounds', 'precision', 'fill', 'cache', 'config'];

/** Expressions and statements that have syntax, over everything, with types that seldom fit. */
const { statement } = fc.letrec<{ expression: string; list: string; statement: string; block: string }>((tie) => ({
  expression: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    word,
    fc.tuple(tie('expression'), fc.constantFrom(...BINARY), tie('expression')).map((e) => `(${e.join(' ')})`),
    fc.tuple(fc.constantFrom(...LANGUAGE), tie('list')).map(([name, list]) => `${name}(${list})`),
    fc.tuple(tie('expression'), tie('list')).map(([e, list]) => `${e}(${list})`),
    fc
      .tuple(tie('expression'), fc.constantFrom(...LANGUAGE, ...WORDS), tie('list'))
      .map(([e, name, list]) => `${e}.${name}(${list})`),
    fc.tuple(tie('expression'), tie('expression')).map(([e, at]) => `${e}[${at}]`),
    fc.tuple(tie('expression'), word).map(([e, name]) => `${e}.${name}`),
    fc.tuple(tie('expression'), tie('expression'), tie('expression')).map(([q, a, b]) => `(${q} ? ${a} : ${b})`),
    fc
      .tuple(fc.constantFrom('-', '!', '~', '+', 'typeof ', 'void ', 'new '), tie('expression'))
      .map(([o, e]) => `(${o}${e})`),
    tie('list').map((list) => `[${list}]`),
    fc.tuple(fc.constantFrom(...OPTIONS), tie('expression')).map(([name, e]) => `({ ${name}: ${e} })`),
    fc.tuple(pattern, pattern, tie('expression')).map(([a, b, e]) => `((${a}, ${b}) => ${e})`),
    fc.tuple(pattern, tie('block')).map(([a, b]) => `((${a}) => ${b})`),
    fc.tuple(tie('expression'), tie('expression')).map(([a, b]) => `\`\${${a}} \${${b}}\``),
    tie('expression').map((e) => `(${e} as unknown as Tile<'f32', [4]>)`),
  ),
  list: fc.array(tie('expression'), { maxLength: 4 }).map((list) => list.join(', ')),
  statement: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    tie('expression').map((e) => `void ${e};`),
    tie('expression').map((e) => `(${e});`),
    fc
      .tuple(fc.constantFrom('const', 'let', 'var'), pattern, tie('expression'))
      .map(([d, p, e]) => `${d} ${p} = ${e};`),
    fc
      .tuple(fc.constantFrom('l', 't', 'o.a', 'q', 'a[0]', 'N', 'f'), tie('expression'))
      .map(([l, e]) => `${l} = ${e};`),
    fc.tuple(tie('expression'), tie('block'), tie('statement')).map(([e, b, s]) => `if (${e}) ${b} else ${s}`),
    fc.tuple(pattern, tie('list'), tie('block')).map(([q, e, b]) => `for (const ${q} of range(${e})) ${b}`),
    fc.tuple(pattern, tie('expression'), tie('block')).map(([q, e, b]) => `for (const ${q} of ${e}) ${b}`),
    fc.tuple(tie('expression'), tie('block')).map(([e, b]) => `while (${e}) ${b}`),
    fc.tuple(pattern, tie('block'), tie('list')).map(([q, b, e]) => `function g(${q}) ${b}\nvoid g(${e});`),
    tie('expression').map((e) => `return ${e};`),
    fc.constantFrom('return;', 'continue;', ';', 'debugger;', 'type q = number;', 'throw t;'),
    tie('block'),
  ),
  block: fc.array(tie('statement'), { maxLength: 4 }).map((list) => `{ ${list.join('\n')} }`),
}));

const inBody = fc
  .array(statement, { minLength: 1, maxLength: 8 })
  .map((list) => sourceOf({ args: ARGS, env: 'N, M', module: MODULE, body: `${SETUP}\n  ${list.join('\n  ')}` }));

/** Source text from nothing. */
export const soup = fc
  .oneof(
    { weight: 1, arbitrary: tokens },
    { weight: 2, arbitrary: tokens.map((body) => sourceOf({ args: ARGS, env: 'N, M', module: MODULE, body })) },
    { weight: 10, arbitrary: inBody },
  )
  .map((text): Source => ({ text, folder: 'test/fuzz' }));
