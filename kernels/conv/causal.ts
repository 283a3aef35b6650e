import {
  all,
  bf16,
  cast,
  cdiv,
  dtypes,
  f16,
  f32,
  input,
  kernel,
  output,
  range,
  row,
  sigmoid,
  zeros,
} from '../../dsl/index.js';

const T = dtypes('T', f32, f16, bf16);

/**
 * Causal convolution over time, each channel by itself: y_t = act(bias + sum over w < W of f_w x_{t-(W-1)+w}), act = SiLU with
 * `silu`, else nothing. Tokens before the first are 0. W is small: 4 in Mamba.
 *
 * x, y [B, N, D]; f [D, W]; bias [D].
 */
export const causalConv = kernel(
  {
    args: {
      x: input(T, ['B', 'N', 'D']),
      f: input(T, ['D', 'W']),
      bias: input(T, ['D']),
      y: output(T, ['B', 'N', 'D']),
    },
    comptime: ['W'],
    options: { silu: true },
    tune: { C: [32, 8], BD: [64, 16], warps: [4] },
    grid: ({ B, N, D, C, BD }) => ({ d: cdiv(D, BD), n: cdiv(N, C), b: B }),
  },
  ({ x, f, bias, y }, { W, C, BD, silu }, { d, n, b }) => {
    let acc = zeros([C, BD], f32) + row(cast(bias.load([d * BD], [BD]), f32));
    for (const w of range(W, { unroll: W <= 8 })) {
      const tap = row(cast(f.at(all, w).load([d * BD], [BD]), f32));
      acc += cast(x.at(b).load([n * C - (W - 1) + w, d * BD], [C, BD]), f32) * tap;
    }
    y.at(b).store([n * C, d * BD], silu ? acc * sigmoid(acc) : acc);
  },
);
