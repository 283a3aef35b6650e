import type { Reference } from '../../driver/reference.js';

/** RMSNorm of a sum, in f64: r = x + residual; y = r / sqrt(mean(r^2) + eps) weight (arXiv 1910.07467, equation 4). */
export const addRmsNorm: Reference = {
  shape: { M: 500, K: 1000 },
  dtypes: { T: 'f32' },
  tokens: ({ M = 0 }) => M,
  scalars: { eps: 1e-5 },
  run({ inputs: { x, residual, weight }, dims: { M = 0, K = 0 }, scalars: { eps = 0 } }) {
    if (!x || !residual || !weight) throw new Error('addRmsNorm: x, residual and weight are needed');
    const r = x.map((a, i) => a + (residual[i] ?? 0));
    const y = new Float64Array(M * K);
    for (let m = 0; m < M; m++) {
      const row = r.subarray(m * K, (m + 1) * K);
      const meanSquare = row.reduce((s, a) => s + a * a, 0) / K;
      const scale = 1 / Math.sqrt(meanSquare + eps);
      row.forEach((a, j) => {
        y[m * K + j] = a * scale * (weight[j] ?? 0);
      });
    }
    return { r, y };
  },
};
