import type { ts as TS } from 'ts-morph';
import { spanOf } from '../read/diagnostics.js';
import { boundNames } from '../read/module.js';
import { ts } from '../read/typescript.js';
import type { Evaluator } from './evaluator.js';
import { evaluate } from './expression.js';
import { didYouMean } from './names.js';
import type { Scope } from './scope.js';
import { type ArrVal, type Cell, describe, NONE, POISON, type Val } from './value.js';

/** Declares the names of a binding: an identifier, `{ a, b: c = 1 }`, `[x, y]`. */
export function bindPattern(
  ev: Evaluator,
  scope: Scope,
  name: TS.BindingName,
  val: Val,
  kind: Cell['kind'],
  at: TS.Node,
): void {
  if (ts.isIdentifier(name)) {
    declare(scope, name, val, kind);
    ev.observer?.saw(name, val);
  } else if (val.kind === 'poison') poisonAll(scope, name, kind);
  else if (ts.isObjectBindingPattern(name) && (val.kind === 'obj' || val.kind === 'namespace'))
    for (const e of name.elements) bindProperty(ev, scope, e, val, kind);
  else if (ts.isArrayBindingPattern(name) && val.kind === 'arr') bindItems(ev, scope, name, val, kind);
  else {
    ev.error('LAC0222', at, `${describe(val)} cannot be taken apart like this`, {
      help: [
        val.kind === 'tile'
          ? 'a tile is one value: max(x, axis) gives values, argmax(x, axis) their positions, slice(x, origin, shape) a part'
          : '[a, b] takes an array apart, { a, b } an object',
      ],
    });
    poisonAll(scope, name, kind);
  }
}

function declare(scope: Scope, name: TS.Identifier, value: Val, kind: Cell['kind']): void {
  if (value.kind === 'tile' || value.kind === 'view') value.v.hint ??= name.text;
  const as = declaredAs(name);
  scope.cells.set(name.text, {
    name: name.text,
    kind,
    value,
    declared: spanOf(name),
    ...(as === undefined ? {} : { as }),
  });
}

/** What declares a name that is no variable: the head of a loop, or a list of parameters. */
function declaredAs(name: TS.Identifier): Cell['as'] {
  let at: TS.Node = name.parent;
  while (ts.isBindingElement(at) || ts.isObjectBindingPattern(at) || ts.isArrayBindingPattern(at)) at = at.parent;
  if (ts.isParameter(at)) return 'parameter';
  return ts.isVariableDeclaration(at) && ts.isForOfStatement(at.parent.parent) ? 'index' : undefined;
}

function poisonAll(scope: Scope, name: TS.BindingName, kind: Cell['kind']): void {
  for (const n of boundNames(name)) scope.cells.set(n, { name: n, kind, value: POISON, declared: spanOf(name) });
}

function bindProperty(
  ev: Evaluator,
  scope: Scope,
  e: TS.BindingElement,
  from: Exclude<Val, { kind: 'poison' }>,
  kind: Cell['kind'],
): void {
  const key = e.propertyName ?? e.name;
  if (e.dotDotDotToken !== undefined && from.kind === 'obj') {
    const siblings = (e.parent as TS.ObjectBindingPattern).elements;
    const taken = new Set(siblings.map((x) => (x.propertyName ?? x.name).getText()));
    const props = new Map([...from.props].filter(([name]) => !taken.has(name)));
    bindPattern(ev, scope, e.name, { ...from, props }, kind, e);
    return;
  }
  if (e.dotDotDotToken !== undefined || !(ts.isIdentifier(key) || ts.isStringLiteral(key))) {
    ev.error('LAC0103', e, 'only plain names can be taken out of an object', { help: ['write { a, b: c, d = 1 }'] });
    poisonAll(scope, e.name, kind);
    return;
  }
  const found = propertyOf(from, key.text);
  const val = found ?? (e.initializer ? NONE : unknownProperty(ev, key, key.text, from, e.propertyName === undefined));
  bindPattern(ev, scope, e.name, withDefault(ev, scope, e, val), kind, e);
}

function withDefault(ev: Evaluator, scope: Scope, e: TS.BindingElement, val: Val): Val {
  return val.kind === 'none' && e.initializer !== undefined ? evaluate(ev, e.initializer, scope) : val;
}

function bindItems(ev: Evaluator, scope: Scope, name: TS.ArrayBindingPattern, val: ArrVal, kind: Cell['kind']): void {
  for (const [i, e] of name.elements.entries()) {
    if (ts.isOmittedExpression(e)) continue;
    if (e.dotDotDotToken !== undefined) {
      bindPattern(ev, scope, e.name, { kind: 'arr', items: val.items.slice(i) }, kind, e);
      continue;
    }
    const item = val.items[i];
    if (item === undefined && e.initializer === undefined) {
      ev.error('LAC0110', e, `there is no element ${i}: the array has ${val.items.length}`);
      poisonAll(scope, e.name, kind);
    } else bindPattern(ev, scope, e.name, withDefault(ev, scope, e, item ?? NONE), kind, e);
  }
}

/** A property that is there, computed if it is lazy. */
export function propertyOf(val: Val, name: string): Val | undefined {
  if (val.kind === 'namespace') return val.get(name);
  if (val.kind !== 'obj') return undefined;
  const value = val.props.get(name);
  return typeof value === 'function' ? value() : value;
}

/** `declares`: the name is also that of the variable it is taken into, which keeps it. */
export function unknownProperty(ev: Evaluator, at: TS.Node, name: string, from: Val, declares = false): Val {
  const names = from.kind === 'namespace' ? from.names() : from.kind === 'obj' ? [...from.props.keys()] : [];
  const meant = didYouMean(name, names);
  const where = from.kind === 'obj' ? from.elsewhere?.(name) : undefined;
  const help =
    where !== undefined
      ? [`${name} is among ${where}`]
      : meant === undefined
        ? listed(names)
        : [
            {
              text: `did you mean ${meant}?`,
              edit: { span: spanOf(at), newText: declares ? `${meant}: ${name}` : meant },
            },
          ];
  const declared = from.kind === 'obj' && from.what !== undefined;
  return ev.error(
    declared ? 'LAC0305' : 'LAC0110',
    at,
    `${from.kind === 'obj' && !declared ? 'this object' : describe(from)} ${declared ? 'do not include' : 'has no'} ${name}`,
    { help },
  );
}

const listed = (names: readonly string[]): string[] =>
  names.length === 0 || names.length > 12 ? [] : [`there are ${names.join(', ')}`];
