import type { ts as TS } from 'ts-morph';
import type { Help } from '../../compiler/diag/diagnostic.js';
import { spanOf } from '../read/diagnostics.js';
import { ts } from '../read/typescript.js';
import { binary, isBinaryOperator, logical, logicalNot, notMask, symbolicCall, unary } from './arithmetic.js';
import { select } from './builtins/math.js';
import { languageValue } from './builtins/table.js';
import { TENSOR_METHODS } from './builtins/tensors.js';
import { VIEW_METHODS } from './builtins/views.js';
import { evaluateCall } from './call.js';
import { isNumeric, type Operand, typeLabels } from './convert.js';
import { type Evaluator, textOf } from './evaluator.js';
import { insteadOf } from './foreign-names.js';
import { branch } from './join.js';
import { didYouMean } from './names.js';
import { propertyOf, unknownProperty } from './pattern.js';
import { lookUp } from './resolve-name.js';
import type { Scope } from './scope.js';
import { bool, describe, NONE, num, POISON, rankOf, type TileVal, tileTypeOf, type Val, viewTypeOf } from './value.js';

/** Value of an expression: compile-time data, or a tile whose ops were appended to the current block. */
export function evaluate(ev: Evaluator, node: TS.Expression, scope: Scope): Val {
  const val = ev.within(node, () => dispatch(ev, node, scope));
  if (val.kind === 'poison') ev.poisoned = true;
  ev.observer?.saw(node, val);
  return val;
}

export const operand = (ev: Evaluator, node: TS.Expression, scope: Scope): Operand => ({
  val: evaluate(ev, node, scope),
  node,
});

type Rule = (ev: Evaluator, node: TS.Expression, scope: Scope) => Val;

/** The rule of one kind of nodes: `K` has the shape `N`. */
const rule = <N extends TS.Expression>(
  kinds: readonly TS.SyntaxKind[],
  value: (ev: Evaluator, node: N, scope: Scope) => Val,
): [TS.SyntaxKind, Rule][] => kinds.map((kind) => [kind, value as Rule]);

const K = ts.SyntaxKind;
const RULES: ReadonlyMap<TS.SyntaxKind, Rule> = new Map([
  ...rule([K.NumericLiteral], (_, node: TS.NumericLiteral) => num(Number(node.text))),
  ...rule([K.Identifier], (ev, node: TS.Identifier, scope) => lookUp(ev, node, scope)),
  ...rule<
    TS.ParenthesizedExpression | TS.AsExpression | TS.SatisfiesExpression | TS.NonNullExpression | TS.TypeAssertion
  >(
    [K.ParenthesizedExpression, K.AsExpression, K.SatisfiesExpression, K.NonNullExpression, K.TypeAssertionExpression],
    (ev, node, scope) => evaluate(ev, node.expression, scope),
  ),
  ...rule([K.StringLiteral, K.NoSubstitutionTemplateLiteral], (_, node: TS.StringLiteralLike) => ({
    kind: 'str',
    value: node.text,
  })),
  ...rule([K.BinaryExpression], (ev, node: TS.BinaryExpression, scope) => binaryExpression(ev, node, scope)),
  ...rule([K.PrefixUnaryExpression], (ev, node: TS.PrefixUnaryExpression, scope) => prefix(ev, node, scope)),
  ...rule([K.CallExpression], (ev, node: TS.CallExpression, scope) => {
    noOptional(ev, node);
    return evaluateCall(ev, node, scope);
  }),
  ...rule([K.PropertyAccessExpression], (ev, node: TS.PropertyAccessExpression, scope) => property(ev, node, scope)),
  ...rule([K.ElementAccessExpression], (ev, node: TS.ElementAccessExpression, scope) => element(ev, node, scope)),
  ...rule([K.ConditionalExpression], (ev, node: TS.ConditionalExpression, scope) => conditional(ev, node, scope)),
  ...rule([K.ArrayLiteralExpression], (ev, node: TS.ArrayLiteralExpression, scope) => array(ev, node, scope)),
  ...rule([K.ObjectLiteralExpression], (ev, node: TS.ObjectLiteralExpression, scope) => object(ev, node, scope)),
  ...rule([K.ArrowFunction, K.FunctionExpression], (_, node: TS.ArrowFunction | TS.FunctionExpression, scope) =>
    closure(node, scope),
  ),
  ...rule([K.VoidExpression], (ev, node: TS.VoidExpression, scope) => {
    evaluate(ev, node.expression, scope);
    return NONE;
  }),
  ...rule([K.TrueKeyword], () => bool(true)),
  ...rule([K.FalseKeyword], () => bool(false)),
  ...rule([K.NullKeyword, K.OmittedExpression], () => NONE),
]);

