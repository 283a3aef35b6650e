import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ts as TS } from 'ts-morph';
import type { Span } from '../compiler/diag/diagnostic.js';
import { BUILTINS } from '../dsl/lower/builtins/table.js';
import { TENSOR_METHODS } from '../dsl/lower/builtins/tensors.js';
import { VIEW_METHODS } from '../dsl/lower/builtins/views.js';
import { ts } from '../dsl/read/typescript.js';

/** What a name of the language means, as its own declaration says it. */
export interface Entry {
  /** How it is called. */
  readonly usage: string;
  readonly doc: string;
  /** Where it is declared; null if the declarations are not installed. */
  readonly declared: Span | null;
}

/** Files of `dsl` that declare the language to authors. */
const FILES = ['surface', 'declare', 'types', 'kernel-types', 'values'];
/** Interfaces whose members are the methods of views, or of tensors in plans. */
const OWNERS: ReadonlyMap<string, string> = new Map([
  ...['Readable', 'Writable', 'InView', 'OutView', 'InOutView'].map((name) => [name, 'view'] as const),
  ['PlanTensor', 'tensor'],
]);

type Declared = Readonly<Record<'doc', string>> & { readonly span: Span };
let known: ReadonlyMap<string, Declared> | undefined;

/** A function (`dot`) or a method (`view.load`, `tensor.reshape`) of the language; undefined for any other name. */
export function entryOf(name: string): Entry | undefined {
  const usage = usageOf(name);
  if (usage === undefined) return undefined;
  known ??= declarations();
  const found = known.get(name);
  return { usage, doc: found?.doc ?? '', declared: found?.span ?? null };
}

/** Where a name of the language that may be no function (`f32`, `all`, `Tile`) is declared. */
export function declarationOfName(name: string): Span | null {
  known ??= declarations();
  return known.get(name)?.span ?? null;
}

function usageOf(name: string): string | undefined {
  if (Object.hasOwn(BUILTINS, name)) return BUILTINS[name]?.usage;
  const [owner, method = ''] = name.split('.', 2);
  const methods: Readonly<Record<string, { readonly usage: string }>> =
    owner === 'view' ? VIEW_METHODS : owner === 'tensor' ? TENSOR_METHODS : {};
  return Object.hasOwn(methods, method) ? methods[method]?.usage : undefined;
}

function declarations(): Map<string, Declared> {
  const found = new Map<string, Declared>();
  for (const stem of FILES) {
    const source = declarationFile(stem);
    if (source !== null) collect(source, found);
  }
  return found;
}

/** Compiled, the declarations lie beside the program; from source, the program is their file. */
function declarationFile(stem: string): TS.SourceFile | null {
  for (const ending of ['d.ts', 'ts']) {
    const file = fileURLToPath(new URL(`../dsl/${stem}.${ending}`, import.meta.url));
    try {
      return ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
    } catch {}
  }
  return null;
}

function collect(source: TS.SourceFile, into: Map<string, Declared>): void {
  const docs = new Map<string, string>();
  for (const s of source.statements) {
    const doc = docOf(source, s);
    for (const name of namesOf(s)) {
      docs.set(name.text, doc);
      const text = doc || besides(s, docs);
      // Of overloads the first has the words.
      if (!into.has(name.text)) into.set(name.text, { doc: text, span: spanIn(source, name) });
    }
    const owner = ts.isInterfaceDeclaration(s) ? OWNERS.get(s.name.text) : undefined;
    if (ts.isInterfaceDeclaration(s) && owner !== undefined) collectMethods(source, s, owner, into);
  }
}

function collectMethods(
  source: TS.SourceFile,
  from: TS.InterfaceDeclaration,
  owner: string,
  into: Map<string, Declared>,
): void {
  for (const m of from.members) {
    const name = m.name !== undefined && ts.isIdentifier(m.name) ? `${owner}.${m.name.text}` : '';
    if (m.name !== undefined && name !== '' && !into.has(name))
      into.set(name, { doc: docOf(source, m), span: spanIn(source, m.name) });
  }
}

/** Words that stand with the type of a constant, or with the options of a function. */
function besides(s: TS.Statement, docs: ReadonlyMap<string, string>): string {
  const mentioned = [...s.getText().matchAll(/\b([A-Z]\w*)\b/g)].map(([, type = '']) => type);
  const wanted = ts.isVariableStatement(s) ? mentioned : mentioned.filter((type) => type.endsWith('Options'));
  return wanted.map((type) => docs.get(type) ?? '').find((doc) => doc !== '') ?? '';
}

function namesOf(s: TS.Statement): TS.Identifier[] {
  if (ts.isVariableStatement(s))
    return s.declarationList.declarations.flatMap(({ name }) => (ts.isIdentifier(name) ? [name] : []));
  const named = ts.isFunctionDeclaration(s) || ts.isInterfaceDeclaration(s) || ts.isTypeAliasDeclaration(s);
  return named && s.name !== undefined ? [s.name] : [];
}

const spanIn = (source: TS.SourceFile, node: TS.Node): Span => ({
  file: source.fileName,
  start: node.getStart(source),
  end: node.getEnd(),
});

/** The text of the comment before a declaration, without its stars. */
function docOf(source: TS.SourceFile, node: TS.Node): string {
  const ranges = ts.getLeadingCommentRanges(source.text, node.getFullStart()) ?? [];
  const text = ranges.map(({ pos, end }) => source.text.slice(pos, end)).findLast((t) => t.startsWith('/**')) ?? '';
  return text
    .replace(/^\/\*\*|\*\/$/g, '')
    .replace(/^[ \t]*\* ?/gm, '')
    .trim();
}
