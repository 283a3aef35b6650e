import type { InputContext, Reference } from '../../driver/reference.js';

/** Sizes that add up to M, a third of them 0. */
export function offsets({ dims: { M = 0 }, shape: [count = 1], uniform }: InputContext): Float64Array {
  const cuts = Array.from({ length: Math.max(0, count - 2) }, () => Math.floor(uniform() * (M + 1)));
  const repeated = cuts.map((x, i) => (i % 3 === 1 ? (cuts[i - 1] ?? x) : x));
  return Float64Array.of(0, ...repeated.sort((x, y) => x - y), M).slice(0, count);
}

export const groupedGemm: Reference = {
  shape: { M: 200, K: 72, N: 80, G: 6, G1: ({ G = 0 }) => G + 1 },
  dtypes: { T: 'f32' },
  inputs: { offset: offsets },
  run({ inputs: { a, w, offset }, dims: { M = 0, K = 0, N = 0, G = 0 } }) {
    const y = new Float64Array(M * N).fill(Number.NaN); // rows of no group are never written
    for (let g = 0; g < G; g++)
      for (let m = offset?.[g] ?? 0; m < (offset?.[g + 1] ?? 0); m++) {
        y.fill(0, m * N, (m + 1) * N);
        for (let k = 0; k < K; k++)
          for (let n = 0; n < N; n++)
            y[m * N + n] = (y[m * N + n] ?? 0) + (a?.[m * K + k] ?? 0) * (w?.[(g * K + k) * N + n] ?? 0);
      }
    return { y };
  },
};