const dispatch: Rule = (ev, node, scope) => RULES.get(node.kind)?.(ev, node, scope) ?? noSuchExpression(ev, node);

function closure(node: TS.ArrowFunction | TS.FunctionExpression, scope: Scope): Val {
  const declared =
    ts.isVariableDeclaration(node.parent) && ts.isIdentifier(node.parent.name) ? node.parent.name.text : '';
  const name = node.name?.text ?? (ts.isPropertyAssignment(node.parent) ? node.parent.name.getText() : declared);
  return { kind: 'fn', node, scope, name };
}

const INSTEAD: Readonly<Partial<Record<TS.SyntaxKind, readonly [what: string, help: string]>>> = {
  [ts.SyntaxKind.AwaitExpression]: ['await', 'nothing in a kernel is asynchronous'],
  [ts.SyntaxKind.NewExpression]: ['new', 'use arrays and object literals of tiles and numbers'],
  [ts.SyntaxKind.ThisKeyword]: ['this', 'pass what is needed as an argument'],
  [ts.SyntaxKind.TemplateExpression]: ['template strings', 'kernels compute numbers'],
  [ts.SyntaxKind.RegularExpressionLiteral]: ['regular expressions', 'kernels compute numbers'],
  [ts.SyntaxKind.BigIntLiteral]: ['bigint literals', 'write a number'],
  [ts.SyntaxKind.TypeOfExpression]: ['typeof', 'choose with an option, or write two functions'],
  [ts.SyntaxKind.DeleteExpression]: ['delete', 'make a new object'],
  [ts.SyntaxKind.ClassExpression]: ['classes', 'write functions'],
  [ts.SyntaxKind.YieldExpression]: ['yield', 'return an array'],
  [ts.SyntaxKind.PostfixUnaryExpression]: ['++ and -- inside an expression', 'write it as a statement of its own'],
  [ts.SyntaxKind.SpreadElement]: ['spread here', 'name the elements'],
};

function noSuchExpression(ev: Evaluator, node: TS.Expression): Val {
  const [what, help] = INSTEAD[node.kind] ?? [
    `this expression (${ts.SyntaxKind[node.kind]})`,
    'use arithmetic, calls and the functions of the language',
  ];
  return ev.error('LAC0103', node, `kernels have no ${what}`, { help: [help] });
}

function prefix(ev: Evaluator, node: TS.PrefixUnaryExpression, scope: Scope): Val {
  const op = ts.tokenToString(node.operator);
  if (op === '++' || op === '--')
    return ev.error('LAC0103', node, 'kernels have no ++ and -- inside an expression', {
      help: ['write it as a statement of its own'],
    });
  const x = operand(ev, node.operand, scope);
  if (op === '!') return logicalNot(ev, node, x);
  return op === '-' || op === '+' || op === '~' ? unary(ev, node, op, x) : POISON;
}

