import { Bug } from '../../../compiler/diag/diagnostic.js';
import type { Op } from '../../../compiler/ir/module.js';
import { type DType, is16Bit, isFloat } from '../../../compiler/ir/types.js';
import type { OPS, OpName } from '../../../compiler/ops/table.js';
import type { PtxBuilder } from '../isa/builder.js';
import type { InstructionName } from '../isa/instructions.js';
import { f32, imm, type Operand } from '../isa/operand.js';
import { foldLane, known } from './constant-lanes.js';
import { max32, min32 } from './integers.js';
import * as exponentials from './math/exponentials.js';
import * as logarithms from './math/logarithms.js';
import { remainder } from './math/remainder.js';
import * as trigonometry from './math/trigonometry.js';

/**
 * One lane of an elementwise op: operands as they lie in registers (or immediates), the dtype of the operands (of the
 * arms, for select) and of the result. Floats of any width are f32, of 16-bit ones perhaps unrounded; masks are
 * predicates.
 */
export interface LaneContext {
  readonly b: PtxBuilder;
  readonly x: readonly Operand[];
  readonly from: DType;
  readonly to: DType;
  readonly op: Op;
}

type Rule = (c: LaneContext) => Operand;

export type ElementwiseName = {
  [N in OpName]: (typeof OPS)[N] extends { readonly evaluate: unknown } ? N : never;
}[OpName];

/** Instructions on 32-bit registers that take one or two of them. */
type Unary = Extract<
  InstructionName,
  | `${'neg' | 'abs' | 'sqrt.rn' | 'sqrt.approx' | 'rsqrt.approx'}.f32`
  | `cvt.${string}.f32.f32`
  | `${'neg' | 'abs'}.s32`
  | 'not.b32'
>;
type Binary = Extract<
  InstructionName,
  | `${'add' | 'sub' | 'mul' | 'min' | 'max' | 'div.rn' | 'div.full'}.f32`
  | `${'add' | 'sub' | 'div' | 'rem' | 'mul.lo'}.${'s32' | 'u32'}`
  | `${'min' | 'max'}.u32`
  | `${'and' | 'or' | 'xor'}.${'b32' | 'pred'}`
  | 'shl.b32'
  | 'shr.s32'
  | 'shr.u32'
  | 'mul.hi.u32'
>;

function operand(c: LaneContext, i: number): Operand {
  const x = c.x[i];
  if (x === undefined) throw new Bug(`${c.op.name} has no operand ${i}`);
  return x;
}
const pair = (c: LaneContext): [Operand, Operand] => [operand(c, 0), operand(c, 1)];

const unary =
  (name: Unary): Rule =>
  (c) =>
    c.b.op(name, operand(c, 0));
const binary =
  (name: Binary): Rule =>
  (c) =>
    c.b.op(name, ...pair(c));
/** By the dtype of the operands: floats, or integers of which only a few instructions ask whether they have a sign. */
const byType =
  (float: Rule, signed: Rule, unsigned: Rule = signed): Rule =>
  (c) =>
    (isFloat(c.from) ? float : c.from === 'u32' ? unsigned : signed)(c);
const library =
  (f: (b: PtxBuilder, x: Operand) => Operand): Rule =>
  (c) =>
    f(c.b, operand(c, 0));

/** x + 0 = x for integers; x + -0 = x for floats; x - 0 = x for both. */
const add = byType(binary('add.f32'), binary('add.s32'));
const sub = byType(binary('sub.f32'), binary('sub.s32'));

const addRule: Rule = (c) => {
  const [x, y] = pair(c);
  const nothing = (v: Operand): boolean => Object.is(known(v, c.from), isFloat(c.from) ? -0 : 0);
  return nothing(y) ? x : nothing(x) ? y : add(c);
};
const subRule: Rule = (c) => (Object.is(known(operand(c, 1), c.from), 0) ? operand(c, 0) : sub(c));

/** x * 1 = x; x * -1 = -x; x * 0 = 0 for integers. */
const mulRule: Rule = (c) => {
  const [x, y] = pair(c);
  for (const [v, factor] of [
    [x, known(y, c.from)],
    [y, known(x, c.from)],
  ] as const) {
    if (factor === 1) return v;
    if (factor === -1 && c.from !== 'u32') return negRule({ ...c, x: [v] });
    if (factor === 0 && !isFloat(c.from)) return imm(0);
  }
  return c.b.op(isFloat(c.from) ? 'mul.f32' : 'mul.lo.s32', x, y);
};

