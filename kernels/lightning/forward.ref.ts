import type { Reference } from '../../driver/reference.js';

/**
 * The recurrence of linear attention with decay, token by token, in f64:
 * S_t = exp(-slope_h) S_{t-1} + k_t^T v_t;  o_t = q_t S_t (arXiv 2401.04658, equation of the recurrent form).
 */
export const lightningFwd: Reference = {
  shape: { B: 1, H: 4, N: 1000, D: 64, E: 64 },
  dtypes: { T: 'f32' },
  tokens: ({ B = 0, N = 0 }) => B * N,
  inputs: {
    // Slopes as in the paper's models: 2^(-8 (h + 1) / H).
    slope: ({ shape: [heads = 0] }) => Float64Array.from({ length: heads }, (_, h) => 2 ** ((-8 * (h + 1)) / heads)),
  },
  run({ inputs: { q, k, v, slope }, dims: { B = 0, H = 0, N = 0, D = 0, E = 0 } }) {
    if (!q || !k || !v || !slope) throw new Error('lightningFwd: q, k, v and slope are needed');
    const o = new Float64Array(B * H * N * E);
    for (let bh = 0; bh < B * H; bh++) {
      const lambda = Math.exp(-(slope[bh % H] ?? 0));
      const state = new Float64Array(D * E);
      for (let t = bh * N; t < (bh + 1) * N; t++) {
        const vt = v.subarray(t * E, (t + 1) * E);
        const ot = o.subarray(t * E, (t + 1) * E);
        for (let d = 0; d < D; d++) {
          const kd = k[t * D + d] ?? 0;
          const qd = q[t * D + d] ?? 0;
          const row = state.subarray(d * E, (d + 1) * E);
          for (let e = 0; e < E; e++) {
            const s = lambda * (row[e] ?? 0) + kd * (vt[e] ?? 0);
            row[e] = s;
            ot[e] = (ot[e] ?? 0) + qd * s;
          }
        }
      }
    }
    return { o };
  },
};

export const lightningPrecise: Reference = lightningFwd;
