/**
 * Functions of powers, on f32. Errors are bounds over all f32 inputs, in ulp of the result (compiler/ops/accuracy.ts);
 * results below 2^-126 may be 0, as `.ftz` makes them. Coefficients of polynomials are minimax fits.
 */
import type { PtxBuilder } from '../../isa/builder.js';
import { f32, type Operand, type Reg } from '../../isa/operand.js';
import { horner } from './polynomial.js';

const LOG2E = f32(Math.LOG2E);

/** 2^x: 2 ulp. */
export const exp2 = (b: PtxBuilder, x: Operand): Reg => b.op('ex2.approx.ftz.f32', x);

/** e^x as 2^(x log2 e): 2 ulp + 1.25 |x| ulp, from the rounding of the product. */
export const exp = (b: PtxBuilder, x: Operand): Reg => exp2(b, b.op('mul.f32', x, LOG2E));

/** 1 / (1 + e^-x): 4 ulp + 1.25 |x| ulp, of which x > 0 needs 4. No overflow: 1 / infinity is the limit. */
export function sigmoid(b: PtxBuilder, x: Operand): Reg {
  const e = exp2(b, b.op('mul.f32', x, f32(-Math.LOG2E)));
  return b.op('rcp.approx.f32', b.op('add.f32', e, f32(1)));
}

/** tanh x: 4 ulp. Below 0.55 an odd polynomial, which keeps small x; above, 1 - 2 / (e^2|x| + 1). */
export function tanh(b: PtxBuilder, x: Operand): Reg {
  const t = b.op('abs.f32', x);
  const power = exp2(b, b.op('mul.f32', t, f32(2 * Math.LOG2E)));
  const half = b.op('rcp.approx.f32', b.op('add.f32', power, f32(1)));
  const large = b.op('fma.rn.f32', half, f32(-2), f32(1));
  const s = b.op('mul.f32', x, x);
  const tail = horner(b, s, [0.0157296831, -0.0523029624, 0.133152977, -0.333327681]);
  const small = b.op('fma.rn.f32', b.op('mul.f32', tail, s), x, x);
  return b.op('copysign.f32', x, b.op('selp.f32', small, large, b.op('setp.lt.f32', t, f32(0.55))));
}

/**
 * Error function: 2 ulp. Up to 0.93 an odd polynomial; above, 1 - e^r with a polynomial r of |x|, whose leading term is
 * negative, so that r is -infinity at infinity.
 */
export function erf(b: PtxBuilder, x: Operand): Reg {
  const t = b.op('abs.f32', x);
  const s = b.op('mul.f32', x, x);
  const high = b.op('fma.rn.f32', f32(-1.7285347e-5), t, f32(3.83197126e-4));
  const low = b.op('fma.rn.f32', f32(-3.88396438e-3), t, f32(2.42546219e-2));
  const top = b.op('fma.rn.f32', high, s, low);
  const rest = horner(b, t, [top, -0.106777877, -0.634846687, -0.128717512]);
  const power = exp(b, b.op('fma.rn.f32', rest, t, b.op('neg.f32', t)));
  const large = b.op('copysign.f32', x, b.op('sub.f32', f32(1), power));
  const tail = horner(b, s, [-5.96761703e-4, 4.99119423e-3, -2.67681349e-2, 0.112819925, -0.376125336, 0.128379166]);
  const small = b.op('fma.rn.f32', tail, x, x);
  return b.op('selp.f32', large, small, b.op('setp.gt.f32', t, f32(0.927734375)));
}
