import {
  bf16,
  cast,
  cdiv,
  col,
  dot,
  dtypes,
  exp,
  f16,
  f32,
  full,
  idiv,
  input,
  iota,
  kernel,
  max,
  maximum,
  output,
  range,
  row,
  scalar,
  sum,
  type Tile,
  trans,
  where,
  zeros,
} from '../../dsl/index.js';
import { farFromBestHalf } from '../lightning/blocks.js';

const T = dtypes('T', f32, f16, bf16);

/** What to subtract from exponents: their largest, or 0 where all of them are -Infinity. */
const shiftOf = <A>(largest: Tile<'f32', [A]>): Tile<'f32', [A]> => where(largest === -Infinity, 0, largest);

/**
 * Performer's FAVOR+, causal: softmax attention by R positive random features,
 * phi(x)_r = exp(w_r . x - |x|^2 / 2), o_t = phi(q_t) S_t / (phi(q_t) . z_t), where S_t = S_{t-1} + phi(k_t)^T v_t and
 * z_t = z_{t-1} + phi(k_t). q and k are taken `scale` times, usually D^-1/4.
 *
 * What features of a query have in common cancels: |q|^2, and their largest. Sums of features of keys are kept over the
 * largest of each feature so far, which moves from chunk to chunk like the maximum of a running softmax, so that no
 * exponent is positive. A key is lost where all its features are that much smaller than those of later keys of its chunk
 * that T cannot hold them (f16: 2^-24); where nothing is left of a sum of weights, o is 0.
 *
 * q [B, H, N, D], k [B, HK, N, D], v [B, HK, N, E], o [B, H, N, E]: head h of q reads head floor(h HK / H) of k and v;
 * w [R, D], rows as the author drew them: standard normal, made orthogonal in blocks.
 * Source: Choromanski et al. 2021, "Rethinking Attention with Performers", arXiv 2009.14794, lemma 1 and section 2.4.
 */
export const favorFwd = kernel(
  {
    args: {
      q: input(T, ['B', 'H', 'N', 'D']),
      k: input(T, ['B', 'HK', 'N', 'D']),
      v: input(T, ['B', 'HK', 'N', 'E']),
      w: input(T, ['R', 'D']),
      scale: scalar(f32),
      o: output(T, ['B', 'H', 'N', 'E']),
    },
    comptime: ['D', 'E', 'R'],
    tune: { C: [32, 64, 16, 8], BE: [32, 64, 16, 8], warps: [4, 8, 2], stages: [2, 1, 3] },
    prune: ({ C, BE, D, E, R }) =>
      (BE < 2 * E || BE === 8) && (C * (2 * D + BE + 2 * R) + R * D) * 2 + R * BE * 4 <= 96 * 1024,
    // Twice the warps for 16 bits, of what a kernel without features is best with.
    prefer: ({ C, BE, warps, stages, B, H, N, D, E, R, processors, sharedBytes, elementBytes }) =>
      processors === 1
        ? 0
        : farFromBestHalf(
            { C, columns: BE, warps: elementBytes === 2 ? warps / 2 : warps, stages },
            { rows: Math.max(D, R), total: E, heads: B * H, N },
            { processors, sharedBytes, elementBytes },
          ),
    grid: ({ B, H, E, BE }) => ({ e: cdiv(E, BE), h: H, b: B }),
  },
  ({ q, k, v, w, scale, o }, { H, HK, N, D, R, C, BE }, { b, h, e }) => {
    const [Q, O] = [q.at(b, h), o.at(b, h)];
    const [K, V] = [k.at(b, idiv(h, idiv(H, HK))), v.at(b, idiv(h, idiv(H, HK)))];
    const W = trans(w.load([0, 0], [R, D]));
    const i = iota(C);

    let top = full([R], -Infinity, f32); // the largest exponent of each feature of the keys so far
    let state = zeros([R, BE], f32);
    let z = zeros([R], f32);
    for (const n of range(0, N, C)) {
      const qi = Q.load([n, 0], [C, D]);
      const ki = K.load([n, 0], [C, D]);
      const vi = V.load([n, e * BE], [C, BE]);
      const k32 = cast(ki, f32) * scale;
      const plain = dot(ki, W) * scale - col(sum(k32 * k32, 1)) * 0.5;
      const exponent = where(col(n + i) < N, plain, -Infinity);
      const next = maximum(top, max(exponent, 0));
      const shift = shiftOf(next);
      const kf = exp(exponent - row(shift));
      const kept = exp(top - shift);

      const x = dot(qi, W) * scale + row(shift);
      const qf = exp(x - col(shiftOf(max(x, 1))));
      const before = state * col(kept);
      const zBefore = z * kept;
      const p = where(col(i) >= row(i), dot(cast(qf, T), trans(cast(kf, T))), 0);
      const mixed = dot(cast(p, T), vi) + dot(cast(qf, T), cast(before, T));
      const weight = col(sum(p, 1) + sum(qf * row(zBefore), 1));
      O.store([n, e * BE], where(weight > 0, mixed / weight, 0));

      state = before + dot(trans(cast(kf, T)), vi);
      z = zBefore + sum(kf, 0);
      top = next;
    }
  },
);
