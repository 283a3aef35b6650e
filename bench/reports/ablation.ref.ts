import type { Reference } from '../../driver/reference.js';

/** The whole of it, token by token: the parts are not compared with anything. */
export const ablated: Reference = {
  shape: { B: 1, H: 2, N: 300, D: 32 },
  dtypes: { T: 'f32' },
  inputs: {
    slope: ({ shape: [heads = 0] }) => Float64Array.from({ length: heads }, (_, h) => 2 ** ((-8 * (h + 1)) / heads)),
  },
  run({ inputs: { q, k, v, slope }, dims: { B = 0, H = 0, N = 0, D = 0 } }) {
    const o = new Float64Array(B * H * N * D);
    const x = (t: Float64Array | undefined, i: number): number => t?.[i] ?? 0;
    for (let bh = 0; bh < B * H; bh++) {
      const state = new Float64Array(D * D);
      const decay = Math.exp(-x(slope, bh % H));
      for (let n = bh * N; n < (bh + 1) * N; n++)
        for (let d = 0; d < D; d++)
          for (let e = 0; e < D; e++) {
            const i = d * D + e;
            state[i] = x(state, i) * decay + x(k, n * D + d) * x(v, n * D + e);
            o[n * D + e] = x(o, n * D + e) + x(q, n * D + d) * x(state, i);
          }
    }
    return { o };
  },
};
