import { Bug } from '../../compiler/diag/diagnostic.js';
import type { AnyOp } from '../../compiler/ir/module.js';
import type { DType } from '../../compiler/ir/types.js';
import type { OPS, OpName } from '../../compiler/ops/table.js';
import { laneType, vectorType, type Width } from './registers.js';

/** What a rule for one group of lanes knows: operand texts, operand and result dtype, how many lanes. */
export interface LaneContext {
  readonly x: readonly string[];
  readonly from: DType;
  readonly to: DType;
  readonly width: Width;
  /** Names a library function that the text calls. */
  readonly use: (name: string) => string;
  readonly op: AnyOp;
}

type Rule = (c: LaneContext) => string;

export type ElementwiseName = {
  [N in OpName]: (typeof OPS)[N] extends { readonly evaluate: unknown } ? N : never;
}[OpName];

const infix =
  (o: string): Rule =>
  (c) =>
    `(${c.x[0]} ${o} ${c.x[1]})`;
const call =
  (f: string): Rule =>
  (c) =>
    `${f}(${c.x.join(', ')})`;
const library =
  (f: string): Rule =>
  (c) =>
    `${c.use(`${f}${c.width}`)}(${c.x.join(', ')})`;
const isFloatLane = (d: DType): boolean => laneType(d) === 'f32';
const type = (c: LaneContext, lane: string): string => vectorType(lane, c.width);

/** Shift counts are taken modulo 32 (semantics.md); WGSL wants them as u32. */
const count = (c: LaneContext): string => `(${type(c, 'u32')}(${c.x[1]}) & ${type(c, 'u32')}(31u))`;

const ZERO = /^(?:vec\d<[iu]32>\()?0[iu]\)?$/;
const MINUS_ONE = /^(?:vec\d<i32>\()?\(-1i\)\)?$/;

/** Integers. What WGSL rejects as a constant expression has no value (semantics.md): it is the dividend here. */
const quotient =
  (o: '/' | '%'): Rule =>
  (c) => {
    const [x = '', y = ''] = c.x;
    const rejected = ZERO.test(y) || (MINUS_ONE.test(y) && x.includes('-2147483647i - 1i'));
    return rejected ? x : infix(o)(c);
  };

/**
 * The larger or smaller of two. Of signed integers by a comparison: NVIDIA's compiler loses the sign of a negation in
 * nested calls of min and max (backends/ptx/lower/integers.ts).
 */
export function extremum(d: DType, f: 'max' | 'min', x: string, y: string): string {
  return d === 'i32' ? `select(${y}, ${x}, ${x} ${f === 'max' ? '>' : '<'} ${y})` : `${f}(${x}, ${y})`;
}

const PREDICATES: Readonly<Record<string, string>> = { lt: '<', le: '<=', gt: '>', ge: '>=', eq: '==', ne: '!=' };

function castText(c: LaneContext): string {
  const [x] = c.x;
  if (laneType(c.from) === laneType(c.to)) return `${x}`;
  if (isFloatLane(c.from) && c.to === 'i32') return library('lac_to_i32_')(c);
  if (isFloatLane(c.from) && c.to === 'u32') return library('lac_to_u32_')(c);
  return `${type(c, laneType(c.to))}(${x})`;
}

/** WGSL text of every elementwise op: total over the rows of the op table that have `evaluate`. */
export const ELEMENTWISE: { readonly [N in ElementwiseName]: Rule } = {
  add: infix('+'),
  sub: infix('-'),
  mul: infix('*'),
  div: infix('/'),
  idiv: quotient('/'),
  rem: (c) => (isFloatLane(c.from) ? library('lac_fmod') : quotient('%'))(c),
  max: (c) => extremum(c.from, 'max', c.x[0] ?? '', c.x[1] ?? ''),
  min: (c) => extremum(c.from, 'min', c.x[0] ?? '', c.x[1] ?? ''),
  and: infix('&'),
  or: infix('|'),
  xor: (c) => (c.from === 'i1' ? infix('!=')(c) : infix('^')(c)),
  shl: (c) => `(${c.x[0]} << ${count(c)})`,
  shr: (c) => `(${c.x[0]} >> ${count(c)})`,
  ushr: (c) => `${type(c, c.from)}(${type(c, 'u32')}(${c.x[0]}) >> ${count(c)})`,
  mulhi: library('lac_mulhi'),
  not: (c) => (c.from === 'i1' ? `(!${c.x[0]})` : `(~${c.x[0]})`),
  neg: (c) => (c.from === 'u32' ? `(${type(c, 'u32')}(0u) - ${c.x[0]})` : `(-${c.x[0]})`),
  abs: call('abs'),
  exp: call('exp'),
  exp2: call('exp2'),
  log: library('lac_log'),
  log2: library('lac_logtwo'),
  log1p: library('lac_log1p'),
  sqrt: call('sqrt'),
  rsqrt: call('inverseSqrt'),
  sigmoid: library('lac_sigmoid'),
  tanh: library('lac_tanh'),
  erf: library('lac_erf'),
  sin: library('lac_sin'),
  cos: library('lac_cos'),
  floor: call('floor'),
  ceil: call('ceil'),
  round: call('round'),
  cmp: (c) => {
    const pred = PREDICATES[String((c.op.attrs as { pred?: string }).pred)];
    if (pred === undefined) throw new Bug('cmp without predicate');
    return infix(pred)(c);
  },
  select: (c) => `select(${c.x[2]}, ${c.x[1]}, ${c.x[0]})`,
  cast: castText,
  bitcast: (c) => `bitcast<${type(c, laneType(c.to))}>(${c.x[0]})`,
};

export const isElementwiseName = (name: OpName): name is ElementwiseName => Object.hasOwn(ELEMENTWISE, name);
