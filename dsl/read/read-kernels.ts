import type { ts as TS } from 'ts-morph';
import { type Diagnostic, diagnostic } from '../../compiler/diag/diagnostic.js';
import { Abandon, bare, Evaluator } from '../lower/evaluator.js';
import type { Observer } from '../lower/observer.js';
import { exportedValue, moduleValue } from '../lower/resolve-name.js';
import { POISON, type Val } from '../lower/value.js';
import type { KernelDecl } from './declaration.js';
import { Findings, spanOf } from './diagnostics.js';
import type { SourceModule } from './module.js';
import type { PlanDecl } from './plan-declaration.js';
import type { ReadResult, SourceProject } from './project.js';
import { ts } from './typescript.js';

/** The kernels and plans of a file. Other exports, and whatever a host program does at its top level, are not looked at. */
export function readKernels(
  project: SourceProject,
  module: SourceModule,
  observer: Observer | null = null,
): ReadResult {
  const findings = new Findings();
  const ev = new Evaluator(project, findings, null, null);
  ev.observer = observer;
  const found: Found = { kernels: [], plans: [] };
  const local: Found = { kernels: [], plans: [] };
  const exported = new Set<string>();
  for (const [name, e] of module.exports) {
    if (e.kind === 'local') exported.add(e.name);
    if (
      e.kind === 'local'
        ? !isKernel(project, module, e.name)
        : !isReexported(project, module, e.specifier, e.name, e.node)
    )
      continue;
    if (!IDENTIFIER.test(name)) {
      findings.add(unspeakable(name, e.node));
      continue;
    }
    keep(
      found,
      name,
      guarded(findings, () => exportedValue(ev, module, name, e.node)),
    );
  }
  for (const [name, b] of module.bindings) {
    if (b.kind !== 'const' || exported.has(name) || !isKernel(project, module, name)) continue;
    keep(
      local,
      name,
      guarded(findings, () => moduleValue(ev, module, name, b.node)),
    );
    if (!isUsed(module, name)) notExported(findings, b.node, name);
  }
  hiddenKernels(module, findings);
  const unexported = { unexported: local.kernels, unexportedPlans: local.plans };
  return { ...found, ...unexported, diagnostics: findings.list };
}

/** A kernel's name becomes the name of files and of functions; `export { k as '../k' }` is legal TypeScript. */
const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;

function unspeakable(name: string, node: TS.Node): Diagnostic {
  const help = ['export it under an identifier'];
  return diagnostic('LAC0308', `a kernel cannot be exported as ${JSON.stringify(name)}`, spanOf(node), { help });
}

interface Found {
  readonly kernels: KernelDecl[];
  readonly plans: PlanDecl[];
}

/** The same declaration as before where nothing but its name could differ: what was compiled for it is found again. */
function keep(into: Found, name: string, val: Val): void {
  if (val.kind === 'kernel') into.kernels.push(val.decl.name === name ? val.decl : { ...val.decl, name });
  if (val.kind === 'plan') into.plans.push(val.decl.name === name ? val.decl : { ...val.decl, name });
}

function guarded(findings: Findings, run: () => Val): Val {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof Abandon)) throw error;
    findings.add(error.diagnostic);
    return POISON;
  }
}

function notExported(findings: Findings, node: TS.VariableDeclaration, name: string): void {
  const message = `${name} is not exported, so nothing can compile it`;
  const { start, file } = spanOf(node.parent.parent);
  const edit = { span: { file, start, end: start }, newText: 'export ' };
  const help = [{ text: `write export const ${name} = kernel(...)`, edit }];
  findings.add(diagnostic('LAC0308', message, spanOf(node.name), { severity: 'warning', help }));
}

/** Declarations that no exported constant holds: in functions and objects, in `let`, as statements and default exports. */
function hiddenKernels(module: SourceModule, findings: Findings): void {
  const visit = (node: TS.Node): void => {
    if (ts.isCallExpression(node) && isDeclaration(module, node)) {
      const why = hiddenBy(node);
      if (why !== null) hidden(findings, node, why);
      return;
    }
    ts.forEachChild(node, visit);
  };
  visit(module.source);
}

