/** Lanes that are known while emitting: constants, and positions that do not depend on the thread. */
import type { Op } from '../../../compiler/ir/module.js';
import { type DType, isFloat } from '../../../compiler/ir/types.js';
import { EvaluationTrap } from '../../../compiler/ops/evaluate.js';
import { opRow } from '../../../compiler/ops/table.js';
import { f32Bits, f32OfBits, type Operand } from '../isa/operand.js';
import { literal } from './shape.js';

/** The number that an operand of this dtype holds, as the op table counts: u32 from 0, masks 0 and 1; null if unknown. */
export function known(x: Operand, d: DType): number | null {
  if (x.kind === 'reg') return null;
  const bits = x.kind === 'f32' ? f32Bits(x.value) : Number(BigInt.asUintN(32, BigInt(x.value)));
  if (isFloat(d)) return f32OfBits(bits);
  return d === 'i32' ? bits | 0 : bits;
}

/** The value of a lane whose operands are known; null where one is not, or where the op would trap. */
export function foldLane(c: { x: readonly Operand[]; from: DType; to: DType; op: Op }): Operand | null {
  for (const x of c.x) if (x.kind === 'reg') return null;
  const { evaluate } = opRow(c.op.name);
  if (evaluate === undefined || c.op.name === 'select') return null;
  const values: number[] = [];
  for (const x of c.x) {
    const value = known(x, c.from);
    if (value === null) return null;
    values.push(value);
  }
  try {
    return literal(evaluate(values, c.from, c.op.attrs as Parameters<typeof evaluate>[2]), c.to);
  } catch (error) {
    if (error instanceof EvaluationTrap) return null;
    throw error;
  }
}
