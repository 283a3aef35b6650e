import type { Reference } from 'lac';

export const matmul: Reference = {
  shape: { M: 150, N: 100, K: 70 },
  run: ({ inputs: { a, b }, dims: { M = 0, N = 0, K = 0 } }) => {
    if (!a || !b) throw new Error('matmul: a and b are needed');
    const y = new Float64Array(M * N);
    for (let m = 0; m < M; m++)
      for (let k = 0; k < K; k++)
        for (let n = 0; n < N; n++) {
          y[m * N + n] = (y[m * N + n] ?? 0) + (a[m * K + k] ?? 0) * (b[k * N + n] ?? 0);
        }
    return { y };
  },
};
