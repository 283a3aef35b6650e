import type { DType } from '../../../compiler/ir/types.js';
import { imm, type Operand, type Reg } from '../isa/operand.js';
import type { Emitter } from './emitter.js';

/** Two f32 as 16-bit floats in one register, rounded to nearest even; `low` in the low half. */
export const packPair = (e: Emitter, low: Operand, high: Operand, dtype: DType): Reg =>
  e.b.op(dtype === 'f16' ? 'cvt.rn.f16x2.f32' : 'cvt.rn.bf16x2.f32', high, low);

/** One half of a register of two 16-bit floats, as f32. A bf16 is the upper half of the f32 with the same value. */
export function unpackHalf(e: Emitter, word: Reg, half: number, dtype: DType): Operand {
  if (dtype === 'bf16') return half === 0 ? e.b.op('shl.b32', word, imm(16)) : e.b.op('and.b32', word, imm(0xffff0000));
  return e.b.op('cvt.f32.f16', halfOf(e, word, half));
}

/** One half of a register, as b16. */
export const halfOf = (e: Emitter, word: Reg, half: number): Reg =>
  e.b.op('cvt.u16.u32', half === 0 ? word : e.b.op('shr.u32', word, imm(16)));

/** An operand in a register, for instructions that take no immediate there. */
export const inRegister = (e: Emitter, x: Operand): Reg =>
  x.kind === 'reg' ? x : e.hoisted(`constant ${x.kind} ${x.value}`, () => e.b.op('mov.b32', x));
