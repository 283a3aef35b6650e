import type { Reference } from 'lac';

/** The recurrence, token by token: S_t = exp(-slope) S_(t-1) + k_t v_t; o_t = q_t S_t. */
export const lightning: Reference = {
  shape: { B: 1, H: 2, N: 200, D: 32, E: 32 },
  tokens: ({ B = 0, N = 0 }) => B * N,
  inputs: {
    slope: ({ shape: [heads = 0] }) => Float64Array.from({ length: heads }, (_, h) => 2 ** ((-8 * (h + 1)) / heads)),
  },
  run: ({ inputs: { q, k, v, slope }, dims: { B = 0, H = 0, N = 0, D = 0, E = 0 } }) => {
    if (!q || !k || !v || !slope) throw new Error('lightning: q, k, v and slope are needed');
    const o = new Float64Array(B * H * N * E);
    for (let bh = 0; bh < B * H; bh++) {
      const decay = Math.exp(-(slope[bh % H] ?? 0));
      const state = new Float64Array(D * E);
      for (let t = bh * N; t < (bh + 1) * N; t++)
        for (let d = 0; d < D; d++)
          for (let e = 0; e < E; e++) {
            const s = decay * (state[d * E + e] ?? 0) + (k[t * D + d] ?? 0) * (v[t * E + e] ?? 0);
            state[d * E + e] = s;
            o[t * E + e] = (o[t * E + e] ?? 0) + (q[t * D + d] ?? 0) * s;
          }
    }
    return { o };
  },
};
