import type { Reference } from '../../driver/reference.js';

const at = (x: Float64Array | undefined, i: number): number => x?.[i] ?? 0;

/** p_mf = (sum over k of x_mk w_k0f) (sum over k of x_mk w_k1f). */
export const gluProduct: Reference = {
  shape: { M: 150, K: 72, R: 2, F: 136 },
  dtypes: { T: 'f32' },
  tokens: ({ M = 0 }) => M,
  run({ inputs: { x, w }, dims: { M = 0, K = 0, F = 0 } }) {
    if (!x || !w) throw new Error('gluProduct: x and w are needed');
    const p = new Float64Array(M * F);
    const vu = new Float64Array(2 * F);
    for (let m = 0; m < M; m++) {
      vu.fill(0);
      for (let k = 0; k < K; k++) {
        const xk = x[m * K + k] ?? 0;
        for (let f = 0; f < 2 * F; f++) vu[f] = (vu[f] ?? 0) + xk * (w[2 * k * F + f] ?? 0);
      }
      for (let f = 0; f < F; f++) p[m * F + f] = at(vu, f) * at(vu, F + f);
    }
    return { p };
  },
};

/** The product rule. */
export const gluFactorsBwd: Reference = {
  shape: { M: 150, R: 2, F: 300 },
  dtypes: { T: 'f32' },
  tokens: ({ M = 0 }) => M,
  run({ inputs: { vu, dp }, dims: { M = 0, F = 0 } }) {
    const [p, dvu] = [new Float64Array(M * F), new Float64Array(M * 2 * F)];
    for (let m = 0; m < M; m++)
      for (let f = 0; f < F; f++) {
        const [v, u] = [2 * m * F + f, (2 * m + 1) * F + f];
        const d = at(dp, m * F + f);
        p[m * F + f] = at(vu, v) * at(vu, u);
        dvu[v] = d * at(vu, u);
        dvu[u] = d * at(vu, v);
      }
    return { p, dvu };
  },
};
