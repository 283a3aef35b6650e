import type { PtxBuilder } from '../../isa/builder.js';
import { f32, imm, type Operand, type Reg } from '../../isa/operand.js';
import { max32 } from '../integers.js';

/** Quotients stay below 2^24: the integral part of a rounded one is right, or one too large. */
const STEP = 23;
const EXPONENT_BIAS = 127;

/**
 * a - trunc(a / b) b, exactly, with the sign of a. While |a| >= |b|, multiples of t = |b| 2^k are taken away, k so that
 * the quotient stays below 2^24; every remainder is a multiple of the last bit of t and smaller than t, so that none
 * rounds. NaN for infinite a, b = 0 and NaN.
 */
export function remainder(b: PtxBuilder, x: Operand, y: Operand): Reg {
  const m = b.op('abs.f32', y);
  const r = b.op('abs.f32', x);
  const finite = b.op('setp.lt.f32', r, f32(Number.POSITIVE_INFINITY));
  const valid = b.op('and.pred', finite, b.op('setp.gt.f32', m, f32(0)));
  const exponent = exponentOf(b, m);
  const [again, end] = [b.newLabel('rem'), b.newLabel('remEnd')];
  b.branch(end, valid, true);
  b.place(again);
  b.branch(end, b.op('setp.ge.f32', r, m), true);
  takeAway(b, r, m, exponent);
  b.branch(again);
  b.place(end);
  return b.op('selp.f32', b.op('copysign.f32', x, r), f32(Number.NaN), valid);
}

/** r mod (m 2^k), in place. */
function takeAway(b: PtxBuilder, r: Reg, m: Reg, exponent: Reg): void {
  // The field of a subnormal r is 0, too large by 22 at most: k is 0 then, as it should be.
  const distance = b.op('sub.s32', b.op('shr.u32', r, imm(23)), exponent);
  const k = max32(b, b.op('sub.s32', distance, imm(STEP)), imm(0));
  // 2^k may exceed the largest power of 2: in two factors.
  const half = b.op('shr.s32', k, imm(1));
  const scaled = b.op('mul.rn.f32', m, powerOfTwo(b, half));
  const t = b.op('mul.rn.f32', scaled, powerOfTwo(b, b.op('sub.s32', k, half)));
  const q = b.op('cvt.rzi.f32.f32', b.op('div.rn.f32', r, t));
  const rest = b.op('fma.rn.f32', b.op('neg.f32', q), t, r);
  const below = b.op('setp.lt.f32', rest, f32(0));
  b.into('selp.f32', r, b.op('add.rn.f32', rest, t), rest, below);
}

/** Biased exponent of a float that is not negative; below 1 for subnormals. */
function exponentOf(b: PtxBuilder, m: Reg): Reg {
  const subnormal = b.op('setp.lt.f32', m, f32(2 ** -126));
  const normal = b.op('selp.f32', b.op('mul.rn.f32', m, f32(2 ** 24)), m, subnormal);
  return b.op('sub.s32', b.op('shr.u32', normal, imm(23)), b.op('selp.b32', imm(24), imm(0), subnormal));
}

/** 2^k as a float, for k in 0 .. 127. */
const powerOfTwo = (b: PtxBuilder, k: Reg): Reg => b.op('shl.b32', b.op('add.s32', k, imm(EXPONENT_BIAS)), imm(23));
