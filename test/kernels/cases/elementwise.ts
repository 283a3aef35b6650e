import {
  abs,
  bf16,
  bitcast,
  cast,
  cdiv,
  ceil,
  cos,
  erf,
  exp,
  exp2,
  f16,
  f32,
  floor,
  i32,
  input,
  kernel,
  log,
  log1p,
  log2,
  maximum,
  minimum,
  output,
  round,
  rsqrt,
  sigmoid,
  sin,
  sqrt,
  tanh,
  u32,
} from '../../../dsl/index.js';

/** Every unary function of the language, one row of y each. */
export const math = kernel(
  {
    args: { x: input(f32, ['N']), y: output(f32, ['F', 'N']) },
    tune: { BN: [64], warps: [2] },
    grid: ({ N, BN }) => ({ n: cdiv(N, BN) }),
  },
  ({ x, y }, { BN }, { n }) => {
    const t = x.load([n * BN], [BN]);
    const positive = abs(t) + 0.125;
    y.at(0).store([n * BN], exp(t));
    y.at(1).store([n * BN], exp2(t));
    y.at(2).store([n * BN], log(positive));
    y.at(3).store([n * BN], log2(positive));
    y.at(4).store([n * BN], log1p(positive));
    y.at(5).store([n * BN], sqrt(positive));
    y.at(6).store([n * BN], rsqrt(positive));
    y.at(7).store([n * BN], sigmoid(t));
    y.at(8).store([n * BN], tanh(t));
    y.at(9).store([n * BN], erf(t));
    y.at(10).store([n * BN], sin(t));
    y.at(11).store([n * BN], cos(t));
    y.at(12).store([n * BN], floor(t) + ceil(t) * 4);
    y.at(13).store([n * BN], round(t * 2)); // ties at multiples of 1/4: half to even
    y.at(14).store([n * BN], t ** 3 - positive ** t);
    y.at(15).store([n * BN], (t * 3) % 2);
    y.at(16).store([n * BN], minimum(maximum(t, -1), 1.5));
  },
);

/** Conversions between dtypes, and bits seen as another dtype. */
export const conversions = kernel(
  {
    args: {
      x: input(f32, ['N']),
      half: output(f16, ['N']),
      brain: output(bf16, ['N']),
      through: output(f32, ['N']),
      whole: output(i32, ['N']),
      natural: output(u32, ['N']),
      bits: output(i32, ['N']),
    },
    tune: { BN: [64], warps: [2] },
    grid: ({ N, BN }) => ({ n: cdiv(N, BN) }),
  },
  ({ x, half, brain, through, whole, natural, bits }, { BN }, { n }) => {
    const t = x.load([n * BN], [BN]);
    half.store([n * BN], t);
    brain.store([n * BN], t);
    through.store([n * BN], cast(cast(t, bf16), f32) + cast(cast(t / 1024, f16), f32));
    whole.store([n * BN], cast(t, i32));
    natural.store([n * BN], cast(t, u32));
    bits.store([n * BN], bitcast(t, i32) & 0x7fffffff);
  },
);
