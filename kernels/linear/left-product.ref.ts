import type { Reference } from '../../driver/reference.js';
import { lightning1Fwd } from '../lightning/lightning1.ref.js';

const at = (x: Float64Array | undefined, i: number): number => x?.[i] ?? 0;
const dtypes = { T: 'f32' } as const;

/** Element by element, in f64. */
export const linearScores: Reference = {
  shape: { B: 1, H: 4, HK: ({ H = 0 }) => H, N: 300, D: 64 },
  dtypes,
  inputs: lightning1Fwd.inputs ?? {},
  run({ inputs: { q, k, slope }, dims: { B = 0, H = 0, HK = H, N = 0, D = 0 } }) {
    const p = new Float64Array(B * H * N * N);
    for (let bh = 0; bh < B * H; bh++) {
      const group = Math.floor(bh / H) * HK + Math.floor(((bh % H) * HK) / H);
      for (let t = 0; t < N; t++)
        for (let j = 0; j <= t; j++) {
          let sum = 0;
          for (let d = 0; d < D; d++) sum += at(q, (bh * N + t) * D + d) * at(k, (group * N + j) * D + d);
          p[(bh * N + t) * N + j] = sum * Math.exp(-at(slope, bh % H) * (t - j));
        }
    }
    return { p };
  },
};

export const lowerProduct: Reference = {
  shape: { B: 1, H: 4, HK: ({ H = 0 }) => H, N: 300, E: 64 },
  dtypes,
  inputs: {
    // What is above the diagonal may be read, and is 0.
    p: ({ shape, dims: { N = 0 }, random }) =>
      Float64Array.from({ length: shape.reduce((n, x) => n * x, 1) }, (_, i) => {
        const [row, column] = [Math.floor(i / N) % N, i % N];
        return column <= row ? random() : 0;
      }),
  },
  run({ inputs: { p, v }, dims: { B = 0, H = 0, HK = H, N = 0, E = 0 } }) {
    const o = new Float64Array(B * H * N * E);
    for (let bh = 0; bh < B * H; bh++) {
      const group = Math.floor(bh / H) * HK + Math.floor(((bh % H) * HK) / H);
      for (let t = 0; t < N; t++)
        for (let j = 0; j <= t; j++)
          for (let e = 0; e < E; e++) {
            const i = (bh * N + t) * E + e;
            o[i] = at(o, i) + at(p, (bh * N + t) * N + j) * at(v, (group * N + j) * E + e);
          }
    }
    return { o };
  },
};

export const leftProduct: Reference = lightning1Fwd;
