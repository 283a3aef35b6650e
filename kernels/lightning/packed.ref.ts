import type { Reference } from '../../driver/reference.js';
import { offsets } from '../gemm/grouped.ref.js';

const at = (x: Float64Array | undefined, i: number): number => x?.[i] ?? 0;

/** The recurrence of each sequence, token by token: S = exp(-slope) S + k^T v, o = q S. */
export const lightningPacked: Reference = {
  shape: { N: 300, H: 3, D: 32, E: 40, S: 5, S1: 6 },
  dtypes: { T: 'f32' },
  tokens: ({ N = 0 }) => N,
  inputs: {
    offset: (ctx) => offsets({ ...ctx, dims: { M: ctx.dims.N ?? 0 } }),
    slope: ({ shape: [heads = 0] }) => Float64Array.from({ length: heads }, (_, h) => 2 ** ((-8 * (h + 1)) / heads)),
  },
  run({ inputs: { q, k, v, offset, slope }, dims: { N = 0, H = 0, D = 0, E = 0, S = 0 } }) {
    const [o, hT] = [new Float64Array(N * H * E), new Float64Array(S * H * D * E)];
    for (let s = 0; s < S; s++)
      for (let h = 0; h < H; h++) {
        const state = hT.subarray((s * H + h) * D * E, (s * H + h + 1) * D * E);
        for (let n = at(offset, s); n < at(offset, s + 1); n++)
          for (let d = 0; d < D; d++)
            for (let e = 0; e < E; e++) {
              const [token, i] = [n * H + h, d * E + e];
              state[i] = Math.exp(-at(slope, h)) * at(state, i) + at(k, token * D + d) * at(v, token * E + e);
              o[token * E + e] = at(o, token * E + e) + at(q, token * D + d) * at(state, i);
            }
      }
    return { o, hT };
  },
};
