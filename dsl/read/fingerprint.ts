/**
 * What a kernel means, as a number: equal for sources that differ in comments and formatting, another one after any other
 * change of its declaration, or of a function or constant that it reaches, in whatever file. `tune`, `prune` and `prefer`
 * do not count: they say which configurations there are, and not what one of them computes.
 *
 * Syntax alone is looked at. Names are followed where a module has one of that name, so that more may be reached than a
 * kernel uses (a local name like that of a function beside it): then a change that does not matter counts too.
 */
import { createHash, type Hash } from 'node:crypto';
import type { ts as TS } from 'ts-morph';
import type { FnVal } from '../lower/value.js';
import type { KernelDecl } from './declaration.js';
import { Findings } from './diagnostics.js';
import type { SourceModule } from './module.js';
import { isPlan, type PlanDecl } from './plan-declaration.js';
import type { SourceProject } from './project.js';
import { isLanguage } from './resolve.js';
import { ts } from './typescript.js';

const known = new WeakMap<KernelDecl | PlanDecl, string>();

/** Remembered as long as the declaration lives. Values of options are not part of it, functions that are options are. */
export function fingerprint(decl: KernelDecl | PlanDecl): string {
  const found = known.get(decl) ?? computed(decl);
  known.set(decl, found);
  return found;
}

function computed(decl: KernelDecl | PlanDecl): string {
  const project = projectOf(decl);
  const walk = new Walk(project);
  for (const file of new Set([decl.declaredIn, decl.file])) walk.statementsAround(project?.module(file) ?? null, decl);
  for (const fn of functionsOf(decl)) walk.statement(topOf(fn.node), fn.scope.module);
  return walk.digest();
}

/** A plan has that of the kernels which it runs. */
function projectOf(decl: KernelDecl | PlanDecl): SourceProject | null {
  if (!isPlan(decl)) return decl.body.project;
  for (const run of decl.runs) {
    const project = projectOf(run.kernel);
    if (project !== null) return project;
  }
  return null;
}

/** Bodies, and functions that are options. */
function functionsOf(decl: KernelDecl | PlanDecl): FnVal[] {
  if (isPlan(decl)) return decl.runs.flatMap((run) => functionsOf(run.kernel));
  return [decl.body.fn, ...[...decl.body.options.values()].filter((value) => value.kind === 'fn')];
}

/** The statement of the file that a node belongs to. */
function topOf(node: TS.Node): TS.Node {
  let top = node;
  while (top.parent !== undefined && !ts.isSourceFile(top.parent)) top = top.parent;
  return top;
}

class Walk {
  readonly #project: SourceProject | null;
  readonly #hash: Hash = createHash('sha256');
  readonly #seen = new Set<TS.Node>();

  constructor(project: SourceProject | null) {
    this.#project = project;
  }

  digest(): string {
    return this.#hash.digest('hex').slice(0, 32);
  }

  /** The call of `kernel`, `plan` or `.with`: what is given there may be written nowhere else. */
  statementsAround(module: SourceModule | null, { span, file }: KernelDecl | PlanDecl): void {
    if (module === null || module.path !== file) return;
    const found = module.source.statements.find((s) => s.pos <= span.start && span.end <= s.end);
    if (found !== undefined) this.statement(found, module);
  }

  statement(statement: TS.Node, module: SourceModule): void {
    if (this.#seen.has(statement)) return;
    this.#seen.add(statement);
    const { text, names } = outlineOf(statement, module);
    this.#hash.update(text);
    for (const name of names) this.#follow(module, name);
  }

  #follow(module: SourceModule, name: string): void {
    const binding = module.bindings.get(name);
    if (binding === undefined) return;
    if (binding.kind === 'import') this.#import(module, binding.specifier, binding.imported, binding.node);
    else this.statement(topOf(binding.node), module);
  }

