import type { ts as TS } from 'ts-morph';
import type { Help } from '../../compiler/diag/diagnostic.js';
import type { ExprOp } from '../../compiler/expr.js';
import type { Value } from '../../compiler/ir/module.js';
import { type DType, isFloat, isInt, type TileType, tileType } from '../../compiler/ir/types.js';
import { spanOf } from '../read/diagnostics.js';
import { ts } from '../read/typescript.js';
import { coerce, commonDType, isNumeric, joinShapes, type Numeric, type Operand, typeLabels } from './convert.js';
import { bare, type Evaluator, textOf } from './evaluator.js';
import { bool, describe, num, POISON, type SymVal, sym, type TileVal, tileOf, tileTypeOf, type Val } from './value.js';

type OpRow = { readonly ir: 'add' | 'sub' | 'mul' | 'div' | 'rem' | 'and' | 'or' | 'xor' | 'shl' | 'shr' | 'ushr' };
const ARITHMETIC: Readonly<Record<string, OpRow['ir']>> = {
  '+': 'add',
  '-': 'sub',
  '*': 'mul',
  '/': 'div',
  '%': 'rem',
  '&': 'and',
  '|': 'or',
  '^': 'xor',
  '<<': 'shl',
  '>>': 'shr',
  '>>>': 'ushr',
};
const COMPARE: Readonly<Record<string, string>> = {
  '<': 'lt',
  '<=': 'le',
  '>': 'gt',
  '>=': 'ge',
  '===': 'eq',
  '!==': 'ne',
};
const BITWISE = new Set(['&', '|', '^', '<<', '>>', '>>>']);
const SYMBOLIC: Readonly<Record<string, ExprOp>> = {
  '+': '+',
  '-': '-',
  '*': '*',
  '/': '/',
  '%': '%',
  '**': '**',
  '<': '<',
  '<=': '<=',
  '>': '>',
  '>=': '>=',
  '===': '==',
  '!==': '!=',
};

export const isBinaryOperator = (op: string): boolean => op in ARITHMETIC || op in COMPARE || op === '**';

const FOLD: Readonly<Record<string, (a: number, b: number) => number | boolean>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
  '%': (a, b) => a % b,
  '**': (a, b) => a ** b,
  '&': (a, b) => a & b,
  '|': (a, b) => a | b,
  '^': (a, b) => a ^ b,
  '<<': (a, b) => a << b,
  '>>': (a, b) => a >> b,
  '>>>': (a, b) => a >>> b,
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
  '===': (a, b) => a === b,
  '!==': (a, b) => a !== b,
};

/** `a op b`, for every operator with two operands but && and ||. */
export function binary(ev: Evaluator, node: TS.Node, op: string, a: Operand, b: Operand): Val {
  if (a.val.kind === 'poison' || b.val.kind === 'poison') return POISON;
  const known =
    compareStrings(op, a.val, b.val) ?? compareUndefined(op, a.val, b.val) ?? compareFunctions(op, a.val, b.val);
  if (known !== null) return known;
  if (isSymbolic(a.val) && isSymbolic(b.val) && (a.val.kind === 'sym' || b.val.kind === 'sym'))
    return symbolic(ev, node, op, a.val, b.val);
  for (const o of [a, b]) if (!isNumeric(o.val)) return notNumber(ev, node, op, o, a, b);
  const [x, y] = [a as Operand<Numeric>, b as Operand<Numeric>];
  if (x.val.kind !== 'tile' && y.val.kind !== 'tile') return fold(ev, node, op, x, y);
  if (op in COMPARE) return comparison(ev, node, op, x, y);
  if (op === '**') return power(ev, node, x, y);
  return arithmetic(ev, node, op, x, y);
}

function compareStrings(op: string, a: Val, b: Val): Val | null {
  if (a.kind !== 'str' || b.kind !== 'str') return null;
  if (op === '===') return bool(a.value === b.value);
  return op === '!==' ? bool(a.value !== b.value) : null;
}

/** `w === undefined`, of an optional parameter: known at compile time. */
function compareUndefined(op: string, a: Val, b: Val): Val | null {
  if ((a.kind !== 'none' && b.kind !== 'none') || (op !== '===' && op !== '!==')) return null;
  return bool((a.kind === b.kind) === (op === '==='));
}

