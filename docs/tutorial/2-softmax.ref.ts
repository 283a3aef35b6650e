import type { Reference } from 'lac';

export const softmax: Reference = {
  shape: { M: 301, N: 200 },
  run: ({ inputs: { x }, dims: { M = 0, N = 0 } }) => {
    if (!x) throw new Error('softmax: x is needed');
    const y = new Float64Array(M * N);
    for (let m = 0; m < M; m++) {
      const row = x.subarray(m * N, (m + 1) * N);
      const highest = Math.max(...row);
      const total = row.reduce((s, a) => s + Math.exp(a - highest), 0);
      for (const [n, a] of row.entries()) y[m * N + n] = Math.exp(a - highest) / total;
    }
    return { y };
  },
};