/** Why the compiler does not find a declaration; null where a top-level constant has it. */
function hiddenBy(call: TS.CallExpression): string | null {
  let node: TS.Node = call.parent;
  while (ts.isExpression(node) && bare(node) === call) node = node.parent;
  if (ts.isExpressionStatement(node) && ts.isSourceFile(node.parent)) return 'has no name';
  if (ts.isExportAssignment(node)) return 'has no name: it is the default export';
  for (let around: TS.Node = node; !ts.isSourceFile(around); around = around.parent)
    if (ts.isFunctionLike(around)) return 'is made inside a function';
  if (!ts.isVariableDeclaration(node)) return 'is part of a larger expression';
  const list = node.parent;
  if (!ts.isVariableDeclarationList(list) || !ts.isSourceFile(list.parent.parent)) return 'is made inside a block';
  if (!ts.isIdentifier(node.name)) return 'is part of a pattern';
  return (list.flags & ts.NodeFlags.Const) === 0 ? 'may change: it is no const' : null;
}

function hidden(findings: Findings, call: TS.CallExpression, why: string): void {
  const help = [
    'write export const name = kernel(...) at the top level; sizes that differ are comptime dimensions, knobs or options',
  ];
  const message = `this kernel ${why}, so nothing can compile it`;
  findings.add(diagnostic('LAC0308', message, spanOf(call.expression), { severity: 'warning', help }));
}

/** Whether a name's initialiser is `kernel(...)`, `plan(...)`, a kernel's `.with(...)`, or another such name. */
function isKernel(project: SourceProject, module: SourceModule, name: string, depth = 0): boolean {
  const binding = module.bindings.get(name);
  if (binding === undefined || depth > 32) return false;
  if (binding.kind === 'import')
    return isReexported(project, module, binding.specifier, binding.imported, binding.node, depth);
  if (binding.kind !== 'const' || binding.node.initializer === undefined || !ts.isIdentifier(binding.node.name))
    return false;
  const e = bare(binding.node.initializer);
  if (isDeclaration(module, e)) return true;
  const root =
    ts.isCallExpression(e) && ts.isPropertyAccessExpression(e.expression) && e.expression.name.text === 'with'
      ? bare(e.expression.expression)
      : e;
  return ts.isIdentifier(root) && isKernel(project, module, root.text, depth + 1);
}

function isReexported(
  project: SourceProject,
  module: SourceModule,
  specifier: string,
  name: string,
  node: TS.Node,
  depth = 0,
): boolean {
  const target = project.resolve(module, specifier, node, new Findings());
  if (target === null || target === 'lac' || depth > 32) return false;
  const e = target.exports.get(name);
  if (e === undefined) return false;
  return e.kind === 'local'
    ? isKernel(project, target, e.name, depth + 1)
    : isReexported(project, target, e.specifier, e.name, e.node, depth + 1);
}

/** A call of the language's `kernel` or `plan`. */
function isDeclaration(module: SourceModule, e: TS.Expression): boolean {
  if (!ts.isCallExpression(e)) return false;
  const callee = bare(e.expression);
  if (ts.isPropertyAccessExpression(callee) && ts.isIdentifier(callee.expression)) {
    const space = module.bindings.get(callee.expression.text);
    return space?.kind === 'import' && space.imported === '*' && isDeclaring(callee.name.text);
  }
  const binding = ts.isIdentifier(callee) ? module.bindings.get(callee.text) : undefined;
  return binding?.kind === 'import' && isDeclaring(binding.imported);
}

const isDeclaring = (name: string): boolean => name === 'kernel' || name === 'plan';

/** Whether a top-level name is mentioned anywhere but in its own declaration. */
function isUsed(module: SourceModule, name: string): boolean {
  let mentions = 0;
  const visit = (n: TS.Node): void => {
    if (ts.isIdentifier(n) && n.text === name) mentions++;
    ts.forEachChild(n, visit);
  };
  visit(module.source);
  return mentions > 1;
}
