import {
  all,
  bf16,
  cdiv,
  dtypes,
  f16,
  f32,
  i32,
  idiv,
  input,
  kernel,
  minimum,
  output,
  range,
  zeros,
} from '../../dsl/index.js';
import { farFromBest } from './blocks.js';
import { advanced, attend } from './chunk.js';
import { decaysAt } from './later-decay.js';

const T = dtypes('T', f32, f16, bf16);

/**
 * `lightningFwd` of sequences of different lengths, one after the other in the same tensors: sequence s holds tokens
 * offset_s <= n < offset_{s+1}, attends to nothing outside, and may be empty: its hT is its h0, or 0.
 *
 * q [N, H, D]; k [N, HK, D]; v [N, HK, E]; o [N, H, E]; offset [S1], S1 = S + 1, ascending; slope [H] >= 0, in 1/token;
 * g [N, H] <= 0, a natural log; h0, hT [S, H, D, E]. Options as of `lightningFwd`: `initialState` reads h0, `finalState`
 * writes hT, `stateOnly` hT and no o.
 */
export const lightningPacked = kernel(
  {
    args: {
      q: input(T, ['N', 'H', 'D'], { optional: true }),
      k: input(T, ['N', 'HK', 'D']),
      v: input(T, ['N', 'HK', 'E']),
      offset: input(i32, ['S1']),
      slope: input(f32, ['H'], { optional: true }),
      g: input(f32, ['N', 'H'], { optional: true }),
      h0: input(f32, ['S', 'H', 'D', 'E'], { optional: true }),
      o: output(T, ['N', 'H', 'E'], { optional: true }),
      hT: output(f32, ['S', 'H', 'D', 'E'], { optional: true }),
    },
    comptime: ['D', 'E'],
    options: {
      precise: false,
      initialState: false,
      finalState: false,
      tokenDecay: false,
      noDecay: false,
      reverse: false,
      stateOnly: false,
    },
    tune: { C: [32, 64, 16, 8], BE: [64, 128, 32, 16, 8], warps: [4, 8, 2], stages: [2, 1] },
    prune: ({ BE, E }) => BE < 2 * E || BE === 8,
    // On a CPU, no more tokens at once than a sequence has on average.
    prefer: ({ C, BE, warps, stages, S1, H, N, D, E, processors, sharedBytes, elementBytes }) =>
      processors === 1
        ? Math.max(C, cdiv(N, S1 - 1))
        : farFromBest(
            { C, columns: BE, warps, stages, G: 1 },
            { rows: D, total: E, heads: (S1 - 1) * H, N: cdiv(N, S1 - 1), isSplit: false, isReverse: false },
            { processors, sharedBytes, elementBytes },
          ),
    tuneKey: ({ S1, H, N }) => [(S1 - 1) * H, N],
    grid: ({ S1, H, E, BE }) => ({ e: cdiv(E, BE), h: H, s: S1 - 1 }),
  },
  (
    { q, k, v, offset, slope, g, h0, o, hT },
    { N, H, HK, D, C, BE, precise, initialState, finalState, tokenDecay, noDecay, reverse, stateOnly },
    { s, h, e },
  ) => {
    const X = precise ? f32 : T; // of what is computed here and multiplied again
    const begin = offset.get(s);
    const end = minimum(offset.get(s + 1), N);
    const kvHead = idiv(h, idiv(H, HK));
    const K = k.at(all, kvHead).slice(begin, end);
    const V = v.at(all, kvHead).slice(begin, end);
    const rate = noDecay || tokenDecay ? 0 : slope.get(h);
    const of = { tokenDecay, noDecay, reverse, isPartial: reverse ? initialState : finalState || stateOnly };

    let state = zeros([D, BE], f32);
    if (initialState) state = h0.at(s, h).load([0, e * BE], [D, BE]);
    for (const n of range(0, end - begin, C, { reverse })) {
      const ki = K.load([n, 0], [C, D]);
      const vi = V.load([n, e * BE], [C, BE]);
      const decay = decaysAt(n, C, end - begin, rate, g.at(all, h).slice(begin, end), of);
      if (!stateOnly) {
        const qi = q.at(all, h).slice(begin, end).load([n, 0], [C, D]);
        o.at(all, h)
          .slice(begin, end)
          .store([n, e * BE], attend(qi, ki, vi, state, decay, X));
      }
      state = advanced(state, ki, vi, decay, X);
    }
    if (finalState || stateOnly) hT.at(s, h).store([0, e * BE], state);
  },
);
