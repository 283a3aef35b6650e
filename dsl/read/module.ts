import type { ts as TS } from 'ts-morph';
import type { Val } from '../lower/value.js';
import { ts } from './typescript.js';

/** What a name at the top level of a file stands for. Types are not values and have no binding. */
export type Binding =
  | { readonly kind: 'const'; readonly node: TS.VariableDeclaration }
  | { readonly kind: 'let'; readonly node: TS.VariableDeclaration }
  | { readonly kind: 'function'; readonly node: TS.FunctionDeclaration }
  /** `export default expression`, under the name `default`. */
  | { readonly kind: 'expression'; readonly node: TS.Expression }
  /** `imported` is '*' for a namespace. */
  | { readonly kind: 'import'; readonly specifier: string; readonly imported: string; readonly node: TS.Node }
  | { readonly kind: 'other'; readonly what: string; readonly node: TS.Node };

export type Exported =
  | { readonly kind: 'local'; readonly name: string; readonly node: TS.Node }
  | { readonly kind: 'from'; readonly specifier: string; readonly name: string; readonly node: TS.Node };

/** One source file: its names, never its execution. */
export interface SourceModule {
  readonly path: string;
  readonly text: string;
  readonly source: TS.SourceFile;
  readonly bindings: ReadonlyMap<string, Binding>;
  readonly exports: ReadonlyMap<string, Exported>;
  /** `export * from`. */
  readonly all: readonly TS.StringLiteral[];
  /** Values of module constants that were asked for. */
  readonly values: Map<string, Val>;
  /** Constants whose value is being computed: meeting one again is a cycle. */
  readonly open: Set<string>;
}

export function moduleOf(path: string, text: string, source: TS.SourceFile): SourceModule {
  const bindings = new Map<string, Binding>();
  const exports = new Map<string, Exported>();
  for (const statement of source.statements) {
    bind(statement, bindings);
    collectExports(statement, exports);
  }
  const all = source.statements.flatMap((s) => exportAll(s) ?? []);
  return { path, text, source, bindings, exports, all, values: new Map(), open: new Set() };
}

const isExported = (node: TS.Node): boolean =>
  ts.canHaveModifiers(node) && (ts.getModifiers(node) ?? []).some((m) => m.kind === ts.SyntaxKind.ExportKeyword);

function exportAll(s: TS.Statement): TS.StringLiteral | undefined {
  if (!ts.isExportDeclaration(s) || s.isTypeOnly || s.exportClause !== undefined) return undefined;
  return s.moduleSpecifier !== undefined && ts.isStringLiteral(s.moduleSpecifier) ? s.moduleSpecifier : undefined;
}

const isDefault = (node: TS.Node): boolean =>
  ts.canHaveModifiers(node) && (ts.getModifiers(node) ?? []).some((m) => m.kind === ts.SyntaxKind.DefaultKeyword);

function bind(statement: TS.Statement, into: Map<string, Binding>): void {
  if (ts.isImportDeclaration(statement)) bindImport(statement, into);
  else if (ts.isFunctionDeclaration(statement)) bindFunction(statement, into);
  else if (ts.isExportAssignment(statement) && statement.isExportEquals !== true)
    into.set('default', { kind: 'expression', node: statement.expression });
  else if (ts.isVariableStatement(statement)) bindVariables(statement.declarationList, into);
  else if (ts.isClassDeclaration(statement) || ts.isEnumDeclaration(statement)) {
    const what = ts.isClassDeclaration(statement) ? 'class' : 'enum';
    if (statement.name !== undefined) into.set(statement.name.text, { kind: 'other', what, node: statement });
  }
}

/** Of overloads, the one with the body; a default export may have no name. */
function bindFunction(node: TS.FunctionDeclaration, into: Map<string, Binding>): void {
  const name = node.name?.text ?? 'default';
  if (node.body !== undefined || !into.has(name)) into.set(name, { kind: 'function', node });
}

function bindVariables(list: TS.VariableDeclarationList, into: Map<string, Binding>): void {
  const kind = (list.flags & ts.NodeFlags.Const) !== 0 ? 'const' : 'let';
  for (const node of list.declarations) for (const name of boundNames(node.name)) into.set(name, { kind, node });
}

export function boundNames(name: TS.BindingName): string[] {
  if (ts.isIdentifier(name)) return [name.text];
  return name.elements.flatMap((e) => (ts.isOmittedExpression(e) ? [] : boundNames(e.name)));
}

function bindImport(node: TS.ImportDeclaration, into: Map<string, Binding>): void {
  const clause = node.importClause;
  if (clause === undefined || clause.isTypeOnly || !ts.isStringLiteral(node.moduleSpecifier)) return;
  const specifier = node.moduleSpecifier.text;
  const add = (local: string, imported: string, at: TS.Node): void => {
    into.set(local, { kind: 'import', specifier, imported, node: at });
  };
  if (clause.name !== undefined) add(clause.name.text, 'default', clause.name);
  const named = clause.namedBindings;
  if (named === undefined) return;
  if (ts.isNamespaceImport(named)) add(named.name.text, '*', named);
  else for (const e of named.elements) if (!e.isTypeOnly) add(e.name.text, e.propertyName?.text ?? e.name.text, e);
}

function collectExports(statement: TS.Statement, into: Map<string, Exported>): void {
  if (ts.isVariableStatement(statement) && isExported(statement))
    for (const d of statement.declarationList.declarations)
      for (const name of boundNames(d.name)) into.set(name, { kind: 'local', name, node: d });
  else if (ts.isFunctionDeclaration(statement) && isExported(statement)) {
    const name = statement.name?.text ?? 'default';
    into.set(isDefault(statement) ? 'default' : name, { kind: 'local', name, node: statement });
  } else if (ts.isExportAssignment(statement) && statement.isExportEquals !== true)
    into.set('default', { kind: 'local', name: 'default', node: statement });
  else if (ts.isExportDeclaration(statement) && !statement.isTypeOnly) exportList(statement, into);
}

function exportList(node: TS.ExportDeclaration, into: Map<string, Exported>): void {
  const from = node.moduleSpecifier;
  if (node.exportClause === undefined) return;
  if (!ts.isNamedExports(node.exportClause)) {
    const { name } = node.exportClause;
    if (from !== undefined && ts.isStringLiteral(from))
      into.set(name.text, { kind: 'from', specifier: from.text, name: '*', node: name });
    return;
  }
  for (const e of node.exportClause.elements) {
    if (e.isTypeOnly) continue;
    const name = e.propertyName?.text ?? e.name.text;
    if (from !== undefined && ts.isStringLiteral(from))
      into.set(e.name.text, { kind: 'from', specifier: from.text, name, node: e });
    else into.set(e.name.text, { kind: 'local', name, node: e });
  }
}