const negRule = byType(unary('neg.f32'), unary('neg.s32'));

/**
 * Division by a power of 2 is an exact product. Quotients of 16-bit floats may be 2 ulp of f32 away: they are rounded
 * to 8 or 11 bits.
 */
const divRule: Rule = (c) => {
  const [x, y] = pair(c);
  const divisor = known(y, c.from);
  if (divisor !== null && isPowerOfTwo(divisor)) return mulRule({ ...c, x: [x, f32(1 / divisor)] });
  return c.b.op(is16Bit(c.from) ? 'div.full.f32' : 'div.rn.f32', x, y);
};

/** 2^k or -2^k whose reciprocal is normal too. */
function isPowerOfTwo(x: number): boolean {
  const k = Math.log2(Math.abs(x));
  return Number.isInteger(k) && Math.abs(k) <= 126;
}

/** Bitwise on integers; on masks with what is known of them. */
const logic =
  (name: 'and' | 'or' | 'xor'): Rule =>
  (c) => {
    const [x, y] = pair(c);
    if (c.from !== 'i1') return c.b.op(`${name}.b32`, x, y);
    const [p, q] = [known(x, 'i1'), known(y, 'i1')];
    if (p !== null) return withKnown(c, name, y, p);
    return q !== null ? withKnown(c, name, x, q) : c.b.op(`${name}.pred`, x, y);
  };

/** p & 0 = 0, p & 1 = p, p | 0 = p, p | 1 = 1, p ^ 0 = p, p ^ 1 = !p. */
function withKnown(c: LaneContext, name: 'and' | 'or' | 'xor', p: Operand, bit: number): Operand {
  if (name === 'xor') return bit === 0 ? p : c.b.op('not.pred', p);
  return bit === (name === 'and' ? 1 : 0) ? p : imm(bit);
}

/** Shift counts are taken modulo 32 (semantics.md); PTX clamps them. */
const shift =
  (signed: 'shl.b32' | 'shr.s32' | 'shr.u32', unsigned = signed): Rule =>
  (c) => {
    const [x, count] = pair(c);
    const n = known(count, 'i32');
    if (n !== null && (n & 31) === 0) return x;
    const by = n === null ? c.b.op('and.b32', count, imm(31)) : imm(n & 31);
    return c.b.op(c.from === 'u32' ? unsigned : signed, x, by);
  };

const PREDICATES = ['lt', 'le', 'gt', 'ge', 'eq', 'ne'] as const;

/** NaN: only ne holds. Masks: eq and ne. */
const cmpRule: Rule = (c) => {
  const pred = PREDICATES.find((p) => p === (c.op as Op<'cmp'>).attrs.pred);
  if (pred === undefined) throw new Bug('cmp without predicate');
  const [x, y] = pair(c);
  if (c.from === 'i1') {
    const differ = logic('xor')(c);
    return pred === 'ne' ? differ : notRule({ ...c, x: [differ] });
  }
  if (isFloat(c.from)) return c.b.op(pred === 'ne' ? 'setp.neu.f32' : `setp.${pred}.f32`, x, y);
  return c.b.op(`setp.${pred}.${c.from === 'u32' ? 'u32' : 's32'}`, x, y);
};

const notRule: Rule = (c) => {
  const x = operand(c, 0);
  if (c.from !== 'i1') return c.b.op('not.b32', x);
  const bit = known(x, 'i1');
  return bit === null ? c.b.op('not.pred', x) : imm(1 - bit);
};

/** The arm that a known mask takes, or both; never a branch, never arithmetic. */
const selectRule: Rule = (c) => {
  const [m, a, b] = [operand(c, 0), operand(c, 1), operand(c, 2)];
  const taken = known(m, 'i1');
  if (taken !== null) return taken !== 0 ? a : b;
  if (a === b) return a;
  return c.to === 'i1' ? selectMask(c, m, a, b) : c.b.op('selp.b32', a, b, m);
};