function binaryExpression(ev: Evaluator, node: TS.BinaryExpression, scope: Scope): Val {
  const op = ts.tokenToString(node.operatorToken.kind) ?? '';
  if (op === '&&' || op === '||') return shortCircuit(ev, node, op, scope);
  const isAssignment =
    node.operatorToken.kind >= ts.SyntaxKind.FirstAssignment && node.operatorToken.kind <= ts.SyntaxKind.LastAssignment;
  if (isAssignment)
    return ev.error('LAC0103', node, 'an assignment is a statement here, not a value', {
      help: ['write it as a statement of its own'],
    });
  const known = op === '==' ? '===' : op === '!=' ? '!==' : op;
  if (!isBinaryOperator(known))
    return ev.error('LAC0103', node, `kernels have no operator ${op}`, {
      help: op === ',' ? ['write two statements'] : ['write where(), or an if'],
    });
  const [a, b] = [operand(ev, node.left, scope), operand(ev, node.right, scope)];
  if (known !== op)
    ev.error('LAC0103', node.operatorToken, `kernels have no ${op}`, {
      help: [{ text: `write ${known}`, edit: { span: spanOf(node.operatorToken), newText: known } }],
    });
  return binary(ev, node, known, a, b);
}

/** An option on the left decides alone; everything else is a logical operation on masks. */
function shortCircuit(ev: Evaluator, node: TS.BinaryExpression, op: '&&' | '||', scope: Scope): Val {
  const a = operand(ev, node.left, scope);
  if (a.val.kind === 'bool' && a.val.value === (op === '||')) return a.val;
  return logical(ev, node, op, a, operand(ev, node.right, scope));
}

function conditional(ev: Evaluator, node: TS.ConditionalExpression, scope: Scope): Val {
  const m = operand(ev, node.condition, scope);
  if (m.val.kind === 'bool') return evaluate(ev, m.val.value ? node.whenTrue : node.whenFalse, scope);
  if (m.val.kind === 'poison') return POISON;
  const arms = [node.whenTrue, node.whenFalse] as const;
  if (m.val.kind === 'sym') {
    const [a, b] = arms.map((arm) => evaluate(ev, arm, scope));
    return symbolicCall('?:', [m.val, a ?? POISON, b ?? POISON]) ?? POISON;
  }
  if (m.val.kind !== 'tile' || tileTypeOf(m.val).dtype !== 'i1') return notMask(ev, node.condition, '?:', m);
  if (rankOf(m.val) === 0)
    return branch(
      ev,
      node,
      m.val.v,
      [],
      [
        { node: arms[0], run: () => evaluate(ev, arms[0], scope) },
        { node: arms[1], run: () => evaluate(ev, arms[1], scope) },
      ],
    );
  const [a, b] = [operand(ev, arms[0], scope), operand(ev, arms[1], scope)];
  for (const o of [a, b]) if (!isNumeric(o.val)) return armsNotNumeric(ev, o);
  return select(
    { ev, node, name: '?:', args: [] },
    { val: m.val, node: m.node },
    a as Operand<TileVal>,
    b as Operand<TileVal>,
  );
}

function armsNotNumeric(ev: Evaluator, o: Operand): Val {
  if (o.val.kind === 'poison') return POISON;
  return ev.error('LAC0203', o.node, `the arms of a mask's ?: are numbers or tiles, not ${describe(o.val)}`);
}

function array(ev: Evaluator, node: TS.ArrayLiteralExpression, scope: Scope): Val {
  return { kind: 'arr', items: spreadItems(ev, node.elements, scope).map((o) => o.val) };
}

/** Elements of a list of expressions, `...array` taken apart. */
export function spreadItems(ev: Evaluator, nodes: readonly TS.Expression[], scope: Scope): Operand[] {
  const items: Operand[] = [];
  for (const e of nodes) {
    if (ts.isSpreadElement(e)) items.push(...spread(ev, e, scope));
    else items.push(operand(ev, e, scope));
  }
  return items;
}

function spread(ev: Evaluator, e: TS.SpreadElement, scope: Scope): Operand[] {
  const val = evaluate(ev, e.expression, scope);
  if (val.kind === 'arr') return val.items.map((item) => ({ val: item, node: e }));
  if (val.kind !== 'poison') ev.error('LAC0222', e, `only arrays can be spread here, not ${describe(val)}`);
  return [{ val: POISON, node: e }];
}

function object(ev: Evaluator, node: TS.ObjectLiteralExpression, scope: Scope): Val {
  const props = new Map<string, Val>();
  for (const p of node.properties) if (!addProperty(ev, p, scope, props)) return POISON;
  return { kind: 'obj', props };
}

