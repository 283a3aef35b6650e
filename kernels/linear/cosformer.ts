import {
  bf16,
  cast,
  cdiv,
  col,
  cos,
  dot,
  dtypes,
  f16,
  f32,
  idiv,
  input,
  iota,
  kernel,
  maximum,
  output,
  range,
  row,
  scalar,
  sin,
  sum,
  trans,
  where,
  zeros,
} from '../../dsl/index.js';
import { farFromBestHalf } from '../lightning/blocks.js';

const T = dtypes('T', f32, f16, bf16);

/**
 * cosFormer, causal: o_t = sum over j <= t of w_tj v_j / max(sum of w_tj, eps) with
 * w_tj = (relu(q_t) . relu(k_j)) cos(pi (t - j) / (2 longest)).
 *
 * As cos(x - y) = cos x cos y + sin x sin y, two states hold all earlier chunks: keys times the cosine of their position,
 * and times its sine. Inside a chunk of C tokens the weights are made as they stand.
 *
 * q [B, H, N, D], k [B, HK, N, D], v [B, HK, N, E], o [B, H, N, E]: head h of q reads head floor(h HK / H) of k and v;
 * longest >= N, in tokens, so that no weight is negative; eps > 0, the least sum of weights.
 * Source: Qin et al. 2022, "cosFormer: Rethinking Softmax in Attention", arXiv 2202.08791, equations 10 and 11.
 */
export const cosformerFwd = kernel(
  {
    args: {
      q: input(T, ['B', 'H', 'N', 'D']),
      k: input(T, ['B', 'HK', 'N', 'D']),
      v: input(T, ['B', 'HK', 'N', 'E']),
      longest: scalar(f32),
      eps: scalar(f32),
      o: output(T, ['B', 'H', 'N', 'E']),
    },
    comptime: ['D', 'E'],
    tune: { C: [32, 64, 16, 8], BE: [32, 64, 16, 8], warps: [4, 8, 2], stages: [2, 1, 3] },
    prune: ({ C, BE, D, E }) => (BE < 2 * E || BE === 8) && C * (2 * D + BE) * 2 + 2 * D * BE * 4 <= 96 * 1024,
    prefer: ({ C, BE, warps, stages, B, H, N, D, E, processors, sharedBytes, elementBytes }) =>
      processors === 1
        ? 0
        : farFromBestHalf(
            { C, columns: BE, warps, stages },
            { rows: 2 * D, total: E, heads: B * H, N },
            { processors, sharedBytes, elementBytes },
          ),
    grid: ({ B, H, E, BE }) => ({ e: cdiv(E, BE), h: H, b: B }),
  },
  ({ q, k, v, longest, eps, o }, { H, HK, N, D, C, BE }, { b, h, e }) => {
    const [Q, O] = [q.at(b, h), o.at(b, h)];
    const [K, V] = [k.at(b, idiv(h, idiv(H, HK))), v.at(b, idiv(h, idiv(H, HK)))];
    const i = iota(C);
    const step = Math.PI / 2 / longest;
    const near = where(col(i) >= row(i), cos((col(i) - row(i)) * step), 0);

    let cosine = zeros([D, BE], f32);
    let sine = zeros([D, BE], f32);
    let zCosine = zeros([D], f32);
    let zSine = zeros([D], f32);
    for (const n of range(0, N, C)) {
      const q16 = Q.load([n, 0], [C, D]);
      const k16 = K.load([n, 0], [C, D]); // tail tokens read 0, and relu(0) = 0
      const qi = where(q16 > 0, q16, 0);
      const ki = where(k16 > 0, k16, 0);
      const vi = V.load([n, e * BE], [C, BE]);
      const angle = col((n + i) * step);
      const [c, s] = [cos(angle), sin(angle)];

      const p = dot(qi, trans(ki)) * near;
      const [qc, qs] = [qi * c, qi * s]; // f32
      const far = dot(cast(qc, T), cast(cosine, T)) + dot(cast(qs, T), cast(sine, T));
      const weight = sum(p, 1) + sum(qc * row(zCosine) + qs * row(zSine), 1);
      O.store([n, e * BE], (dot(cast(p, T), vi) + far) / col(maximum(weight, eps)));

      const [kc, ks] = [ki * c, ki * s];
      cosine += dot(trans(cast(kc, T)), vi);
      sine += dot(trans(cast(ks, T)), vi);
      zCosine += sum(kc, 0);
      zSine += sum(ks, 0);
    }
  },
);
