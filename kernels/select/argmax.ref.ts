import type { Reference } from '../../driver/reference.js';

/** Position and value of the largest number of a row, the first of equal ones. */
function largest(row: Float64Array): { readonly top: number; readonly at: number } {
  let [top, at] = [-Infinity, 0];
  row.forEach((v, i) => {
    if (v > top) [top, at] = [v, i];
  });
  return { top, at };
}

export const partArgmax: Reference = {
  shape: { M: 5, N: 3000, G: 4 },
  run({ inputs: { x }, dims: { M = 0, N = 0, G = 1 } }) {
    const per = Math.ceil(N / G);
    const [top, at] = [new Float64Array(M * G), new Float64Array(M * G)];
    for (let i = 0; i < M * G; i++) {
      const begin = (i % G) * per;
      const row = x?.subarray(Math.floor(i / G) * N, Math.floor(i / G) * N + N) ?? new Float64Array(0);
      const best = largest(row.subarray(begin, begin + per));
      top[i] = best.top;
      at[i] = begin + best.at;
    }
    return { top, at };
  },
};

export const bestPart: Reference = {
  shape: { M: 30, G: 20 },
  run({ inputs: { top, at }, dims: { M = 0, G = 0 } }) {
    const best = (m: number): number => m * G + largest(top?.subarray(m * G, (m + 1) * G) ?? new Float64Array(0)).at;
    return { index: Float64Array.from({ length: M }, (_, m) => at?.[best(m)] ?? 0) };
  },
};

export const longArgmax: Reference = {
  shape: { M: 5, N: 20000 },
  run({ inputs: { x }, dims: { M = 0, N = 0 } }) {
    const row = (m: number): Float64Array => x?.subarray(m * N, (m + 1) * N) ?? new Float64Array(0);
    return { index: Float64Array.from({ length: M }, (_, m) => largest(row(m)).at) };
  },
};
