import {
  bf16,
  cast,
  cdiv,
  col,
  dot,
  dtypes,
  f16,
  f32,
  input,
  kernel,
  output,
  range,
  trans,
  zeros,
} from '../../dsl/index.js';
import { farFromBestHalf } from '../lightning/blocks.js';
import { across, between, decaySums, fromStart, near, toEnd } from '../lightning/decay.js';

const T = dtypes('T', f32, f16, bf16);

/**
 * Simple gated linear attention with one data-dependent log-decay a token and head, forward:
 * S_t = exp(g_t) S_{t-1} + k_t^T v_t;  o_t = D^-1/2 q_t S_t. RetNet is g = const per head.
 *
 * Chunks of C tokens with a running D x BE state; the decays inside of one are those of `decaySums`.
 *
 * q, k [B, H, N, D]; v, o [B, H, N, E]; g [B, H, N] <= 0, the natural log of the decay; h0, hT [B, H, D, E] the states
 * before the first and after the last token. Options: `initialState` reads h0 (else it may be null and counts as 0),
 * `finalState` writes hT (else it may be null).
 * Source: Yang et al. 2024, "Gated Linear Attention Transformers", arXiv 2312.06635, section 4; scalar gate as in
 * Mamba-2 (Dao and Gu 2024, arXiv 2405.21060).
 */
export const simpleGlaFwd = kernel(
  {
    args: {
      q: input(T, ['B', 'H', 'N', 'D']),
      k: input(T, ['B', 'H', 'N', 'D']),
      v: input(T, ['B', 'H', 'N', 'E']),
      g: input(f32, ['B', 'H', 'N']),
      h0: input(f32, ['B', 'H', 'D', 'E']),
      o: output(T, ['B', 'H', 'N', 'E']),
      hT: output(f32, ['B', 'H', 'D', 'E']),
    },
    comptime: ['D', 'E'],
    options: { initialState: false, finalState: false },
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
  ({ q, k, v, g, h0, o, hT }, { N, D, C, BE, initialState, finalState }, { b, h, e }) => {
    const Q = q.at(b, h);
    const K = k.at(b, h);
    const V = v.at(b, h);
    const G = g.at(b, h);
    const O = o.at(b, h);
    const scale = 1 / Math.sqrt(D); // folded at compile time

    let state = zeros([D, BE], f32);
    if (initialState) state = h0.at(b, h).load([0, e * BE], [D, BE]);

    for (const n of range(0, N, C)) {
      const qi = Q.load([n, 0], [C, D]);
      const ki = K.load([n, 0], [C, D]);
      const vi = V.load([n, e * BE], [C, BE]);
      const decay = decaySums(G.load([n], [C]), false); // tail tokens read 0: no decay, and their k is 0

      const p = dot(qi, trans(ki)) * between(decay, false);
      const intra = dot(cast(p, T), vi);
      const inter = dot(qi, cast(state, T)) * col(fromStart(decay));
      O.store([n, e * BE], (intra + inter) * col(near(decay) * scale));

      const kScaled = cast(ki * col(toEnd(decay)), T);
      state = state * across(decay) + dot(trans(kScaled), vi);
    }
    if (finalState) hT.at(b, h).store([0, e * BE], state);
  },
);

/** The same between two segments of one sequence: reads h0, writes hT. */
export const simpleGlaSegment = simpleGlaFwd.with({ initialState: true, finalState: true });
