import type { PtxBuilder } from '../../isa/builder.js';
import { f32, type Operand } from '../../isa/operand.js';

/** Value at x of the polynomial with these coefficients, highest power first, one fma a step. */
export function horner(b: PtxBuilder, x: Operand, [top, ...rest]: readonly [Operand | number, ...number[]]): Operand {
  const first: Operand = typeof top === 'number' ? f32(top) : top;
  return rest.reduce((sum: Operand, c) => b.op('fma.rn.f32', sum, x, f32(c)), first);
}
