import type { ts as TS } from 'ts-morph';
import type { Help } from '../../compiler/diag/diagnostic.js';
import { spanOf } from '../read/diagnostics.js';
import type { Binding, Exported, SourceModule } from '../read/module.js';
import { isLanguage } from '../read/resolve.js';
import { ts } from '../read/typescript.js';
import { MATH_CONSTANTS, MATH_FUNCTIONS } from './builtins/fold.js';
import { languageNames, languageValue } from './builtins/table.js';
import { declaredInBlock } from './declared-in-block.js';
import { bare, type Evaluator } from './evaluator.js';
import { evaluate } from './expression.js';
import { insteadOf, withoutPrefix } from './foreign-names.js';
import { didYouMean } from './names.js';
import { bindPattern } from './pattern.js';
import { rootFrame, Scope } from './scope.js';
import { type NamespaceVal, NONE, num, POISON, type Val } from './value.js';

/** Value of an identifier where it is used. */
export function lookUp(ev: Evaluator, node: TS.Identifier, scope: Scope): Val {
  const found = scope.find(node.text);
  if (found !== undefined) {
    if (found.cell.kind === 'let' && found.frame !== ev.frame) return closesOverLet(ev, node);
    return found.cell.value;
  }
  if (scope.module.bindings.has(node.text)) return moduleValue(ev, scope.module, node.text, node);
  return globalValue(node.text) ?? unknownName(ev, node, scope);
}

function closesOverLet(ev: Evaluator, node: TS.Identifier): Val {
  return ev.error('LAC0106', node, `this function uses the variable ${node.text} of the code around it`, {
    help: [`pass ${node.text} as an argument, or make it a const`],
  });
}

function globalValue(name: string): Val | undefined {
  if (name === 'undefined') return NONE;
  if (name === 'Infinity') return num(Number.POSITIVE_INFINITY);
  if (name === 'NaN') return num(Number.NaN);
  return name === 'Math' ? MATH : undefined;
}

const MATH: NamespaceVal = {
  kind: 'namespace',
  name: 'Math',
  names: () => [...Object.keys(MATH_CONSTANTS), ...Object.keys(MATH_FUNCTIONS)],
  get: (name) => {
    if (Object.hasOwn(MATH_CONSTANTS, name)) return num(MATH_CONSTANTS[name] ?? 0);
    return Object.hasOwn(MATH_FUNCTIONS, name) ? { kind: 'builtin', name: `Math.${name}` } : undefined;
  },
};

/** An edit that adds a name to the import of the language, where there is one with a list. */
function importHelp(module: SourceModule, name: string): string | Help {
  const text = `import { ${name} } from 'lac'`;
  for (const b of module.bindings.values()) {
    if (b.kind !== 'import' || !ts.isImportSpecifier(b.node) || !isLanguage(module.path, b.specifier)) continue;
    const end = spanOf(b.node).end;
    return { text, edit: { span: { ...spanOf(b.node), start: end }, newText: `, ${name}` } };
  }
  return text;
}

function unknownName(ev: Evaluator, node: TS.Identifier, scope: Scope): Val {
  if (languageValue(node.text) !== undefined)
    return ev.error('LAC0104', node, `${node.text} is not imported`, { help: [importHelp(scope.module, node.text)] });
  const foreign = withoutPrefix(node) ?? insteadOf(node.text, node);
  if (foreign !== undefined) return ev.error('LAC0104', node, `there is no ${node.text} here`, { help: [foreign] });
  const outside = declaredInBlock(node);
  if (outside !== null)
    return ev.error('LAC0104', node, `there is no ${node.text} here`, {
      labels: [{ span: spanOf(outside), text: 'this one lives to the end of its block' }],
      help: [`declare it before the block, let ${node.text} = ..., and assign it there`],
    });
  const meant = didYouMean(node.text, [...scope.names(), ...scope.module.bindings.keys(), ...languageNames()]);
  return ev.error('LAC0104', node, `there is no ${node.text} here`, {
    help:
      meant === undefined
        ? inFunction(ev)
        : [{ text: `did you mean ${meant}?`, edit: { span: spanOf(node), newText: meant } }],
  });
}

const inFunction = (ev: Evaluator): string[] =>
  ev.frame.callee === null ? [] : ['functions see module constants and their own arguments: pass it in'];

/** Value of a top-level name of a file: constants are computed once, without running anything. */
export function moduleValue(ev: Evaluator, module: SourceModule, name: string, at: TS.Node): Val {
  const known = module.values.get(name);
  if (known !== undefined) return known;
  const binding = module.bindings.get(name);
  if (binding === undefined) return POISON;
  if (module.open.has(name)) return ev.error('LAC0115', at, `${name} is defined in terms of itself`);
  module.open.add(name);
  const before = ev.findings.list.length;
  try {
    const value = bindingValue(ev, module, name, binding, at);
    // What was reported must be reported again to the next kernel that uses it, so it is not kept.
    if (ev.findings.list.length === before && value.kind !== 'poison') module.values.set(name, value);
    return value;
  } finally {
    module.open.delete(name);
  }
}

