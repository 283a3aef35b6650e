import type { ts as TS } from 'ts-morph';
import { propertyNode } from '../dsl/lower/builtins/arguments.js';
import { bare } from '../dsl/lower/evaluator.js';
import { ts } from '../dsl/read/typescript.js';
import { outwards } from './node-at.js';

/** What a name is to the kernel that declares it. */
export type Part = 'argument' | 'temporary' | 'dimension' | 'knob' | 'option' | 'axis';

/** A name taken out of a parameter of a kernel's body, or of a function of its declaration. */
export interface Taken {
  readonly spec: TS.ObjectLiteralExpression;
  readonly name: string;
  /** Which parameter of the body: arguments, sizes, axes. */
  readonly parameter: 0 | 1 | 2;
}

/** `kernel({ ... }, body)` or `plan({ ... }, body)`, by its looks. */
export function specOf(call: TS.Node): TS.ObjectLiteralExpression | null {
  if (!ts.isCallExpression(call)) return null;
  const callee = bare(call.expression);
  const name = ts.isPropertyAccessExpression(callee) ? callee.name.text : ts.isIdentifier(callee) ? callee.text : '';
  const [spec] = call.arguments;
  return (name === 'kernel' || name === 'plan') && spec !== undefined && ts.isObjectLiteralExpression(spec)
    ? spec
    : null;
}

export function specAround(node: TS.Node): TS.ObjectLiteralExpression | null {
  for (const around of outwards(node)) {
    const spec = specOf(around);
    if (spec !== null) return spec;
  }
  return null;
}

/** What a binding element takes, if it is `{ name }` right in the parameter of a kernel's function. */
export function bodyParameter(element: TS.BindingElement): Taken | null {
  const pattern = element.parent;
  const parameter = pattern.parent;
  if (!ts.isObjectBindingPattern(pattern) || !ts.isParameter(parameter)) return null;
  const key = element.propertyName ?? element.name;
  const fn = parameter.parent;
  const spec = specAround(fn);
  if (spec === null || !ts.isIdentifier(key)) return null;
  const index = fn.parameters.indexOf(parameter);
  if (fn.parent === spec.parent) return index > 2 ? null : { spec, name: key.text, parameter: index as 0 | 1 | 2 };
  // grid, prune, tuneKey and temps are functions of the sizes.
  return ts.isPropertyAssignment(fn.parent) && fn.parent.parent === spec
    ? { spec, name: key.text, parameter: 1 }
    : null;
}

/** Where the declaration has a name. */
export function declaredPart({ spec, name, parameter }: Taken): { node: TS.Node; part: Part } | null {
  if (parameter === 0) return property(spec, 'args', name, 'argument') ?? returned(spec, 'temps', name, 'temporary');
  if (parameter === 2) return returned(spec, 'grid', name, 'axis');
  const dimension = dimensionIn(spec, name);
  if (dimension !== null) return { node: dimension, part: 'dimension' };
  return property(spec, 'tune', name, 'knob') ?? property(spec, 'options', name, 'option');
}

function property(
  spec: TS.ObjectLiteralExpression,
  key: string,
  name: string,
  part: Part,
): { node: TS.Node; part: Part } | null {
  const object = propertyNode(spec, key);
  if (object === undefined || !ts.isObjectLiteralExpression(object)) return null;
  const found = object.properties.find((p) => p.name?.getText() === name)?.name;
  return found === undefined ? null : { node: found, part };
}

/** A name of the object that a function of the declaration gives. */
function returned(
  spec: TS.ObjectLiteralExpression,
  key: string,
  name: string,
  part: Part,
): { node: TS.Node; part: Part } | null {
  const fn = propertyNode(spec, key);
  let found: TS.Node | null = null;
  const visit = (node: TS.Node): void => {
    const named = ts.isPropertyAssignment(node) || ts.isShorthandPropertyAssignment(node) ? node.name : null;
    if (named?.getText() === name) found ??= named;
    else ts.forEachChild(node, visit);
  };
  if (fn !== undefined) visit(fn);
  return found === null ? null : { node: found, part };
}

/** The first argument's axis of that name. */
export function dimensionIn(spec: TS.ObjectLiteralExpression, name: string): TS.Node | null {
  const args = propertyNode(spec, 'args');
  let found: TS.Node | null = null;
  const visit = (node: TS.Node): void => {
    if (found !== null) return;
    if (ts.isStringLiteralLike(node) && node.text === name && ts.isArrayLiteralExpression(node.parent)) found = node;
    else ts.forEachChild(node, visit);
  };
  if (args !== undefined) visit(args);
  return found;
}