/** `f === g`, of a function that is an option: whether it is this one. Known at compile time. */
function compareFunctions(op: string, a: Val, b: Val): Val | null {
  if (a.kind !== 'fn' || b.kind !== 'fn' || (op !== '===' && op !== '!==')) return null;
  return bool((a.node === b.node && a.scope === b.scope) === (op === '==='));
}

function notNumber(ev: Evaluator, node: TS.Node, op: string, bad: Operand, a: Operand, b: Operand): Val {
  return ev.error('LAC0203', node, `${op} takes numbers, masks and tiles, not ${describe(bad.val)}`, {
    labels: typeLabels(a, b),
    help:
      bad.val.kind === 'view'
        ? ['load a tile of it: view.load(origin, shape)']
        : bad.val.kind === 'none' && ts.isIdentifier(bad.node)
          ? [`give ${textOf(bad.node)} a value where it is declared`]
          : bad.val.kind === 'obj' && bad.val.what !== undefined
            ? [`take what is meant out of it: { ${[...bad.val.props.keys()].join(', ')} }`]
            : bad.val.kind === 'none' && ts.isCallExpression(bad.node)
              ? ['a function gives what it returns']
              : bad.val.kind === 'arr'
                ? ['take its items apart: const [p, q] = pair; ([a, b], [c, d]) => ... in the function of a scan']
                : [],
  });
}

const isSymbolic = (v: Val): v is SymVal | Exclude<Numeric, TileVal> =>
  v.kind === 'sym' || v.kind === 'num' || v.kind === 'bool';
const exprOf = (v: SymVal | Exclude<Numeric, TileVal>) => (v.kind === 'sym' ? v.expr : Number(v.value));

function symbolic(ev: Evaluator, node: TS.Node, op: string, a: Val, b: Val): Val {
  const name = SYMBOLIC[op];
  if (name === undefined || !isSymbolic(a) || !isSymbolic(b))
    return ev.error('LAC0306', node, `${op} is not available in grids, prunes and tune keys`, {
      help: [`use ${Object.keys(SYMBOLIC).join(' ')}`],
    });
  return sym([name, exprOf(a), exprOf(b)]);
}

/** A function of sizes, kept as data; null where no operand is symbolic. */
export function symbolicCall(op: ExprOp, args: readonly Val[]): Val | null {
  if (!args.some((a) => a.kind === 'sym') || !args.every(isSymbolic)) return null;
  return sym([op, ...args.map((a) => exprOf(a as SymVal))]);
}

function fold(ev: Evaluator, node: TS.Node, op: string, a: Operand<Numeric>, b: Operand<Numeric>): Val {
  if (a.val.kind === 'tile' || b.val.kind === 'tile') return POISON;
  if (a.val.kind !== b.val.kind || (a.val.kind === 'bool' && op !== '===' && op !== '!=='))
    return maskMisuse(ev, node, op, a, b);
  const f = FOLD[op];
  if (f === undefined) return POISON;
  const value = f(Number(a.val.value), Number(b.val.value));
  return typeof value === 'boolean' ? bool(value) : num(value, foldedLabel(op, a.val, b.val));
}

function foldedLabel(op: string, a: Val, b: Val): string | undefined {
  if (a.kind !== 'num' || b.kind !== 'num' || (a.label === undefined && b.label === undefined)) return undefined;
  const part = (v: typeof a): string =>
    v.label === undefined ? String(v.value) : /\W/.test(v.label) ? `(${v.label})` : v.label;
  const label = `${part(a)}${op}${part(b)}`;
  return label.length <= 24 ? label : undefined;
}

/** An edit that puts another expression in the place of `a op b`; `a op= b` keeps its assignment. */
function rewrite(node: TS.Node, text: string, expression: string): Help {
  const isCompound =
    ts.isBinaryExpression(node) &&
    node.operatorToken.kind >= ts.SyntaxKind.FirstCompoundAssignment &&
    node.operatorToken.kind <= ts.SyntaxKind.LastCompoundAssignment;
  const newText = isCompound ? `${textOf(node.left, 400)} = ${expression}` : expression;
  return { text, edit: { span: spanOf(node), newText } };
}

const maskOf = (v: Val): boolean => v.kind === 'bool' || (v.kind === 'tile' && tileTypeOf(v).dtype === 'i1');