function bindingValue(ev: Evaluator, module: SourceModule, name: string, binding: Binding, at: TS.Node): Val {
  switch (binding.kind) {
    case 'const':
      return constantValue(ev, module, name, binding.node);
    case 'let':
      return ev.error('LAC0106', at, `${name} is a module variable, which may change`, { help: ['make it a const'] });
    case 'function':
      return { kind: 'fn', node: binding.node, scope: new Scope(module, null, rootFrame), name };
    case 'expression':
      return ev.atModuleLevel(() => evaluate(ev, binding.node, new Scope(module, null, rootFrame)));
    case 'import':
      return importedValue(ev, module, binding.specifier, binding.imported, binding.node);
    case 'other':
      return ev.error('LAC0103', at, `kernels cannot use the ${binding.what} ${name}`, {
        help: ['write functions and constants'],
      });
  }
}

function constantValue(ev: Evaluator, module: SourceModule, name: string, node: TS.VariableDeclaration): Val {
  const { initializer } = node;
  if (initializer === undefined) return NONE;
  return ev.atModuleLevel(() => {
    const scope = new Scope(module, null, rootFrame);
    bindPattern(ev, scope, node.name, evaluate(ev, initializer, scope), 'const', node);
    return named(scope.cells.get(name)?.value ?? POISON, name, initializer);
  });
}

/** A kernel or plan is called as the constant that it is made for. */
function named(val: Val, name: string, made: TS.Expression): Val {
  if (val.kind === 'kernel' && ts.isCallExpression(bare(made))) return { ...val, decl: { ...val.decl, name } };
  if (val.kind === 'plan' && ts.isCallExpression(bare(made))) return { ...val, decl: { ...val.decl, name } };
  return val;
}

function importedValue(ev: Evaluator, from: SourceModule, specifier: string, name: string, node: TS.Node): Val {
  const target = ev.project.resolve(from, specifier, node, ev.findings);
  if (target === null) return POISON;
  if (name === '*') return namespaceOf(ev, target, specifier, node);
  if (target !== 'lac') return exportedValue(ev, target, name, node);
  return languageValue(name) ?? notExported(ev, node, name, specifier, languageNames());
}

function namespaceOf(ev: Evaluator, target: SourceModule | 'lac', specifier: string, node: TS.Node): Val {
  if (target === 'lac') return { kind: 'namespace', name: specifier, names: languageNames, get: languageValue };
  return {
    kind: 'namespace',
    name: specifier,
    names: () => [...target.exports.keys()],
    get: (name) => valueIn(ev, target, name, node),
  };
}

/** What a file exports under a name, through re-exports. */
export function exportedValue(ev: Evaluator, module: SourceModule, name: string, node: TS.Node): Val {
  const exported: Exported | undefined = module.exports.get(name);
  const found = exported === undefined ? throughAll(ev, module, name, node) : undefined;
  if (found !== undefined) return found;
  if (exported === undefined)
    return notExported(ev, node, name, module.path.replace(/.*[\\/]/, ''), module.exports.keys());
  if (exported.kind === 'local')
    return module.bindings.has(exported.name) ? moduleValue(ev, module, exported.name, node) : POISON;
  const key = `export ${name}`;
  if (module.open.has(key)) return ev.error('LAC0115', node, `${name} is re-exported in a circle`);
  module.open.add(key);
  try {
    return importedValue(ev, module, exported.specifier, exported.name, exported.node);
  } finally {
    module.open.delete(key);
  }
}

/** What `export * from` gives under a name. */
function throughAll(ev: Evaluator, module: SourceModule, name: string, node: TS.Node): Val | undefined {
  if (name === 'default' || module.open.has(`export * ${name}`)) return undefined;
  module.open.add(`export * ${name}`);
  try {
    for (const specifier of module.all) {
      const target = ev.project.resolve(module, specifier.text, specifier, ev.findings);
      if (target === null) return POISON;
      const value = target === 'lac' ? languageValue(name) : valueIn(ev, target, name, node);
      if (value !== undefined) return value;
    }
    return undefined;
  } finally {
    module.open.delete(`export * ${name}`);
  }
}

const valueIn = (ev: Evaluator, module: SourceModule, name: string, node: TS.Node): Val | undefined =>
  module.exports.has(name) ? exportedValue(ev, module, name, node) : throughAll(ev, module, name, node);

function notExported(ev: Evaluator, node: TS.Node, name: string, from: string, names: Iterable<string>): Val {
  const meant = didYouMean(name, names);
  return ev.error('LAC0112', node, `'${from}' does not export ${name}`, {
    help: meant === undefined ? [] : [`did you mean ${meant}?`],
  });
}