function addProperty(ev: Evaluator, p: TS.ObjectLiteralElementLike, scope: Scope, into: Map<string, Val>): boolean {
  if (ts.isShorthandPropertyAssignment(p)) into.set(p.name.text, evaluate(ev, p.name, scope));
  else if (
    ts.isPropertyAssignment(p) &&
    (ts.isIdentifier(p.name) || ts.isStringLiteral(p.name) || ts.isNumericLiteral(p.name))
  )
    into.set(p.name.text, evaluate(ev, p.initializer, scope));
  else if (ts.isMethodDeclaration(p) && ts.isIdentifier(p.name))
    into.set(p.name.text, { kind: 'fn', node: p, scope, name: p.name.text });
  else if (ts.isSpreadAssignment(p)) return spreadProperties(ev, p, scope, into);
  else {
    ev.error('LAC0103', p, 'this kind of property is not available', { help: ['write { name: value }'] });
    return false;
  }
  return true;
}

function spreadProperties(ev: Evaluator, p: TS.SpreadAssignment, scope: Scope, into: Map<string, Val>): boolean {
  const val = evaluate(ev, p.expression, scope);
  if (val.kind === 'obj') for (const name of val.props.keys()) into.set(name, propertyOf(val, name) ?? NONE);
  else if (val.kind !== 'poison') ev.error('LAC0222', p, `only objects can be spread here, not ${describe(val)}`);
  return val.kind === 'obj';
}

const TILE_PROPERTIES: Readonly<Record<string, string>> = {
  T: 'trans(x) transposes',
  t: 'trans(x) transposes',
  shape: 'extent(x, axis) is an extent',
  length: 'extent(x, axis) is an extent',
  dtype: 'the dtype is that of the view the tile was loaded from: view.dtype',
};

/** `x?.y`: reported, and read as `x.y`. */
function noOptional(ev: Evaluator, node: TS.Expression & { questionDotToken?: TS.Node | undefined }): void {
  const token = node.questionDotToken;
  if (token === undefined) return;
  const newText = ts.isPropertyAccessExpression(node) ? '.' : '';
  ev.error('LAC0103', token, 'kernels have no ?.: nothing in them is null', {
    help: [{ text: newText === '' ? 'leave it away' : 'write .', edit: { span: spanOf(token), newText } }],
  });
}

function property(ev: Evaluator, node: TS.PropertyAccessExpression, scope: Scope): Val {
  noOptional(ev, node);
  const from = evaluate(ev, node.expression, scope);
  const name = node.name.text;
  if (from.kind === 'poison') return POISON;
  if (from.kind === 'obj' || from.kind === 'namespace')
    return propertyOf(from, name) ?? unknownProperty(ev, node.name, name, from);
  if (from.kind === 'view') {
    if (name === 'dtype') return { kind: 'dtype', dtype: viewTypeOf(from).dtype };
    if (Object.hasOwn(VIEW_METHODS, name)) return { kind: 'method', self: from, name };
    return ev.error('LAC0110', node.name, `a view has no ${name}`, { help: [viewHint(node.name, name)] });
  }
  if (from.kind === 'tensor') {
    if (Object.hasOwn(TENSOR_METHODS, name)) return { kind: 'method', self: from, name };
    const help = [`in a plan, tensors have ${Object.keys(TENSOR_METHODS).join(', ')}`];
    return ev.error('LAC0110', node.name, `${describe(from)} has no ${name}`, { help });
  }
  if (from.kind === 'arr' && name === 'length') return num(from.items.length);
  if (from.kind === 'arr' && name === 'map') return { kind: 'method', self: from, name };
  if ((from.kind === 'kernel' || from.kind === 'plan') && (name === 'with' || name === 'tune'))
    return { kind: 'method', self: from, name };
  const hint = from.kind === 'tile' ? tileHint(node, name) : from.kind === 'arr' ? arrayHint(name) : undefined;
  return ev.error('LAC0110', node.name, `${describe(from)} has no ${name}`, { help: hint === undefined ? [] : [hint] });
}

