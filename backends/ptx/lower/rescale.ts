import type { Value } from '../../../compiler/ir/module.js';
import { definedBy } from '../../../compiler/ir/rewrite.js';
import { f32, imm, type Reg } from '../isa/operand.js';
import type { Emitter } from './emitter.js';
import type { Tile } from './tile.js';

/**
 * Multiplies an accumulator by factors of its rows or columns, unless all of a warp's are 1, which is what the factors of
 * running extremes nearly always are: exp2(old - new) where `new` is `old` again. x * 1 = x exactly, NaN and infinities
 * included. A branch for a vote and a few comparisons, instead of a product a register.
 */
export interface Rescaling {
  readonly from: Value;
  readonly factor: Value;
}

/** acc as from * factor, if the factor is likely to be 1. */
export function rescalingOf(acc: Value): Rescaling | null {
  const [a, b] = definedBy(acc, 'mul')?.operands ?? [];
  if (a === undefined || b === undefined) return null;
  if (isLikelyOne(repeated(b))) return { from: a, factor: b };
  return isLikelyOne(repeated(a)) ? { from: b, factor: a } : null;
}

const REPEATING = ['broadcast', 'expand'] as const;

/** What is repeated along rows or columns. */
function repeated(v: Value): Value {
  for (const name of REPEATING) {
    const [x] = definedBy(v, name)?.operands ?? [];
    if (x !== undefined) return repeated(x);
  }
  return v;
}

/** 2^(a - b), where b is chosen from values that a is one of. */
function isLikelyOne(factor: Value): boolean {
  const [exponent] = definedBy(factor, 'exp2')?.operands ?? [];
  const [a, b] = (exponent && definedBy(exponent, 'sub')?.operands) ?? [];
  return a !== undefined && b !== undefined && isChosenFrom(b, a);
}

function isChosenFrom(v: Value, a: Value): boolean {
  if (v === a) return true;
  const select = definedBy(v, 'select')?.operands.slice(1);
  const extreme = definedBy(v, 'max')?.operands ?? definedBy(v, 'min')?.operands;
  return (select ?? extreme ?? []).some((x) => isChosenFrom(x, a));
}

/** Multiplies each register by the register of `factors` of the same number; copies of one element are one register. */
export function rescale(e: Emitter, registers: readonly Reg[], factors: Tile): void {
  const { b } = e;
  const lanes = registers.map((_, r) => factors.lane(r));
  const own = [...new Set(lanes)].map((f) => b.op('setp.eq.f32', f, f32(1))).reduce((p, q) => b.op('and.pred', p, q));
  const done = b.newLabel('scaled');
  b.branch(done, b.op('vote.sync.all.pred', own, imm(0xffffffff)));
  for (const [reg, factor] of new Map(registers.map((reg, r) => [reg, lanes[r] ?? f32(1)])))
    b.into('mul.f32', reg, reg, factor);
  b.place(done);
}
