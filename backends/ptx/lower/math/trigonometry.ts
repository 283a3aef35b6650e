/** Sine and cosine on f32. */
import type { PtxBuilder } from '../../isa/builder.js';
import { f32, imm, type Operand, type Reg } from '../../isa/operand.js';
import { horner } from './polynomial.js';

/** pi / 2 in three floats: the first is the nearest, each next one the nearest to what is left. */
const HALF_PI = [1.5707963705062866, -4.371138828673793e-8, -1.7151245100058819e-15] as const;

/**
 * sin (`turns` 0) or cos (1): absolute error 1e-7 for |x| up to 2^17. Whole quarter turns are taken away in three fused steps
 * (Cody and Waite), of which only the first rounds; then polynomials (Cephes) in the remainder of at most 0.8. Beyond
 * 2^17 the number of turns is too coarse: a value between -1 and 1. NaN of NaN and infinities; sin(-0) is 0.
 */
function sine(b: PtxBuilder, x: Operand, turns: 0 | 1): Reg {
  const q = b.op('cvt.rni.f32.f32', b.op('mul.rn.f32', x, f32(2 / Math.PI)));
  const minus = b.op('neg.f32', q);
  const near = HALF_PI.reduce((rest: Operand, part) => b.op('fma.rn.f32', minus, f32(part), rest), x);
  // Neither bound acts up to 2^17.
  const r = b.op('max.f32', b.op('min.f32', near, f32(0.8)), f32(-0.8));
  const n = b.op('add.s32', b.op('cvt.rni.s32.f32', q), imm(turns));
  const z = b.op('mul.f32', r, r);
  const sinTail = horner(b, z, [-1.95152956e-4, 8.33216087e-3, -0.166666546]);
  const sin = b.op('fma.rn.f32', b.op('mul.f32', z, r), sinTail, r);
  const cosTail = horner(b, z, [2.44331571e-5, -1.38873162e-3, 4.16666456e-2]);
  const cos = b.op('fma.rn.f32', b.op('mul.f32', z, z), cosTail, b.op('fma.rn.f32', z, f32(-0.5), f32(1)));
  const odd = b.op('setp.ne.s32', b.op('and.b32', n, imm(1)), imm(0));
  const value = b.op('selp.f32', cos, sin, odd);
  // Bit 1 of n is the sign, moved to bit 31; x - x is 0, or NaN where there is no value.
  const sign = b.op('shl.b32', b.op('and.b32', n, imm(2)), imm(30));
  const signed = b.op('xor.b32', value, sign);
  const none = b.op('setp.nan.f32', b.op('sub.rn.f32', x, x), f32(0));
  return b.op('selp.f32', f32(Number.NaN), signed, none);
}

export const sin = (b: PtxBuilder, x: Operand): Reg => sine(b, x, 0);
export const cos = (b: PtxBuilder, x: Operand): Reg => sine(b, x, 1);
