import type { Reference } from '../../driver/reference.js';

/**
 * The recurrence of gated linear attention with a scalar gate, token by token, in f64:
 * S_t = exp(g_t) S_{t-1} + k_t^T v_t;  o_t = D^-1/2 q_t S_t, from S = h0 where `initialState` is set.
 */
export const simpleGlaFwd: Reference = {
  shape: { B: 1, H: 4, N: 500, D: 64, E: 64 },
  dtypes: { T: 'f32' },
  tokens: ({ B = 0, N = 0 }) => B * N,
  flops: ({ B = 0, H = 0, N = 0, D = 0, E = 0 }) => 4 * B * H * N * D * E,
  inputs: {
    // log sigmoid(4 + x): decays from about 0.6 to 1, as trained gates have them.
    g: ({ shape, random }) => {
      const length = shape.reduce((n, x) => n * x, 1);
      return Float64Array.from({ length }, () => -Math.log1p(Math.exp(-(4 + 2 * random()))));
    },
  },
  run({ inputs: { q, k, v, g, h0 }, dims: { B = 0, H = 0, N = 0, D = 0, E = 0 }, options }) {
    if (!q || !k || !v || !g) throw new Error('simpleGlaFwd: q, k, v and g are needed');
    if (options.initialState && !h0) throw new Error('simpleGlaFwd: h0 is needed with initialState');
    const hT = options.initialState && h0 ? h0.slice() : new Float64Array(B * H * D * E);
    const o = new Float64Array(B * H * N * E);
    const scale = 1 / Math.sqrt(D);
    for (let bh = 0; bh < B * H; bh++) {
      const state = hT.subarray(bh * D * E, (bh + 1) * D * E);
      for (let t = bh * N; t < (bh + 1) * N; t++) {
        const decay = Math.exp(g[t] ?? 0);
        for (let d = 0; d < D; d++) {
          const kd = k[t * D + d] ?? 0;
          const qd = (q[t * D + d] ?? 0) * scale;
          for (let e = 0; e < E; e++) {
            const s = decay * (state[d * E + e] ?? 0) + kd * (v[t * E + e] ?? 0);
            state[d * E + e] = s;
            o[t * E + e] = (o[t * E + e] ?? 0) + qd * s;
          }
        }
      }
    }
    return { o, hT };
  },
};

export const simpleGlaSegment: Reference = simpleGlaFwd;
