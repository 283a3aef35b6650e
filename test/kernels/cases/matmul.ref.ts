import type { Reference } from '../../../driver/reference.js';

const product = (
  a: Float64Array,
  b: (k: number, n: number) => number,
  [M, N, K]: readonly [number, number, number],
): Float64Array =>
  Float64Array.from({ length: M * N }, (_, at) => {
    let sum = 0;
    for (let k = 0; k < K; k++) sum += (a[Math.floor(at / N) * K + k] ?? 0) * b(k, at % N);
    return sum;
  });

const plain = (epilogue: (x: number) => number): Reference => ({
  shape: { M: 70, N: 45, K: 53 },
  run({ inputs: { a, b }, dims: { M = 0, N = 0, K = 0 } }) {
    if (!a || !b) throw new Error('a and b are needed');
    return { y: product(a, (k, n) => b[k * N + n] ?? 0, [M, N, K]).map(epilogue) };
  },
});

export const matmul: Reference = plain((x) => x);
export const matmulSilu: Reference = plain((x) => (2 * x) / (1 + Math.exp(-x)));

export const matmulTransposed: Reference = {
  shape: { M: 70, N: 45, K: 53 },
  run({ inputs: { a, b }, dims: { M = 0, N = 0, K = 0 } }) {
    if (!a || !b) throw new Error('a and b are needed');
    const y = product(a, (k, n) => b[n * K + k] ?? 0, [M, N, K]);
    return { yt: Float64Array.from({ length: M * N }, (_, at) => y[(at % M) * N + Math.floor(at / M)] ?? 0) };
  },
};
