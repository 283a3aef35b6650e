/** Logarithms on f32, accurate in relative terms near 1 too, where `lg2.approx` is not. */
import type { PtxBuilder } from '../../isa/builder.js';
import { f32, imm, type Operand, type Reg } from '../../isa/operand.js';
import { horner } from './polynomial.js';

/** x = (1 + f) 2^e with f in -1/3 .. 1/3, and e as a float. For positive finite x. */
interface Split {
  readonly f: Reg;
  readonly e: Reg;
}

/** Bits of 2/3: what is subtracted before the exponent field is cut, so that m is nearest to 1. */
const TWO_THIRDS = 0x3f2aaaab;

function split(b: PtxBuilder, x: Operand): Split {
  const subnormal = b.op('setp.lt.f32', x, f32(2 ** -126));
  const a = b.op('selp.f32', b.op('mul.f32', x, f32(2 ** 23)), x, subnormal);
  const shift = b.op('selp.f32', f32(-23), f32(0), subnormal);
  const field = b.op('and.b32', b.op('sub.s32', a, imm(TWO_THIRDS)), imm(0xff800000));
  const e = b.op('fma.rn.f32', b.op('cvt.rn.f32.s32', field), f32(2 ** -23), shift);
  return { f: b.op('sub.f32', b.op('sub.s32', a, field), f32(1)), e };
}

/** log(1 + f): f + f^2 p(f). Even and odd powers of p in two chains, to halve the latency. */
function logNearOne(b: PtxBuilder, f: Reg): Reg {
  const s = b.op('mul.f32', f, f);
  const odd = horner(b, s, [-0.130310059, -0.121483512, -0.166846126, -0.2499962]);
  const even = horner(b, s, [0.140869141, 0.139814854, 0.200120345]);
  const p = horner(b, f, [b.op('fma.rn.f32', even, f, odd), 0.333331972, -0.5]);
  return b.op('fma.rn.f32', p, s, f);
}

/** `value` for finite x > 0; -infinity at 0, infinity at infinity, NaN below 0 and of NaN. */
function onDomain(b: PtxBuilder, x: Operand, value: Reg): Reg {
  const zero = b.op('selp.f32', f32(Number.NEGATIVE_INFINITY), f32(Number.NaN), b.op('setp.eq.f32', x, f32(0)));
  const above = b.op('selp.f32', value, x, b.op('setp.lt.f32', x, f32(Number.POSITIVE_INFINITY)));
  return b.op('selp.f32', above, zero, b.op('setp.gt.f32', x, f32(0)));
}

/** Natural logarithm: 1 ulp. */
export function log(b: PtxBuilder, x: Operand): Reg {
  const { f, e } = split(b, x);
  return onDomain(b, x, b.op('fma.rn.f32', e, f32(Math.LN2), logNearOne(b, f)));
}

/** Logarithm to base 2: 2 ulp; exact at powers of 2. */
export function log2(b: PtxBuilder, x: Operand): Reg {
  const { f, e } = split(b, x);
  return onDomain(b, x, b.op('fma.rn.f32', logNearOne(b, f), f32(Math.LOG2E), e));
}

/**
 * log(1 + x): 3 ulp. Below 1/3 in magnitude the polynomial in x itself; elsewhere the rounding of 1 + x, which is exact
 * or below half an ulp of a number of 1/2 at least, moves the logarithm by 1.5 ulp.
 */
export function log1p(b: PtxBuilder, x: Operand): Reg {
  const u = b.op('add.rn.f32', x, f32(1));
  const near = b.op('setp.lt.f32', b.op('abs.f32', x), f32(1 / 3));
  const far = split(b, u);
  const f = b.op('selp.f32', x, far.f, near);
  const e = b.op('selp.f32', f32(0), far.e, near);
  return onDomain(b, u, b.op('fma.rn.f32', e, f32(Math.LN2), logNearOne(b, f)));
}
