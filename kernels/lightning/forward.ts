import { bf16, cdiv, dtypes, f16, f32, idiv, input, kernel, minimum, output, range, zeros } from '../../dsl/index.js';
import { farFromBest } from './blocks.js';
import { advanced, attend } from './chunk.js';
import { type ChunkDecay, headDecays, noDecays, partialHeadDecays, tokenDecays } from './decay.js';

const T = dtypes('T', f32, f16, bf16);

/**
 * Lightning Attention-2, forward: S_t = a_t S_{t-1} + k_t^T v_t, o_t = q_t S_t. The decay a_t is exp(-slope) of the head;
 * with `tokenDecay` it is exp(g_t), with `noDecay` 1.
 *
 * Chunks of C tokens: the masked product inside a chunk (C x C, quadratic) plus a running D x BE state of all earlier
 * chunks. One program computes BE columns of v for one head, and one of G parts of the sequence: with few heads, G > 1
 * fills the device at the price of forming the state before the part anew (the state update alone, about a third of the
 * work). No exponent is positive, so nothing can overflow that the inputs do not overflow.
 *
 * With 16-bit inputs, what is computed on the way (scores, scaled keys, the state) is rounded to 16 bits before it is
 * multiplied again, as in the paper's own kernels. `precise` keeps it in f32: only inputs and outputs are rounded.
 *
 * q [B, H, N, D], k [B, HK, N, D], v [B, HK, N, E], o [B, H, N, E], D and E from 1 up: head h of q reads head
 * floor(h HK / H) of k and v, where HK divides H. slope [H] >= 0, in 1/token; g [B, H, N] <= 0, a natural log; h0 and hT
 * [B, H, D, E], the states before the first and after the last token.
 * Options: `initialState` reads h0, else zeros; `finalState` writes hT; `stateOnly` writes hT and no o; `reverse` takes the
 * tokens from the last to the first: S_t = a_t S_{t+1} + k_t^T v_t, with h0 after the last token and hT = S_0.
 * Source: Qin et al. 2024, "Lightning Attention-2", arXiv 2401.04658, algorithm 1.
 */
export const lightningFwd = kernel(
  {
    args: {
      q: input(T, ['B', 'H', 'N', 'D'], { optional: true }),
      k: input(T, ['B', 'HK', 'N', 'D']),
      v: input(T, ['B', 'HK', 'N', 'E']),
      slope: input(f32, ['H'], { optional: true }),
      g: input(f32, ['B', 'H', 'N'], { optional: true }),
      h0: input(f32, ['B', 'H', 'D', 'E'], { optional: true }),
      o: output(T, ['B', 'H', 'N', 'E'], { optional: true }),
      hT: output(f32, ['B', 'H', 'D', 'E'], { optional: true }),
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
    tune: {
      C: [32, 64, 128, 16, 8],
      BE: [32, 64, 128, 16, 8],
      warps: [4, 8, 2],
      stages: [2, 1, 3],
      G: [1, 4, 2, 8],
    },
    // At most one half of the last column block may be padding; the smallest block serves every narrower E. Parts only
    // where heads alone cannot fill a GPU and the sequence is long enough to share.
    prune: ({ BE, E, B, H, N, G }) =>
      (BE < 2 * E || BE === 8) && (G === 1 || (N >= 2048 && B * H * cdiv(E, BE) * G <= 256)),
    prefer: ({ C, BE, warps, stages, G, B, H, N, D, E, processors, sharedBytes, elementBytes }) =>
      farFromBest(
        { C, columns: BE, warps, stages, G },
        { rows: D, total: E, heads: B * H, N, isSplit: true, isReverse: false },
        { processors, sharedBytes, elementBytes },
      ),
    tuneKey: ({ B, H, N }) => [B * H, N],
    grid: ({ B, H, E, BE, G }) => ({ e: cdiv(E, BE), g: G, h: H, b: B }),
  },
  (
    { q, k, v, slope, g, h0, o, hT },
    { H, HK, N, D, C, BE, G, precise, initialState, finalState, tokenDecay, noDecay, reverse, stateOnly },
    { b, h, g: part, e },
  ) => {
    const X = precise ? f32 : T; // of what is computed here and multiplied again
    const kvHead = idiv(h, idiv(H, HK));
    const [Q, K, V, O] = [q.at(b, h), k.at(b, kvHead), v.at(b, kvHead), o.at(b, h)];

    // Tokens of this program: whole chunks, but for the last of all. The state alone is one program's.
    const per = cdiv(cdiv(N, G), C) * C;
    const isLast = reverse ? part === 0 : part === G - 1;
    const begin = minimum(part * per, N);
    const end = G === 1 ? N : minimum(begin + per, N);
    const [earlier, until] = reverse ? [end, N] : [0, begin];

    // A chunk that is not whole is the first in reverse time, the last else: what follows does not matter to o.
    const isPartial = reverse ? initialState : finalState || stateOnly;
    const s = noDecay || tokenDecay ? 0 : slope.get(h);
    const decaysAt = (n: number): ChunkDecay =>
      noDecay
        ? noDecays(C, reverse)
        : tokenDecay
          ? tokenDecays(g.at(b, h).load([n], [C]), reverse)
          : isPartial
            ? partialHeadDecays(s, C, minimum(N - n, C), reverse)
            : headDecays(s, C, reverse);

    let state = zeros([D, BE], f32);
    if (initialState) state = h0.at(b, h).load([0, e * BE], [D, BE]);

    for (const n of range(earlier, until, C, { reverse })) {
      const ki = K.load([n, 0], [C, D]);
      const vi = V.load([n, e * BE], [C, BE]);
      state = advanced(state, ki, vi, decaysAt(n), X);
    }
    for (const n of range(begin, end, C, { reverse })) {
      const ki = K.load([n, 0], [C, D]); // tail rows read 0
      const vi = V.load([n, e * BE], [C, BE]);
      const decay = decaysAt(n);
      if (!stateOnly) {
        const qi = Q.load([n, 0], [C, D]);
        O.store([n, e * BE], attend(qi, ki, vi, state, decay, X)); // tail rows dropped
      }
      state = advanced(state, ki, vi, decay, X);
    }
    if (finalState || stateOnly) if (isLast) hT.at(b, h).store([0, e * BE], state);
  },
);

/** With 16-bit inputs: a third less error, for several times the arithmetic. */
export const lightningPrecise = lightningFwd.with({ precise: true });

/** Part of a sequence, a prompt: from a state, and up to one. */
export const lightningPrefill = lightningFwd.with({ initialState: true, finalState: true });

/** The same with a decay a token and head, as simple GLA without its scale. */
export const lightningGated = lightningPrefill.with({ tokenDecay: true });