function maskMisuse(ev: Evaluator, node: TS.Node, op: string, a: Operand, b: Operand): Val {
  const labels = typeLabels(a, b);
  if (maskOf(a.val) && maskOf(b.val) && (op === '&' || op === '|')) {
    const expression = `${textOf(a.node, 400)} ${op}${op} ${textOf(b.node, 400)}`;
    return ev.error('LAC0225', node, `masks combine with ${op}${op}, not ${op}`, {
      labels,
      help: [rewrite(node, `write ${op}${op}`, expression)],
    });
  }
  if (maskOf(a.val) && maskOf(b.val))
    return ev.error('LAC0225', node, `${op} takes numbers, not masks`, {
      labels,
      help: ['masks take && || ! === !==; cast(m, f32) makes 1 and 0 of one'],
    });
  commonDType(ev, node, [a as Operand<Numeric>, b as Operand<Numeric>]);
  return POISON;
}

interface Pair {
  readonly x: Value;
  readonly y: Value;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly dims: readonly string[];
}

/** Both operands with one dtype and one shape, or null (reported). */
export function unify(ev: Evaluator, node: TS.Node, a: Operand<Numeric>, b: Operand<Numeric>): Pair | null {
  const dtype = commonDType(ev, node, [a, b]);
  const joined = dtype === null ? null : joinShapes(ev, node, [a, b]);
  if (dtype === null || joined === null || !ev.emits(node)) return null;
  const x = coerce(ev, a, dtype, joined.shape);
  const y = x === null ? null : coerce(ev, b, dtype, joined.shape);
  return x === null || y === null ? null : { x, y, dtype, ...joined };
}

function comparison(ev: Evaluator, node: TS.Node, op: string, a: Operand<Numeric>, b: Operand<Numeric>): Val {
  if (maskOf(a.val) && maskOf(b.val) && op !== '===' && op !== '!==') return maskMisuse(ev, node, op, a, b);
  if (maskOf(a.val) !== maskOf(b.val) && chained(ev, node, op, a, b)) return POISON;
  const p = unify(ev, node, a, b);
  if (p === null) return POISON;
  return tileOf(ev.value(node, 'cmp', [p.x, p.y], { pred: COMPARE[op] ?? 'eq' }), p.dims);
}

/** `0 < i < n`: compares a mask with a number. Whether this is it; reported then. */
function chained(ev: Evaluator, node: TS.Node, op: string, a: Operand, b: Operand): boolean {
  const first = a.node;
  if (!ts.isBinaryExpression(first) || !((ts.tokenToString(first.operatorToken.kind) ?? '') in COMPARE)) return false;
  const expression = `${textOf(first, 400)} && ${textOf(first.right, 400)} ${op} ${textOf(b.node, 400)}`;
  ev.error('LAC0205', node, 'comparisons do not chain: the first one gives a mask, which has no order', {
    labels: typeLabels(a, b),
    help: [rewrite(node, 'write two comparisons', expression)],
  });
  return true;
}

function arithmetic(ev: Evaluator, node: TS.Node, op: string, a: Operand<Numeric>, b: Operand<Numeric>): Val {
  if (maskOf(a.val) && maskOf(b.val)) return maskMisuse(ev, node, op, a, b);
  const dtype = commonDType(ev, node, [a, b]);
  const name = ARITHMETIC[op];
  if (dtype === null || name === undefined) return POISON;
  if (op === '/' && isInt(dtype)) return integerDivision(ev, node, a, b);
  if (BITWISE.has(op) && isFloat(dtype))
    return ev.error('LAC0226', node, `${op} works on the bits of integers`, {
      labels: typeLabels(a, b),
      help: ['cast(x, i32) converts, bitcast(x, i32) reads the bits'],
    });
  const p = unify(ev, node, a, b);
  if (p === null) return POISON;
  if (name === 'rem' && divisorIsZero(ev, node, b, dtype)) return POISON;
  return tileOf(ev.value(node, name, [p.x, p.y], {}), p.dims);
}

function integerDivision(ev: Evaluator, node: TS.Node, a: Operand, b: Operand): Val {
  const operands = `(${textOf(a.node, 400)}, ${textOf(b.node, 400)})`;
  const rounding = roundingCall(node);
  const help =
    rounding === null
      ? [
          rewrite(node, 'quotient toward 0: idiv()', `idiv${operands}`),
          `rounded up, as a number of blocks: cdiv${operands}`,
          'for a float quotient, cast one operand: cast(x, f32)',
        ]
      : [rewrite(rounding.call, `write ${rounding.name}()`, `${rounding.name}${operands}`)];
  return ev.error('LAC0204', node, '/ divides floats; these are integers', { labels: typeLabels(a, b), help });
}

