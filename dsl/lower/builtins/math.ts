import type { ExprOp } from '../../../compiler/expr.js';
import { type DType, isFloat, isInt, tileType } from '../../../compiler/ir/types.js';
import { opRow } from '../../../compiler/ops/table.js';
import { spanOf } from '../../read/diagnostics.js';
import { divisorIsZero, notMask, symbolicCall, unify } from '../arithmetic.js';
import { coerce, commonDType, joinShapes, type Numeric, type Operand, typeLabels } from '../convert.js';
import { textOf } from '../evaluator.js';
import { describe, num, POISON, type TileVal, tileOf, tileTypeOf, type Val } from '../value.js';
import { arg, axisArg, type Call, numericArg, optionsArg, tileArg, wrong } from './arguments.js';
import { foldUnary } from './fold.js';

export const UNARY_NAMES = [
  'exp',
  'exp2',
  'log',
  'log2',
  'log1p',
  'sqrt',
  'rsqrt',
  'sigmoid',
  'tanh',
  'erf',
  'sin',
  'cos',
  'floor',
  'ceil',
  'round',
  'abs',
] as const;
export type UnaryName = (typeof UNARY_NAMES)[number];
const SYMBOLIC_UNARY = new Set<string>(['sqrt', 'log2', 'floor', 'ceil', 'abs']);

export function unaryMath(call: Call, name: UnaryName): Val {
  const { val } = arg(call, 0);
  if (val.kind === 'num') return num(foldUnary(name, val.value) ?? Number.NaN);
  if (val.kind === 'sym' && SYMBOLIC_UNARY.has(name)) return symbolicCall(name as ExprOp, [val]) ?? POISON;
  const x = tileArg(call, 0);
  if (x === null) return POISON;
  const { dtype } = tileTypeOf(x.val);
  if (name === 'abs' ? dtype === 'i1' : !isFloat(dtype)) return needsFloat(call, x);
  if (name === 'abs' && dtype === 'u32') return x.val;
  return tileOf(call.ev.value(call.node, name, [x.val.v], {}), x.val.dims);
}

function needsFloat(call: Call, x: Operand<TileVal>): Val {
  const newText = `cast(${textOf(x.node, 400)}, f32)`;
  return call.ev.error('LAC0212', call.node, `${call.name} takes floats, not ${describe(x.val)}`, {
    labels: typeLabels(x),
    help: [{ text: 'cast it first', edit: { span: spanOf(x.node), newText } }],
  });
}

/** maximum and minimum: promotion and broadcasting of arithmetic. */
export function extremum(call: Call, name: 'max' | 'min'): Val {
  const symbolic = symbolicCall(name, [arg(call, 0).val, arg(call, 1).val]);
  if (symbolic !== null) return symbolic;
  const [a, b] = [numericArg(call, 0), numericArg(call, 1)];
  if (a === null || b === null) return POISON;
  if (a.val.kind === 'num' && b.val.kind === 'num')
    return num(opRow(name).evaluate?.([a.val.value, b.val.value], 'f32', {}) ?? Number.NaN);
  for (const o of [a, b]) if (isMaskLike(o)) return wrong(call, o, 'numbers') ?? POISON;
  const p = unify(call.ev, call.node, a, b);
  return p === null ? POISON : tileOf(call.ev.value(call.node, name, [p.x, p.y], {}), p.dims);
}

const isMaskLike = (o: Operand<Numeric>): boolean =>
  o.val.kind === 'bool' || (o.val.kind === 'tile' && tileTypeOf(o.val).dtype === 'i1');

/** `where(m, a, b)` and the ?: of a mask. */
export function where(call: Call): Val {
  const m = arg(call, 0);
  if (m.val.kind === 'poison') return POISON;
  if (m.val.kind !== 'bool' && !(m.val.kind === 'tile' && tileTypeOf(m.val).dtype === 'i1'))
    return notMask(call.ev, call.node, call.name, m);
  const [a, b] = [numericArg(call, 1), numericArg(call, 2)];
  if (a === null || b === null) return POISON;
  return select(call, { val: m.val, node: m.node }, a, b);
}

export function select(call: Call, m: Operand<Numeric>, a: Operand<Numeric>, b: Operand<Numeric>): Val {
  const { ev, node } = call;
  const dtype = commonDType(ev, node, [a, b]);
  if (dtype === null) return a.val.kind === 'num' && b.val.kind === 'num' ? noDType(call, m) : POISON;
  const joined = joinShapes(ev, node, [m, a, b]);
  if (joined === null || !ev.emits(node)) return POISON;
  const [x, y] = [coerce(ev, a, dtype, joined.shape), coerce(ev, b, dtype, joined.shape)];
  const mask = coerce(ev, m, 'i1', joined.shape);
  if (x === null || y === null || mask === null) return POISON;
  return tileOf(ev.value(node, 'select', [mask, x, y], {}), joined.dims);
}

function noDType(call: Call, m: Operand): Val {
  return call.ev.error('LAC0207', call.node, 'both arms are literals, so the result has no dtype', {
    help: [
      {
        text: 'for 1 and 0, cast the mask',
        edit: { span: spanOf(call.node), newText: `cast(${textOf(m.node, 400)}, f32)` },
      },
      'or give one arm a dtype: cast(1, f32)',
    ],
  });
}