/** There is no selp of predicates: (m & a) | (!m & b), less what is known of a and b. */
function selectMask(c: LaneContext, m: Operand, a: Operand, b: Operand): Operand {
  const on = (name: 'and' | 'or', x: Operand, y: Operand): Operand => logic(name)({ ...c, from: 'i1', x: [x, y] });
  return on('or', on('and', m, a), on('and', c.b.op('not.pred', m), b));
}

/** Value in another dtype; integers keep their bits. Floats round to 16 bits here: two at a time is cheaper (halves.ts). */
const castRule: Rule = (c) => {
  const x = operand(c, 0);
  if (c.from === 'i1') return c.b.op('selp.b32', isFloat(c.to) ? f32(1) : imm(1), isFloat(c.to) ? f32(0) : imm(0), x);
  if (!isFloat(c.to)) {
    if (!isFloat(c.from)) return x;
    return c.b.op(c.to === 'u32' ? 'cvt.rzi.u32.f32' : 'cvt.rzi.s32.f32', x);
  }
  if (isFloat(c.from)) return rounded(c.b, x, c.to);
  return rounded(c.b, c.b.op(c.from === 'u32' ? 'cvt.rn.f32.u32' : 'cvt.rn.f32.s32', x), c.to);
};

/** The f32 of the nearest value of the dtype. A bf16 is the upper half of the f32 with the same value. */
function rounded(b: PtxBuilder, x: Operand, to: DType): Operand {
  if (to === 'bf16') return b.op('cvt.rn.bf16x2.f32', x, f32(0));
  return to === 'f16' ? b.op('cvt.f32.f16', b.op('cvt.rn.f16.f32', x)) : x;
}

const signed =
  (f: typeof max32): Rule =>
  (c) =>
    f(c.b, ...pair(c));

/** The remainder of floats is exact; of integers by 0 unspecified, as PTX has it. */
const remRule = byType((c) => remainder(c.b, ...pair(c)), binary('rem.s32'), binary('rem.u32'));

const RULES: { readonly [N in ElementwiseName]: Rule } = {
  add: addRule,
  sub: subRule,
  mul: mulRule,
  div: divRule,
  idiv: byType(binary('div.rn.f32'), binary('div.s32'), binary('div.u32')),
  rem: remRule,
  max: byType(binary('max.f32'), signed(max32), binary('max.u32')),
  min: byType(binary('min.f32'), signed(min32), binary('min.u32')),
  and: logic('and'),
  or: logic('or'),
  xor: logic('xor'),
  shl: shift('shl.b32'),
  shr: shift('shr.s32', 'shr.u32'),
  ushr: shift('shr.u32'),
  mulhi: binary('mul.hi.u32'),
  not: notRule,
  neg: negRule,
  abs: byType(unary('abs.f32'), unary('abs.s32'), (c) => operand(c, 0)),
  exp: library(exponentials.exp),
  exp2: library(exponentials.exp2),
  log: library(logarithms.log),
  log2: library(logarithms.log2),
  log1p: library(logarithms.log1p),
  sqrt: (c) => unary(is16Bit(c.from) ? 'sqrt.approx.f32' : 'sqrt.rn.f32')(c),
  rsqrt: unary('rsqrt.approx.f32'),
  sigmoid: library(exponentials.sigmoid),
  tanh: library(exponentials.tanh),
  erf: library(exponentials.erf),
  sin: library(trigonometry.sin),
  cos: library(trigonometry.cos),
  floor: unary('cvt.rmi.f32.f32'),
  ceil: unary('cvt.rpi.f32.f32'),
  round: unary('cvt.rni.f32.f32'),
  cmp: cmpRule,
  select: selectRule,
  cast: castRule,
  bitcast: (c) => operand(c, 0),
};

/** PTX of one lane of every elementwise op, total over the rows of the op table that have `evaluate`; constants fold. */
export const ELEMENTWISE = Object.fromEntries(
  Object.entries(RULES).map(([name, rule]): [string, Rule] => [name, (c) => foldLane(c) ?? rule(c)]),
) as typeof RULES;

export const isElementwiseName = (name: OpName): name is ElementwiseName => Object.hasOwn(ELEMENTWISE, name);
