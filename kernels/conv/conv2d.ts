import {
  bf16,
  cdiv,
  dot,
  dtypes,
  f16,
  f32,
  idiv,
  input,
  kernel,
  output,
  range,
  reshape,
  zeros,
} from '../../dsl/index.js';

const T = dtypes('T', f32, f16, bf16);

/**
 * Convolution of images with R x S filters, same size, zeros around: y_{p,q} = sum over r, s of x_{p+r-R/2, q+s-S/2} f_{r,s}, a
 * product [BP BQ, BC] by [BC, BF] for each place of the filter and block of channels.
 *
 * x [B, H, W, C]; f [R, S, C, F]; y [B, H, W, F].
 */
export const conv2d = kernel(
  {
    args: {
      x: input(T, ['B', 'H', 'W', 'C']),
      f: input(T, ['R', 'S', 'C', 'F']),
      y: output(T, ['B', 'H', 'W', 'F']),
    },
    comptime: ['R', 'S'],
    tune: { BP: [8, 4], BQ: [16, 8], BC: [32, 16], BF: [64, 32, 16], warps: [4, 2], stages: [2, 1] },
    // On a CPU, as few pixels beyond the edges as can be.
    prefer: ({ BP, BQ, H, W, processors }) => (processors === 1 ? cdiv(H, BP) * BP * cdiv(W, BQ) * BQ : 0),
    grid: ({ B, H, W, F, BP, BQ, BF }) => ({ f: cdiv(F, BF), q: cdiv(W, BQ), p: cdiv(H, BP), b: B }),
  },
  ({ x, f, y }, { C, R, S, BP, BQ, BC, BF }, pid) => {
    const X = x.at(pid.b);
    const p0 = pid.p * BP - Math.floor(R / 2);
    const q0 = pid.q * BQ - Math.floor(S / 2);
    let acc = zeros([BP * BQ, BF], f32);
    for (const place of range(R * S)) {
      const r = idiv(place, S);
      const s = place % S;
      for (const c of range(0, C, BC)) {
        const window = reshape(X.load([p0 + r, q0 + s, c], [BP, BQ, BC]), [BP * BQ, BC]);
        acc = dot(window, f.at(r, s).load([c, pid.f * BF], [BC, BF]), acc);
      }
    }
    y.at(pid.b).store([pid.p * BP, pid.q * BQ, pid.f * BF], reshape(acc, [BP, BQ, BF]));
  },
);
