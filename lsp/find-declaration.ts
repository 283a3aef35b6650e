import type { ts as TS } from 'ts-morph';
import type { Span } from '../compiler/diag/diagnostic.js';
import { Findings, spanOf } from '../dsl/read/diagnostics.js';
import type { SourceModule } from '../dsl/read/module.js';
import { ts } from '../dsl/read/typescript.js';
import type { SourceProject } from '../dsl/source.js';
import { declarationOfName } from './documentation.js';
import { bodyParameter, declaredPart, dimensionIn, type Part, specAround } from './kernel-call.js';
import { outwards } from './node-at.js';

/** Where a name is declared. `part`: what it is to the kernel around, where it stands in its declaration. */
export interface Found {
  readonly span: Span;
  readonly part?: Part;
}

type Resolver = Pick<SourceProject, 'resolve'>;
/** Re-exports that are followed; a circle is reported by the check. */
const MOST_HOPS = 32;

/** The declaration of the name, dimension or import path at a node: found in the syntax, whether or not it has a value. */
export function findDeclaration(project: Resolver, module: SourceModule, node: TS.Node): Found | null {
  if (ts.isStringLiteralLike(node)) return ofString(project, module, node);
  if (!ts.isIdentifier(node)) return null;
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent) && parent.name === node) return ofMember(project, module, parent);
  if (ts.isBindingElement(parent) && parent.propertyName === node) return ofBinding(parent) ?? null;
  if (ts.isImportSpecifier(parent) || ts.isImportClause(parent))
    return ofModuleName(project, module, ts.isImportSpecifier(parent) ? parent.name.text : node.text, 0);
  const local = ofScopes(node);
  if (local === null) return ofModuleName(project, module, node.text, 0);
  return (ts.isBindingElement(local.parent) ? ofBinding(local.parent) : undefined) ?? { span: spanOf(local) };
}

/** A dimension in quotes, or the path of an import. */
function ofString(project: Resolver, module: SourceModule, node: TS.StringLiteralLike): Found | null {
  if (ts.isImportDeclaration(node.parent) || ts.isExportDeclaration(node.parent)) {
    const target = project.resolve(module, node.text, node, new Findings());
    return target === null || target === 'lac' ? null : { span: { file: target.path, start: 0, end: 0 } };
  }
  const spec = specAround(node);
  const at = spec === null ? null : dimensionIn(spec, node.text);
  return at === null ? null : { span: spanOf(at), part: 'dimension' };
}

/** `space.name`, of a file that is imported whole. */
function ofMember(project: Resolver, module: SourceModule, node: TS.PropertyAccessExpression): Found | null {
  if (!ts.isIdentifier(node.expression) || ofScopes(node.expression) !== null) return null;
  const binding = module.bindings.get(node.expression.text);
  if (binding?.kind !== 'import' || binding.imported !== '*') return null;
  return ofImport(project, module, binding.specifier, node.name.text, node, 0);
}

/** What `{ C: own }` takes out of the parameters of a kernel's body. */
function ofBinding(element: TS.BindingElement): Found | undefined {
  const taken = bodyParameter(element);
  const part = taken === null ? null : declaredPart(taken);
  return part === null ? undefined : { span: spanOf(part.node), part: part.part };
}

/** The identifier that declares a name inside of functions; null where none does. */
function ofScopes(use: TS.Identifier): TS.Identifier | null {
  for (const around of outwards(use.parent)) {
    if (ts.isSourceFile(around)) return null;
    for (const name of namesDeclaredBy(around)) if (name.text === use.text) return name;
  }
  return null;
}

function* namesDeclaredBy(node: TS.Node): Generator<TS.Identifier> {
  if (ts.isBlock(node)) for (const s of node.statements) yield* namesOfStatement(s);
  else if (ts.isForOfStatement(node) && ts.isVariableDeclarationList(node.initializer))
    yield* namesOfList(node.initializer);
  else if (ts.isFunctionLike(node)) {
    for (const p of node.parameters) yield* namesOfBinding(p.name);
    if (ts.isFunctionExpression(node) && node.name !== undefined) yield node.name;
  }
}

function* namesOfStatement(s: TS.Statement): Generator<TS.Identifier> {
  if (ts.isVariableStatement(s)) yield* namesOfList(s.declarationList);
  else if (ts.isFunctionDeclaration(s) && s.name !== undefined) yield s.name;
}

function* namesOfList(list: TS.VariableDeclarationList): Generator<TS.Identifier> {
  for (const d of list.declarations) yield* namesOfBinding(d.name);
}

export function* namesOfBinding(name: TS.BindingName): Generator<TS.Identifier> {
  if (ts.isIdentifier(name)) yield name;
  else for (const e of name.elements) if (!ts.isOmittedExpression(e)) yield* namesOfBinding(e.name);
}

function ofModuleName(project: Resolver, module: SourceModule, name: string, hops: number): Found | null {
  const binding = module.bindings.get(name);
  if (binding === undefined || hops > MOST_HOPS) return null;
  switch (binding.kind) {
    case 'import':
      return ofImport(project, module, binding.specifier, binding.imported, binding.node, hops + 1);
    case 'const':
    case 'let': {
      const own = [...namesOfBinding(binding.node.name)].find((n) => n.text === name);
      return { span: spanOf(own ?? binding.node) };
    }
    case 'function':
      return { span: spanOf(binding.node.name ?? binding.node) };
    default:
      return { span: spanOf(binding.node) };
  }
}

function ofImport(
  project: Resolver,
  from: SourceModule,
  specifier: string,
  name: string,
  node: TS.Node,
  hops: number,
): Found | null {
  const target = project.resolve(from, specifier, node, new Findings());
  if (target === null || hops > MOST_HOPS) return null;
  if (target === 'lac') {
    const span = declarationOfName(name);
    return span === null ? null : { span };
  }
  if (name === '*') return { span: { file: target.path, start: 0, end: 0 } };
  const exported = target.exports.get(name);
  if (exported?.kind === 'local') return ofModuleName(project, target, exported.name, hops + 1);
  if (exported !== undefined) return ofImport(project, target, exported.specifier, exported.name, node, hops + 1);
  for (const all of target.all) {
    const found = ofImport(project, target, all.text, name, all, hops + 1);
    if (found !== null) return found;
  }
  return null;
}
