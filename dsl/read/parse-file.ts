import type { ts as TS } from 'ts-morph';
import { type Diagnostic, diagnostic } from '../../compiler/diag/diagnostic.js';
import { duplicateNames } from './duplicates.js';
import { foreignSyntax } from './foreign-syntax.js';
import { ts } from './typescript.js';

/** Largest source file that is read, in bytes. */
export const MAX_FILE_BYTES = 1 << 20;
/** Brackets that may be open at once; TypeScript's own parser overflows the stack at about 770. */
const MAX_NESTING = 128;
/** Depth of the syntax tree: nested brackets, but also `!!!!x`, `a ? b : c ? d : e`, `a + b + c + ...`. */
const MAX_TREE_DEPTH = 512;

export interface Parsed {
  readonly source: TS.SourceFile | null;
  readonly diagnostics: readonly Diagnostic[];
}

/** Text to syntax. Nothing is resolved or checked here; a syntax error is the only finding of its file. */
export function parseFile(file: string, text: string): Parsed {
  const deep = tooManyBrackets(text);
  if (deep !== null) return failed(nested(file, deep));
  const source = parse(file, text);
  if (source === null) return failed(nested(file, 0));
  const [error] = syntaxErrors(source);
  if (error !== undefined) {
    const start = Math.min(error.start, text.length);
    const span = { file, start, end: Math.min(start + Math.max(error.length, 1), Math.max(text.length, start)) };
    const help = foreignSyntax(text, start);
    return failed(diagnostic('LAC0101', ts.flattenDiagnosticMessageText(error.messageText, ' '), span, { help }));
  }
  const at = tooDeep(source);
  if (at !== null) return failed(nested(file, at));
  const duplicate = duplicateNames(source);
  return duplicate === null ? { source, diagnostics: [] } : failed(duplicate);
}

const failed = (d: Diagnostic): Parsed => ({ source: null, diagnostics: [d] });

function nested(file: string, at: number): Diagnostic {
  return diagnostic(
    'LAC0003',
    `nested more than ${MAX_NESTING} deep`,
    { file, start: at, end: at + 1 },
    {
      help: ['name the inner parts with `const`, or move them into a function'],
    },
  );
}

function parse(file: string, text: string): TS.SourceFile | null {
  try {
    return ts.createSourceFile(file, text, { languageVersion: ts.ScriptTarget.Latest }, true);
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

interface WithErrors {
  readonly parseDiagnostics?: readonly TS.DiagnosticWithLocation[];
}
/** `parseDiagnostics` is not in the public type; a program would be needed to reach it otherwise. */
const syntaxErrors = (source: TS.SourceFile): readonly TS.DiagnosticWithLocation[] =>
  (source as WithErrors).parseDiagnostics ?? [];

const OPEN = new Set([ts.SyntaxKind.OpenParenToken, ts.SyntaxKind.OpenBracketToken, ts.SyntaxKind.OpenBraceToken]);
const CLOSE = new Set([ts.SyntaxKind.CloseParenToken, ts.SyntaxKind.CloseBracketToken, ts.SyntaxKind.CloseBraceToken]);

/** Offset of the first bracket past the limit. Runs before the parser, which would overflow the stack. */
function tooManyBrackets(text: string): number | null {
  const scanner = ts.createScanner(ts.ScriptTarget.Latest, true, ts.LanguageVariant.Standard, text);
  let depth = 0;
  for (let token = scanner.scan(); token !== ts.SyntaxKind.EndOfFileToken; token = scanner.scan()) {
    if (OPEN.has(token)) depth++;
    else if (CLOSE.has(token)) depth = Math.max(0, depth - 1);
    if (depth > MAX_NESTING) return scanner.getTokenStart();
  }
  return null;
}

/** Start of the first node past the depth that the recursive walks of the compiler can take. */
function tooDeep(source: TS.SourceFile): number | null {
  const stack: [TS.Node, number][] = [[source, 0]];
  for (let entry = stack.pop(); entry !== undefined; entry = stack.pop()) {
    const [node, depth] = entry;
    if (depth > MAX_TREE_DEPTH) return node.getStart(source);
    ts.forEachChild(node, (child) => {
      stack.push([child, depth + 1]);
    });
  }
  return null;
}