/** `Math.floor(a / b)` around the quotient, and what the language has for it. */
function roundingCall(node: TS.Node): { call: TS.Node; name: 'idiv' | 'cdiv' } | null {
  const call = node.parent;
  if (call === undefined || !ts.isCallExpression(call) || call.arguments.length !== 1) return null;
  const callee = bare(call.expression);
  const name = ts.isPropertyAccessExpression(callee) ? callee.name.text : ts.isIdentifier(callee) ? callee.text : '';
  if (name === 'floor' || name === 'trunc') return { call, name: 'idiv' };
  return name === 'ceil' ? { call, name: 'cdiv' } : null;
}

/** A constant zero divides integers: an error at once (at run time it is a trap of `interpret`). */
export function divisorIsZero(ev: Evaluator, node: TS.Node, b: Operand, dtype: DType): boolean {
  if (b.val.kind !== 'num' || b.val.value !== 0 || !isInt(dtype)) return false;
  ev.error('LAC0223', node, 'division by zero', { labels: typeLabels(b) });
  return true;
}

/** Whole constant exponents multiply repeatedly; any other power is exp2(b * log2(a)), and 1 where b is 0. */
function power(ev: Evaluator, node: TS.Node, a: Operand<Numeric>, b: Operand<Numeric>): Val {
  if (maskOf(a.val) || maskOf(b.val)) return maskMisuse(ev, node, '**', a, b);
  if (a.val.kind === 'tile' && b.val.kind === 'num' && Number.isInteger(b.val.value) && Math.abs(b.val.value) <= 1024)
    return wholePower(ev, node, a as Operand<TileVal>, b.val.value);
  const dtype = commonDType(ev, node, [a, b]);
  if (dtype === null) return POISON;
  if (isInt(dtype))
    return ev.error('LAC0212', node, 'an integer power needs a constant exponent', {
      labels: typeLabels(a, b),
      help: ['cast the base to f32'],
    });
  const p = unify(ev, node, a, b);
  if (p === null) return POISON;
  const always = b.val.kind === 'num' && b.val.value !== 0;
  return tileOf(realPower(ev, node, p.x, p.y, always), p.dims);
}

/** exp2(y * log2(x)) in f32, rounded once; x ** 0 is 1, whatever x is. */
function realPower(ev: Evaluator, node: TS.Node, x: Value, y: Value, yIsNotZero: boolean): Value {
  const { dtype, shape } = x.type as TileType;
  const f32 = tileType('f32', shape);
  const wide = (v: Value): Value => (dtype === 'f32' ? v : ev.value(node, 'cast', [v], { to: 'f32' }));
  const exponent = wide(y);
  const t = ev.value(node, 'mul', [exponent, ev.value(node, 'log2', [wide(x)], {})], {});
  let power = ev.value(node, 'exp2', [t], {});
  if (!yIsNotZero) {
    const isZero = ev.value(node, 'cmp', [exponent, ev.constant(node, 0, f32)], { pred: 'eq' });
    power = ev.value(node, 'select', [isZero, ev.constant(node, 1, f32), power], {});
  }
  return dtype === 'f32' ? power : ev.value(node, 'cast', [power], { to: dtype });
}

function wholePower(ev: Evaluator, node: TS.Node, a: Operand<TileVal>, exponent: number): Val {
  const t = tileTypeOf(a.val);
  if (exponent < 0 && isInt(t.dtype))
    return ev.error('LAC0212', node, 'a negative power of an integer is no integer', {
      labels: typeLabels(a),
      help: ['cast the base to f32'],
    });
  if (!ev.emits(node)) return POISON;
  const one = (): Value => ev.constant(node, 1, tileType(t.dtype, t.shape));
  let result: Value | null = null;
  let square = a.val.v;
  for (let n = Math.abs(exponent); n > 0; n = Math.floor(n / 2)) {
    if (n % 2 === 1) result = result === null ? square : ev.value(node, 'mul', [result, square], {});
    if (n > 1) square = ev.value(node, 'mul', [square, square], {});
  }
  const whole = result ?? one();
  return tileOf(exponent < 0 ? ev.value(node, 'div', [one(), whole], {}) : whole, a.val.dims);
}