/** What to write for a method that views do not have. */
function viewHint(node: TS.MemberName, name: string): string | Help {
  if (name === 'shape' || name === 'size')
    return 'the dimensions of the arguments are among the sizes: the second parameter of the body';
  if (name === 'take') return 'gather([i, j]) reads an element for each lane; take() is for tiles';
  const instead = /^atomic/i.test(name) ? insteadOf(name, node) : undefined;
  const meant = didYouMean(name, Object.keys(VIEW_METHODS));
  if (meant !== undefined && (instead === undefined || /add/i.test(name)))
    return { text: `did you mean ${meant}?`, edit: { span: spanOf(node), newText: meant } };
  return instead ?? `views have ${Object.keys(VIEW_METHODS).join(', ')} and dtype`;
}

/** Methods and properties that tiles of other languages have. */
function tileHint(node: TS.PropertyAccessExpression, name: string): string | Help | undefined {
  if (Object.hasOwn(TILE_PROPERTIES, name)) return TILE_PROPERTIES[name];
  if (languageValue(name)?.kind === 'builtin') return functionHelp(node, name);
  return (
    insteadOf(name, node) ?? 'tiles have no methods: operators and functions work on all of their elements at once'
  );
}

/** `x.sum(1)` as `sum(x, 1)`. */
function functionHelp(node: TS.PropertyAccessExpression, name: string): string | Help {
  const text = `functions, not methods: ${name}(${textOf(node.expression)}, ...)`;
  const call = node.parent;
  if (!ts.isCallExpression(call) || call.expression !== node) return text;
  const args = [node.expression, ...call.arguments].map((a) => a.getText());
  return { text, edit: { span: spanOf(call), newText: `${name}(${args.join(', ')})` } };
}

const ARRAY_HINTS: Readonly<Record<string, string>> = {
  includes: 'write the comparisons out: x === 32 || x === 64',
  push: 'arrays are values: write [...list, item]',
  concat: 'write [...a, ...b]',
};
const arrayHint = (name: string): string =>
  (Object.hasOwn(ARRAY_HINTS, name) ? ARRAY_HINTS[name] : undefined) ??
  'arrays have length and map; for (const x of list) walks over one';

function element(ev: Evaluator, node: TS.ElementAccessExpression, scope: Scope): Val {
  noOptional(ev, node);
  const from = operand(ev, node.expression, scope);
  if (from.val.kind === 'tile' || from.val.kind === 'view') return noSubscript(ev, node, from);
  const key = evaluate(ev, node.argumentExpression, scope);
  if (from.val.kind === 'poison' || key.kind === 'poison') return POISON;
  if (from.val.kind === 'arr' && key.kind === 'num')
    return (
      from.val.items[key.value] ??
      ev.error('LAC0110', node, `there is no element ${key.value}: the array has ${from.val.items.length}`)
    );
  if (from.val.kind === 'obj' && (key.kind === 'str' || key.kind === 'num'))
    return (
      propertyOf(from.val, String(key.value)) ??
      unknownProperty(ev, node.argumentExpression, String(key.value), from.val)
    );
  if (key.kind === 'tile')
    return ev.error('LAC0113', node.argumentExpression, 'an index into an array must be known at compile time', {
      labels: typeLabels({ val: key, node: node.argumentExpression }),
      help: ['the index of range(n, { unroll: true }) is, and of for (const x of list)'],
    });
  return ev.error('LAC0110', node, `${describe(from.val)} cannot be indexed with ${describe(key)}`);
}

function noSubscript(ev: Evaluator, node: TS.ElementAccessExpression, from: Operand): Val {
  const text = textOf(from.node);
  const help =
    from.val.kind === 'view'
      ? [`${text}.at(i) fixes an axis, ${text}.get(i) reads an element, ${text}.load(origin, shape) a tile`]
      : [
          'slice(x, origin, shape) is a part of a tile, take(x, index, axis) picks elements by a tile of positions',
          'col(x), row(x) and expand(x, axis) insert axes',
        ];
  return ev.error('LAC0103', node, 'tiles and views have no subscripts', { labels: typeLabels(from), help });
}
