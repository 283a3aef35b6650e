import { readFileSync } from 'node:fs';

/** An entry of the reference: what its docstring in the source of the page says, and the snippet below it. */
export interface Entry {
  /** What it is about: names of the language, or a form of statement. */
  readonly names: readonly string[];
  /** Heading, where the names are none. */
  readonly title: string;
  /** Rows of the op table that it becomes. */
  readonly ops: readonly string[];
  readonly text: string;
  readonly shapes: string;
  readonly dtypes: string;
  readonly corners: readonly string[];
  /** Diagnostic codes that it can give. */
  readonly errors: readonly string[];
  /** The last kernel that the snippet exports; null where the entry has none of its own. */
  readonly kernel: string | null;
  readonly snippet: string;
  /** `x = value` of an argument before the launch, `y -> value` after it. */
  readonly given: Values;
  readonly result: Values;
}
export type Nested = number | readonly Nested[];
export type Values = Readonly<Record<string, Nested>>;

export interface Page {
  readonly title: string;
  readonly intro: string;
  readonly imports: string;
  readonly entries: readonly Entry[];
}

/** A page is a TypeScript file: a docstring with `@page`, imports, and entries: a docstring with `@entry`, then code. */
export function readPage(file: string): Page {
  const text = readFileSync(file, 'utf8');
  const [head = '', ...parts] = text.split(/^(?=\/\*\*\n \* @entry )/m);
  const [, doc = '', imports = ''] = /^\/\*\*\n([\s\S]*?) \*\/\n([\s\S]*)$/.exec(head) ?? [];
  const tags = tagsOf(doc);
  return {
    title: tags.get('page')?.[0] ?? '',
    intro: tags.get('')?.[0] ?? '',
    imports: imports.trim(),
    entries: parts.map(readEntry),
  };
}

function readEntry(part: string): Entry {
  const [, doc = '', code = ''] = /^\/\*\*\n([\s\S]*?) \*\/\n([\s\S]*)$/.exec(part) ?? [];
  const tags = tagsOf(doc);
  const words = (name: string): string[] =>
    (tags.get(name) ?? []).flatMap((line) => line.split(/[\s,]+/)).filter(Boolean);
  return {
    names: (tags.get('entry')?.[0] ?? '').split(/; */),
    title: tags.get('title')?.[0] ?? '',
    ops: words('ops'),
    text: tags.get('')?.[0] ?? '',
    shapes: tags.get('shapes')?.join(' ') ?? '',
    dtypes: tags.get('dtypes')?.join(' ') ?? '',
    corners: tags.get('corner') ?? [],
    errors: words('errors'),
    kernel: [...code.matchAll(/^export const (\w+) = (?:kernel|plan|\w+\.with)\(/gm)].at(-1)?.[1] ?? null,
    snippet: code.trim(),
    given: valuesOf(code, '='),
    result: valuesOf(code, '->'),
  };
}

/** Text under each tag of a docstring, in order; what stands before the first, or after an empty line, under ''. */
function tagsOf(doc: string): Map<string, string[]> {
  const tags = new Map<string, string[]>();
  for (const block of doc.replaceAll(/^ \* ?/gm, '').split(/\n(?=@)|\n\n(?!@)/)) {
    const [, name = '', text = ''] = /^(?:@(\w+) ?)?([\s\S]*)$/.exec(block.trim()) ?? [];
    if (name === '' && text === '') continue;
    if (name === '') tags.set('', [[...(tags.get('') ?? []), text].join('\n\n')]);
    else tags.set(name, [...(tags.get(name) ?? []), text.replaceAll('\n', ' ')]);
  }
  return tags;
}

function valuesOf(code: string, sign: '=' | '->'): Values {
  const line = new RegExp(`^// (\\w+) ${sign} (.+)$`, 'gm');
  return Object.fromEntries([...code.matchAll(line)].map(([, name = '', value = '']) => [name, parse(value)]));
}

/** JSON with NaN and infinities. */
function parse(value: string): Nested {
  const quoted = value.replaceAll(/-?Infinity|NaN/g, (word) => `"${word}"`);
  return JSON.parse(quoted, (_, x) => (typeof x === 'string' ? Number(x) : x)) as Nested;
}