function integerPair(call: Call): { a: Operand<Numeric>; b: Operand<Numeric>; dtype: DType } | null {
  const [a, b] = [numericArg(call, 0), numericArg(call, 1)];
  if (a === null || b === null) return null;
  const dtype = commonDType(call.ev, call.node, [a, b]);
  if (dtype === null || divisorIsZero(call.ev, call.node, b, dtype)) return null;
  if (isInt(dtype)) return { a, b, dtype };
  const help = isFloat(dtype) ? ['/ divides floats'] : [];
  call.ev.error('LAC0212', call.node, `${call.name} takes integers`, { labels: typeLabels(a, b), help });
  return null;
}

/** Quotient toward 0, or the smallest integer >= a/b (a >= 0, b > 0), as idiv(a, b) + (a % b !== 0), which cannot overflow. */
export function quotient(call: Call, name: 'idiv' | 'cdiv'): Val {
  const [x, y] = [arg(call, 0).val, arg(call, 1).val];
  const symbolic = symbolicCall(name, [x, y]);
  if (symbolic !== null) return symbolic;
  if (x.kind === 'num' && y.kind === 'num') return constantQuotient(call, name, x.value, y.value);
  const pair = integerPair(call);
  const p = pair === null ? null : unify(call.ev, call.node, pair.a, pair.b);
  if (p === null) return POISON;
  const { ev, node } = call;
  const q = ev.value(node, 'idiv', [p.x, p.y], {});
  if (name === 'idiv') return tileOf(q, p.dims);
  const rest = ev.value(node, 'rem', [p.x, p.y], {});
  const zero = ev.constant(node, 0, tileType(p.dtype, p.shape));
  const more = ev.value(node, 'cmp', [rest, zero], { pred: 'ne' });
  return tileOf(ev.value(node, 'add', [q, ev.value(node, 'cast', [more], { to: p.dtype })], {}), p.dims);
}

function constantQuotient(call: Call, name: 'idiv' | 'cdiv', a: number, b: number): Val {
  if (b === 0) return call.ev.error('LAC0223', call.node, 'division by zero');
  if (!Number.isInteger(a) || !Number.isInteger(b))
    return call.ev.error('LAC0212', call.node, `${name} takes integers, not ${a} and ${b}`);
  if (name === 'cdiv' && (a < 0 || b < 0))
    return call.ev.error('LAC0212', call.node, `cdiv counts blocks: a >= 0 and b > 0, not ${a} and ${b}`, {
      help: ['idiv(a, b) is the quotient toward 0 of any integers'],
    });
  return num(name === 'idiv' ? Math.trunc(a / b) : Math.ceil(a / b));
}

export function mulhi(call: Call): Val {
  const [a, b] = [numericArg(call, 0), numericArg(call, 1)];
  if (a === null || b === null) return POISON;
  const dtype = commonDType(call.ev, call.node, [a, b]);
  if (dtype === null && (a.val.kind === 'tile' || b.val.kind === 'tile')) return POISON;
  if (dtype !== 'u32')
    return call.ev.error('LAC0212', call.node, 'mulhi takes u32', {
      labels: typeLabels(a, b),
      help: ['cast(x, u32) keeps the bits of an i32'],
    });
  const p = unify(call.ev, call.node, a, b);
  return p === null ? POISON : tileOf(call.ev.value(call.node, 'mulhi', [p.x, p.y], {}), p.dims);
}

export type ReduceName = 'sum' | 'max' | 'min' | 'argmax' | 'argmin';

export function reduce(call: Call, op: ReduceName): Val {
  const x = tileArg(call, 0);
  if (x === null || isReducedMask(call, x)) return POISON;
  const axis = axisArg(call, 1, tileTypeOf(x.val).shape.length);
  if (axis === null) return POISON;
  return tileOf(
    call.ev.value(call.node, 'reduce', [x.val.v], { op, axis }),
    x.val.dims.filter((_, i) => i !== axis),
  );
}

function isReducedMask(call: Call, x: Operand<TileVal>): boolean {
  if (tileTypeOf(x.val).dtype !== 'i1') return false;
  const newText = `cast(${textOf(x.node, 400)}, i32)`;
  call.ev.error('LAC0225', call.node, `${call.name} takes numbers, not masks`, {
    labels: typeLabels(x),
    help: [{ text: 'count where it holds: cast the mask', edit: { span: spanOf(x.node), newText } }],
  });
  return true;
}

export function cumsum(call: Call): Val {
  const x = tileArg(call, 0);
  const options = optionsArg(call, 2, { reverse: ['bool'] });
  if (x === null || options === null || isReducedMask(call, x)) return POISON;
  const axis = axisArg(call, 1, tileTypeOf(x.val).shape.length);
  if (axis === null) return POISON;
  const reverse = options.get('reverse');
  const attrs = reverse?.kind === 'bool' && reverse.value ? { reverse: true } : {};
  return tileOf(call.ev.value(call.node, 'scan', [x.val.v], { op: 'sum', axis, ...attrs }), x.val.dims);
}
