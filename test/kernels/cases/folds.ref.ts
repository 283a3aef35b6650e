import type { Reference } from '../../../driver/reference.js';

const none = new Float64Array(0);
const from = (length: number, f: (at: number) => number): Float64Array => Float64Array.from({ length }, (_, i) => f(i));
const total = (xs: Float64Array): number => xs.reduce((a, b) => a + b, 0);

export const rowMean: Reference = {
  shape: { M: 37, N: 75 },
  run: ({ inputs: { x = none }, dims: { M = 0, N = 0 } }) => ({
    y: from(M, (m) => total(x.subarray(m * N, (m + 1) * N)) / N),
  }),
};

export const columnMean: Reference = {
  shape: { M: 20, N: 75 },
  run({ inputs: { x = none }, dims: { M = 0, N = 0 } }) {
    const column = (n: number): Float64Array => from(M, (m) => x[m * N + n] ?? 0);
    return {
      y: from(N, (n) => total(column(n)) / M),
      spread: from(N, (n) => Math.max(...column(n)) - Math.min(...column(n))),
    };
  },
};

export const totals: Reference = {
  shape: { N: 200, One: 1 },
  // Exact in f32, so that cancellation in the sum costs nothing.
  inputs: {
    x: ({ shape: [n = 0], uniform }) => from(n, () => Math.floor(uniform() * 64)),
    c: ({ shape: [n = 0], uniform }) => from(n, () => Math.floor(uniform() * 2 ** 31)),
  },
  run: ({ inputs: { x = none, c = none } }) => ({
    y: Float64Array.of(total(x)),
    count: Float64Array.of(c.reduce((a, b) => (a + b) | 0, 0)),
  }),
};

export const suffixSum: Reference = {
  shape: { N: 50, D: 40 },
  run({ inputs: { x = none }, dims: { N = 0, D = 0 } }) {
    const y = x.slice();
    for (let at = (N - 1) * D - 1; at >= 0; at--) y[at] = (y[at] ?? 0) + (y[at + D] ?? 0);
    return { y };
  },
};

export const distances: Reference = {
  shape: { M: 19, N: 11, K: 21 },
  run({ inputs: { x = none, y = none }, dims: { M = 0, N = 0, K = 0 } }) {
    const between = (m: number, n: number): number =>
      total(from(K, (k) => Math.abs((x[m * K + k] ?? 0) - (y[n * K + k] ?? 0))));
    return { d: from(M * N, (at) => between(Math.floor(at / N), at % N)) };
  },
};
