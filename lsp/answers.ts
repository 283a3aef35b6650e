import {
  type CodeAction,
  CodeActionKind,
  type CompletionItem,
  CompletionItemKind,
  type DocumentSymbol,
  type Hover,
  type InlayHint,
  InlayHintKind,
  type Location,
  type Position,
  type Range,
  SymbolKind,
} from 'vscode-languageserver/node';
import type { Diagnostic, Help } from '../compiler/diag/diagnostic.js';
import { completions } from './complete.js';
import { findDeclaration } from './find-declaration.js';
import { sent } from './findings.js';
import { hoverAt } from './hover.js';
import { hintsIn } from './inlay.js';
import { type Item, outline } from './outline.js';
import { pathOf } from './places.js';
import type { Session } from './session.js';
import type { View } from './view.js';

/** A request that names a place of a document. */
interface At {
  readonly textDocument: { readonly uri: string };
  readonly position: Position;
}
interface In {
  readonly textDocument: { readonly uri: string };
  readonly range: Range;
}

export async function hover(session: Session, { textDocument, position }: At): Promise<Hover | null> {
  const now = await session.current(textDocument.uri);
  if (now?.view == null) return null;
  const found = hoverAt(now.view, now.document.offsetAt(position));
  const span = found === null ? null : now.view.spanOf(found.node);
  if (found === null || span === null) return null;
  return { contents: { kind: 'markdown', value: found.markdown }, range: session.places.range(span) };
}

export async function definition(session: Session, { textDocument, position }: At): Promise<Location | null> {
  const now = await session.current(textDocument.uri);
  const node = now?.view?.nodeAt(now.document.offsetAt(position));
  if (now?.view == null || node == null) return null;
  const found = findDeclaration(now.view.project, now.view.module, node);
  return found === null ? null : session.places.location(found.span);
}

export async function inlayHints(session: Session, { textDocument, range }: In): Promise<InlayHint[]> {
  const now = await session.current(textDocument.uri);
  if (now?.view == null) return [];
  const { document, view } = now;
  const span = { file: view.file, start: document.offsetAt(range.start), end: document.offsetAt(range.end) };
  return hintsIn(view, span).map(({ at, label }) => ({
    position: document.positionAt(at),
    label,
    kind: InlayHintKind.Type,
  }));
}

const SYMBOLS = {
  kernel: SymbolKind.Function,
  plan: SymbolKind.Module,
  argument: SymbolKind.Variable,
  knob: SymbolKind.Constant,
  option: SymbolKind.Property,
} as const;

export async function symbols(session: Session, uri: string): Promise<DocumentSymbol[]> {
  const now = await session.current(uri);
  return now?.view == null ? [] : outline(now.view.module.source).flatMap((i) => symbol(session, now.view, i));
}

function symbol(session: Session, view: View | null, item: Item): DocumentSymbol[] {
  const [all, name] = [view?.spanOf(item.node), view?.spanOf(item.nameNode)];
  if (all == null || name == null) return [];
  const children = item.inside.flatMap((i) => symbol(session, view, i));
  const [range, selectionRange] = [session.places.range(all), session.places.range(name)];
  return [{ name: item.name, detail: item.what, kind: SYMBOLS[item.what], range, selectionRange, children }];
}

const KINDS = {
  function: CompletionItemKind.Function,
  method: CompletionItemKind.Method,
  constant: CompletionItemKind.Constant,
  variable: CompletionItemKind.Variable,
} as const;

/** Does not wait: the text that is being typed has rarely a meaning, and the one before it is known. */
export function completion(session: Session, { textDocument, position }: At): CompletionItem[] {
  const now = session.present(textDocument.uri);
  if (now === null) return [];
  const start = { line: position.line, character: 0 };
  const line = now.document.getText({ start, end: position });
  return completions(now.view, line).map(({ name, what, detail, doc }) => ({
    label: name,
    kind: KINDS[what],
    ...(detail === '' ? {} : { detail }),
    ...(doc === '' ? {} : { documentation: { kind: 'markdown', value: doc } }),
  }));
}

/** Every edit that the findings in a range suggest, and the explanation of their codes. */
export async function codeActions(session: Session, { textDocument, range }: In): Promise<CodeAction[]> {
  const file = pathOf(textDocument.uri);
  if (file === null || (await session.current(textDocument.uri)) === null) return [];
  const here = session.board.in(file).filter((d) => touches(session, d, range));
  const fixes = here.flatMap((d) => d.help.flatMap((h) => fix(session, file, d, h) ?? []));
  const codes = [...new Set(here.map((d) => d.code))];
  return [...fixes, ...codes.map((code) => explain(code))];
}

function touches(session: Session, d: Diagnostic, range: Range): boolean {
  if (d.span === null) return range.start.line === 0;
  const { start, end } = session.places.range(d.span);
  return !before(end, range.start) && !before(range.end, start);
}

const before = (a: Position, b: Position): boolean =>
  a.line < b.line || (a.line === b.line && a.character < b.character);

function fix(session: Session, file: string, d: Diagnostic, { text, edit }: Help): CodeAction | null {
  if (edit === undefined) return null;
  const change = { range: session.places.range(edit.span), newText: edit.newText };
  return {
    title: text,
    kind: CodeActionKind.QuickFix,
    diagnostics: [sent(d, file, session.places, () => null)],
    isPreferred: d.help.filter((h) => h.edit !== undefined).length === 1,
    edit: { changes: { [session.places.uriOf(edit.span.file)]: [change] } },
  };
}

export const EXPLAIN = 'lac.explain';

function explain(code: string): CodeAction {
  const title = `Explain ${code}`;
  return { title, kind: CodeActionKind.Empty, command: { title, command: EXPLAIN, arguments: [code] } };
}