  #import(from: SourceModule, specifier: string, name: string, node: TS.Node): void {
    const target = this.#project?.resolve(from, specifier, node, new Findings()) ?? null;
    this.#hash.update(`import ${target === 'lac' ? name : ''}\n`);
    if (target === null || target === 'lac') return;
    if (name === '*') for (const each of target.exports.keys()) this.#exported(target, each);
    else this.#exported(target, name);
  }

  #exported(module: SourceModule, name: string): void {
    const exported = module.exports.get(name);
    if (exported?.kind === 'local') this.#follow(module, exported.name);
    else if (exported !== undefined && this.#first(exported.node))
      this.#import(module, exported.specifier, exported.name, exported.node);
    else if (exported === undefined)
      for (const all of module.all) if (this.#first(all, name)) this.#import(module, all.text, name, all);
  }

  readonly #met = new Map<TS.Node, Set<string>>();
  /** Re-exports may go in circles. */
  #first(node: TS.Node, name = ''): boolean {
    const met = this.#met.get(node) ?? new Set<string>();
    this.#met.set(node, met);
    return met.size < met.add(name).size;
  }
}

/** A statement without its formatting, and the names of the module in it. */
interface Outline {
  readonly text: string;
  readonly names: readonly string[];
}

/** Kernels of one file share much. */
const outlines = new WeakMap<TS.Node, Outline>();

function outlineOf(statement: TS.Node, module: SourceModule): Outline {
  const found = outlines.get(statement);
  if (found !== undefined) return found;
  const parts: string[] = [];
  const names = new Set<string>();
  outline(statement, module, parts, names);
  const made = { text: `${parts.join(' ')}\n`, names: [...names] };
  outlines.set(statement, made);
  return made;
}

function outline(node: TS.Node, module: SourceModule, parts: string[], names: Set<string>): void {
  if (ts.isParenthesizedExpression(node)) outline(node.expression, module, parts, names);
  else if ('text' in node) {
    parts.push(isName(node) ? 'name' : String(node.kind), JSON.stringify(node.text));
    if (ts.isIdentifier(node) && module.bindings.has(node.text) && !isProperty(node)) names.add(node.text);
  } else if (!saysWhichConfigurations(node, module)) {
    parts.push(`${node.kind}${distinction(node)}(`);
    ts.forEachChild(node, (child) => outline(child, module, parts, names));
    parts.push(')');
  }
}

/** What the kinds of a node and of its children do not tell. */
function distinction(node: TS.Node): string {
  if (ts.isPrefixUnaryExpression(node) || ts.isPostfixUnaryExpression(node)) return `:${node.operator}`;
  if (ts.isTypeOperatorNode(node)) return `:${node.operator}`;
  if (ts.isVariableDeclarationList(node)) return `:${node.flags & ts.NodeFlags.BlockScoped}`;
  if (ts.isBindingElement(node)) return `:${node.propertyName === undefined ? '' : 'renamed'}`;
  if (!ts.isForStatement(node)) return '';
  return `:${[node.initializer, node.condition, node.incrementor].map((part) => (part === undefined ? 0 : 1)).join('')}`;
}

/** `{ 'a': 1 }` is `{ a: 1 }`. */
const isName = (node: TS.Node): boolean =>
  ts.isIdentifier(node) ||
  (ts.isStringLiteral(node) && ts.isPropertyAssignment(node.parent) && node.parent.name === node);

const isProperty = (node: TS.Identifier): boolean => {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent) || ts.isPropertyAssignment(parent)) return parent.name === node;
  return ts.isBindingElement(parent) && parent.propertyName === node;
};

const ABOUT_CONFIGURATIONS: ReadonlySet<string> = new Set(['tune', 'prune', 'prefer']);

function saysWhichConfigurations(node: TS.Node, module: SourceModule): boolean {
  if (!ts.isObjectLiteralElement(node) || node.name === undefined || !ts.isIdentifier(node.name)) return false;
  if (!ABOUT_CONFIGURATIONS.has(node.name.text)) return false;
  const call = node.parent.parent;
  return call !== undefined && ts.isCallExpression(call) && call.arguments[0] === node.parent && declares(call, module);
}

function declares({ expression }: TS.CallExpression, { bindings, path }: SourceModule): boolean {
  const isMember = ts.isPropertyAccessExpression(expression) && ts.isIdentifier(expression.expression);
  const base = isMember ? (expression.expression as TS.Identifier) : expression;
  const binding = ts.isIdentifier(base) ? bindings.get(base.text) : undefined;
  if (binding?.kind !== 'import' || !isLanguage(path, binding.specifier)) return false;
  const name = isMember ? expression.name.text : binding.imported;
  return (!isMember || binding.imported === '*') && (name === 'kernel' || name === 'plan');
}
