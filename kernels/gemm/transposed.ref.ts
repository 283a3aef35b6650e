import type { Reference } from '../../driver/reference.js';

/** y_mn = sum over k of a_mk b_nk, in f64. */
export const gemmNT: Reference = {
  shape: { M: 200, N: 136, K: 72 },
  dtypes: { T: 'f32' },
  flops: ({ M = 0, N = 0, K = 0 }) => 2 * M * N * K,
  run({ inputs: { a, b }, dims: { M = 0, N = 0, K = 0 } }) {
    if (!a || !b) throw new Error('gemmNT: a and b are needed');
    const y = new Float64Array(M * N);
    for (let m = 0; m < M; m++)
      for (let n = 0; n < N; n++) {
        let sum = 0;
        for (let k = 0; k < K; k++) sum += (a[m * K + k] ?? 0) * (b[n * K + k] ?? 0);
        y[m * N + n] = sum;
      }
    return { y };
  },
};

/** y_mn = sum over k of a_km b_kn, in f64. */
export const gemmTN: Reference = {
  shape: { M: 200, N: 136, K: 72 },
  dtypes: { T: 'f32' },
  flops: ({ M = 0, N = 0, K = 0 }) => 2 * M * N * K,
  run({ inputs: { a, b }, dims: { M = 0, N = 0, K = 0 } }) {
    if (!a || !b) throw new Error('gemmTN: a and b are needed');
    const y = new Float64Array(M * N);
    for (let k = 0; k < K; k++)
      for (let m = 0; m < M; m++) {
        const x = a[k * M + m] ?? 0;
        for (let n = 0; n < N; n++) y[m * N + n] = (y[m * N + n] ?? 0) + x * (b[k * N + n] ?? 0);
      }
    return { y };
  },
};
