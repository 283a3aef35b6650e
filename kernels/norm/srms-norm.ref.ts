import type { Reference } from '../../driver/reference.js';

const common = {
  shape: { M: 500, K: 1000 },
  dtypes: { T: 'f32' },
  tokens: ({ M = 0 }) => M,
  scalars: { eps: 1e-6 },
} satisfies Partial<Reference>;
const at = (x: Float64Array | undefined, i: number): number => x?.[i] ?? 0;

/** Root of the mean square of row m, in f64. */
function rms(x: Float64Array | undefined, m: number, K: number, eps: number): number {
  let sum = 0;
  for (let k = 0; k < K; k++) sum += at(x, m * K + k) ** 2;
  return Math.sqrt(sum / K + eps);
}

export const srmsNorm: Reference = {
  ...common,
  run({ inputs: { x }, dims: { M = 0, K = 0 }, scalars: { eps = 0 } }) {
    const y = new Float64Array(M * K);
    for (let m = 0; m < M; m++) {
      const scale = rms(x, m, K, eps);
      for (let k = 0; k < K; k++) y[m * K + k] = at(x, m * K + k) / scale;
    }
    return { y };
  },
};

/** The chain rule: y_j = x_j / s with ds/dx_k = x_k / (K s), so dx_k = dy_k / s - sum over j of dy_j x_j / s^2 ds/dx_k. */
export const srmsNormBwd: Reference = {
  ...common,
  run({ inputs: { x, dy }, dims: { M = 0, K = 0 }, scalars: { eps = 0 } }) {
    const dx = new Float64Array(M * K);
    for (let m = 0; m < M; m++) {
      const s = rms(x, m, K, eps);
      let ds = 0;
      for (let j = 0; j < K; j++) ds -= (at(dy, m * K + j) * at(x, m * K + j)) / (s * s);
      for (let k = 0; k < K; k++) dx[m * K + k] = at(dy, m * K + k) / s + (ds * at(x, m * K + k)) / (K * s);
    }
    return { dx };
  },
};