/** `-x`, `+x`, `~x`. */
export function unary(ev: Evaluator, node: TS.Node, op: '-' | '+' | '~', x: Operand): Val {
  const v = x.val;
  if (v.kind === 'poison') return POISON;
  if (v.kind === 'sym' && op === '-') return sym(['neg', v.expr]);
  if (v.kind === 'num') return negated(op, v.value, v.label);
  if (maskOf(v) && op === '~')
    return ev.error('LAC0225', node, 'masks are negated with !, not ~', {
      labels: typeLabels(x),
      help: [rewrite(node, 'write !', `!${textOf(x.node, 400)}`)],
    });
  if (v.kind !== 'tile' || maskOf(v))
    return ev.error('LAC0203', node, `${op} takes a number or a tile, not ${describe(v)}`, {
      labels: typeLabels(x),
      help: maskOf(v) ? ['cast(m, f32) makes 1 and 0 of a mask'] : [],
    });
  if (op === '+') return v;
  if (op === '~' && isFloat(tileTypeOf(v).dtype))
    return ev.error('LAC0226', node, '~ works on the bits of integers', {
      labels: typeLabels(x),
      help: ['bitcast(x, i32) reads the bits'],
    });
  if (!ev.emits(node)) return POISON;
  return tileOf(ev.value(node, op === '-' ? 'neg' : 'not', [v.v], {}), v.dims);
}

function negated(op: '-' | '+' | '~', value: number, label: string | undefined): Val {
  if (op === '+') return num(value, label);
  return op === '~' ? num(~value) : num(-value);
}

/** `!x`: of a mask, or of an option. */
export function logicalNot(ev: Evaluator, node: TS.Node, x: Operand): Val {
  const v = x.val;
  if (v.kind === 'poison') return POISON;
  if (v.kind === 'bool') return bool(!v.value);
  if (v.kind === 'sym') return sym(['!', v.expr]);
  if (!maskOf(v) || v.kind !== 'tile') return notMask(ev, node, '!', x);
  return ev.emits(node) ? tileOf(ev.value(node, 'not', [v.v], {}), v.dims) : POISON;
}

export function notMask(ev: Evaluator, node: TS.Node, what: string, x: Operand): Val {
  return ev.error('LAC0209', node, `${what} takes a mask, not ${describe(x.val)}`, {
    labels: typeLabels(x),
    help: [conditionHelp(x.val)],
  });
}

/** How a value becomes a condition. */
export const conditionHelp = (val: Val): string =>
  val.kind === 'view'
    ? 'whether an argument is used is an option of the kernel: options: { initial: false }'
    : 'compare it: x !== 0, x > 0';

/** `m > 0 && y.store(...)`. */
function noGuard(ev: Evaluator, node: TS.Node, a: Operand, b: Operand): Val {
  return ev.error('LAC0209', node, '&& combines masks; it does not branch', {
    labels: typeLabels(a),
    help: [rewrite(node, 'write if', `if (${textOf(a.node, 400)}) ${textOf(b.node, 400)}`)],
  });
}

/** `a && b`, `a || b` once neither side decides it alone at compile time. */
export function logical(ev: Evaluator, node: TS.Node, op: '&&' | '||', a: Operand, b: Operand): Val {
  if (a.val.kind === 'poison' || b.val.kind === 'poison') return POISON;
  if (a.val.kind === 'sym' || b.val.kind === 'sym') return symbolicCall(op, [a.val, b.val]) ?? notMask(ev, node, op, a);
  if (maskOf(a.val) && b.val.kind === 'none' && op === '&&' && ts.isExpressionStatement(node.parent))
    return noGuard(ev, node, a, b);
  for (const o of [a, b]) if (!maskOf(o.val)) return notMask(ev, node, op, o);
  if (a.val.kind === 'bool' && b.val.kind === 'bool')
    return bool(op === '&&' ? a.val.value && b.val.value : a.val.value || b.val.value);
  const neutral = op === '&&';
  if (a.val.kind === 'bool' && a.val.value === neutral) return b.val;
  if (b.val.kind === 'bool' && b.val.value === neutral) return a.val;
  const p = unify(ev, node, a as Operand<Numeric>, b as Operand<Numeric>);
  return p === null ? POISON : tileOf(ev.value(node, op === '&&' ? 'and' : 'or', [p.x, p.y], {}), p.dims);
}
