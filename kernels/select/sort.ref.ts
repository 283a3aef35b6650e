import type { Reference } from '../../driver/reference.js';

/** The host's own stable sort. */
export const sortRows: Reference = {
  shape: { M: 50, N: 60 },
  run({ inputs: { x }, dims: { M = 0, N = 0 } }) {
    if (!x) throw new Error('sortRows: x is needed');
    const [y, index] = [new Float64Array(M * N), new Float64Array(M * N)];
    for (let m = 0; m < M; m++) {
      const row = [...x.subarray(m * N, (m + 1) * N).entries()].sort(([, a], [, b]) => a - b);
      y.set(
        row.map(([, v]) => v),
        m * N,
      );
      index.set(
        row.map(([n]) => n),
        m * N,
      );
    }
    return { y, index };
  },
};
