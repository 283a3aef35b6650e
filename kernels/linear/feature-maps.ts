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
  idiv,
  input,
  kernel,
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
import { headDecays, noDecays } from '../lightning/decay.js';

const T = dtypes('T', f32, f16, bf16);

/** Features of queries and keys, element by element; never negative. */
type FeatureMap = (x: Tile<'f32'>) => Tile<'f32'>;

/** 1 + elu(x) (Katharopoulos et al. 2020, equation 7). */
const elu1: FeatureMap = (x) => where(x > 0, x + 1, exp(where(x > 0, 0, x)));
const relu: FeatureMap = (x) => where(x > 0, x, 0);

/**
 * Causal linear attention with a feature map and a normaliser: o_t = phi(q_t) S_t / max(phi(q_t) . z_t, eps), where
 * S_t = a S_{t-1} + phi(k_t)^T v_t and z_t = a z_{t-1} + phi(k_t); a is 1, or with `decay` exp(-slope) of the head.
 *
 * Chunks of C tokens, as in `lightningFwd`, with the state's D x BE sums and the D of the normaliser. Features, weights
 * and the state are rounded to T where they are multiplied; the normaliser is summed in f32.
 *
 * q [B, H, N, D], k [B, HK, N, D], v [B, HK, N, E], o [B, H, N, E]: head h of q reads head floor(h HK / H) of k and v;
 * eps > 0, the least sum of weights; slope [H] >= 0, in 1/token.
 * Source: Katharopoulos et al. 2020, "Transformers are RNNs", arXiv 2006.16236, equations 8 to 12.
 */
export const featureAttention = kernel(
  {
    args: {
      q: input(T, ['B', 'H', 'N', 'D']),
      k: input(T, ['B', 'HK', 'N', 'D']),
      v: input(T, ['B', 'HK', 'N', 'E']),
      slope: input(f32, ['H'], { optional: true }),
      eps: scalar(f32),
      o: output(T, ['B', 'H', 'N', 'E']),
    },
    comptime: ['D', 'E'],
    options: { phi: elu1, decay: false },
    tune: { C: [32, 64, 16, 8], BE: [32, 64, 128, 16, 8], warps: [4, 8, 2], stages: [2, 1, 3] },
    prune: ({ C, BE, D, E }) => (BE < 2 * E || BE === 8) && C * (2 * D + BE) * 2 + D * BE * 4 <= 128 * 1024,
    prefer: ({ C, BE, warps, stages, B, H, N, D, E, processors, sharedBytes, elementBytes }) =>
      processors === 1
        ? 0
        : farFromBestHalf(
            { C, columns: BE, warps, stages },
            { rows: D, total: E, heads: B * H, N },
            { processors, sharedBytes, elementBytes },
          ),
    grid: ({ B, H, E, BE }) => ({ e: cdiv(E, BE), h: H, b: B }),
  },
  ({ q, k, v, slope, eps, o }, { H, HK, N, D, C, BE, phi, decay }, { b, h, e }) => {
    const [Q, O] = [q.at(b, h), o.at(b, h)];
    const [K, V] = [k.at(b, idiv(h, idiv(H, HK))), v.at(b, idiv(h, idiv(H, HK)))];
    const a = decay ? headDecays(slope.get(h), C, false) : noDecays(C, false);

    let state = zeros([D, BE], f32);
    let z = zeros([D], f32);
    for (const n of range(0, N, C)) {
      const qi = phi(cast(Q.load([n, 0], [C, D]), f32));
      const ki = phi(cast(K.load([n, 0], [C, D]), f32)); // of tokens after the last too, which no row that is kept sees
      const vi = V.load([n, e * BE], [C, BE]);

      const p = dot(cast(qi, T), trans(cast(ki, T))) * a.between;
      const mixed = dot(cast(p, T), vi) + dot(cast(qi, T), cast(state, T)) * a.fromStart;
      const weight = col(sum(p, 1)) + col(sum(qi * row(z), 1)) * a.fromStart;
      O.store([n, e * BE], mixed / maximum(weight, eps));

      const kEnd = ki * a.toEnd;
      state = state * a.across + dot(trans(cast(kEnd, T)), vi);
      z = z * a.across + sum(kEnd, 0);
    }
  },
);

export const reluAttention = featureAttention.with({ phi: relu });
