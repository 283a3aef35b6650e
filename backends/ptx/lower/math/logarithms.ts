/** Logarithms on f32, accurate in relative terms near 1 too, where `lg2.approx` is not. */
import type { PtxBuilder } from '../../isa/builder.js';
import { f32, imm, type Operand, type Reg } from '../../isa/operand.js';
import { horner } from './polynomial.js';

/** x = m 2^e with m in 2/3 .. 4/3: log m, and e as a float. For positive finite x. */
interface Split {
  readonly logM: Reg;
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
  const f = b.op('sub.f32', b.op('sub.s32', a, field), f32(1));
  return { logM: logNearOne(b, f), e };
}

/** log(1 + f) for f in -1/3 .. 1/3: f + f^2 p(f). Even and odd powers of p in two chains, to halve the latency. */
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

/** Natural logarithm: 2 ulp. */
export function log(b: PtxBuilder, x: Operand): Reg {
  const { logM, e } = split(b, x);
  return onDomain(b, x, b.op('fma.rn.f32', e, f32(Math.LN2), logM));
}

/** Logarithm to base 2: 3 ulp; exact at powers of 2. */
export function log2(b: PtxBuilder, x: Operand): Reg {
  const { logM, e } = split(b, x);
  return onDomain(b, x, b.op('fma.rn.f32', logM, f32(Math.LOG2E), e));
}

/**
 * log(1 + x): 5 ulp. x log(u) / (u - 1) with u = 1 + x cancels the rounding of u (Goldberg 1991, theorem 4); where u is
 * 1, x itself.
 */
export function log1p(b: PtxBuilder, x: Operand): Reg {
  const u = b.op('add.rn.f32', x, f32(1));
  const d = b.op('sub.rn.f32', u, f32(1));
  const { logM, e } = split(b, u);
  const ratio = b.op('div.full.f32', b.op('fma.rn.f32', e, f32(Math.LN2), logM), d);
  const scaled = onDomain(b, u, b.op('mul.f32', x, ratio));
  return b.op('selp.f32', x, scaled, b.op('setp.eq.f32', d, f32(0)));
}
