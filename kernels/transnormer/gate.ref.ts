import type { Reference } from '../../driver/reference.js';

const at = (x: Float64Array | undefined, i: number): number => x?.[i] ?? 0;

/** y = x / sqrt(mean(x^2) + eps) u, row by row. */
export const normGate: Reference = {
  shape: { M: 300, K: 520 },
  dtypes: { T: 'f32' },
  tokens: ({ M = 0 }) => M,
  scalars: { eps: 1e-6 },
  run({ inputs: { x, u }, dims: { M = 0, K = 0 }, scalars: { eps = 0 } }) {
    const y = new Float64Array(M * K);
    for (let m = 0; m < M; m++) {
      let squares = 0;
      for (let k = 0; k < K; k++) squares += at(x, m * K + k) ** 2;
      for (let k = 0; k < K; k++) y[m * K + k] = (at(x, m * K + k) / Math.sqrt(squares / K + eps)) * at(u, m * K + k);
    }
    return { y };
  },
};

/** The chain rule: with n_k = x_k r, dn_k/dx_j = r delta_jk - x_k x_j r^3 / K, whose second part is one sum for all j. */
export const normGateBwd: Reference = {
  shape: { M: 60, K: 140 },
  dtypes: { T: 'f32' },
  tokens: ({ M = 0 }) => M,
  scalars: { eps: 1e-6 },
  run({ inputs: { x, u, dy }, dims: { M = 0, K = 0 }, scalars: { eps = 0 } }) {
    const [dx, du] = [new Float64Array(M * K), new Float64Array(M * K)];
    for (let m = 0; m < M; m++) {
      const row = (x ?? dx).subarray(m * K, (m + 1) * K);
      const r = 1 / Math.sqrt(row.reduce((s, v) => s + v * v, 0) / K + eps);
      let along = 0;
      for (let k = 0; k < K; k++) {
        const [i, d] = [m * K + k, at(dy, m * K + k)];
        du[i] = d * at(row, k) * r;
        dx[i] = d * at(u, i) * r;
        along += d * at(u, i) * at(row, k);
      }
      for (let j = 0; j < K; j++) dx[m * K + j] = at(dx, m * K + j) - (along * at(row, j) * r ** 3) / K;
    }
    return { dx, du };
  },
};
