import type { Reference } from '../../driver/reference.js';

const at = (x: Float64Array | undefined, i: number): number => x?.[i] ?? 0;

/** y_mn = sum over k of a_mk b_nk, in f64. */
export const gemmNT: Reference = {
  shape: { M: 200, N: 136, K: 72 },
  dtypes: { T: 'f32' },
  flops: ({ M = 0, N = 0, K = 0 }) => 2 * M * N * K,
  run({ inputs: { a, b }, dims: { M = 0, N = 0, K = 0 } }) {
    const y = new Float64Array(M * N);
    for (const i of y.keys())
      for (let k = 0; k < K; k++) y[i] = at(y, i) + at(a, Math.floor(i / N) * K + k) * at(b, (i % N) * K + k);
    return { y };
  },
};

/** y_mn = sum over k of a_km b_kn, in f64. */
export const gemmTN: Reference = {
  shape: { M: 200, N: 136, K: 72 },
  dtypes: { T: 'f32' },
  flops: ({ M = 0, N = 0, K = 0 }) => 2 * M * N * K,
  run({ inputs: { a, b }, dims: { M = 0, N = 0, K = 0 } }) {
    const y = new Float64Array(M * N);
    for (let k = 0; k < K; k++)
      for (const i of y.keys()) y[i] = at(y, i) + at(a, k * M + Math.floor(i / N)) * at(b, k * N + (i % N));
    return { y };
  },
};
