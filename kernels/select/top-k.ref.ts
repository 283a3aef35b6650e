import type { Reference } from '../../driver/reference.js';

/** A stable sort of each row, largest first. */
export const topK: Reference = {
  shape: { M: 20, N: 3000, K: 8 },
  dtypes: { T: 'f32' },
  run({ inputs: { x }, dims: { M = 0, N = 0, K = 0 } }) {
    if (!x) throw new Error('topK: x is needed');
    const value = new Float64Array(M * K).fill(-Infinity);
    const index = new Float64Array(M * K).fill(-1);
    for (let m = 0; m < M; m++) {
      const row = [...x.subarray(m * N, (m + 1) * N).entries()].filter(([, v]) => v > -Infinity);
      row.sort(([, a], [, b]) => b - a);
      row.slice(0, K).forEach(([n, v], k) => {
        value[m * K + k] = v;
        index[m * K + k] = n;
      });
    }
    return { value, index };
  },
};
