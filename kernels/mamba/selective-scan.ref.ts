import type { Reference } from '../../driver/reference.js';

/** The recurrence, token by token, in f64. Steps and decays as in trained models: dt from 0.001 to 0.1, a from -1 to -S. */
export const selectiveScan: Reference = {
  shape: { B: 2, N: 100, D: 24, S: 16 },
  tokens: ({ B = 0, N = 0 }) => B * N,
  inputs: {
    dt: ({ shape, uniform }) => {
      const length = shape.reduce((n, x) => n * x, 1);
      return Float64Array.from({ length }, () => 0.001 * 100 ** uniform());
    },
    a: ({ shape: [D = 0, S = 0] }) => Float64Array.from({ length: D * S }, (_, i) => -1 - (i % S)),
  },
  run({ inputs: { x, dt, a, bm, cm }, dims: { B = 0, N = 0, D = 0, S = 0 } }) {
    if (!x || !dt || !a || !bm || !cm) throw new Error('selectiveScan: x, dt, a, bm and cm are needed');
    const [y, hT] = [new Float64Array(B * N * D), new Float64Array(B * D * S)];
    for (let t = 0; t < B * N; t++)
      for (let d = 0; d < D; d++) {
        const step = dt[t * D + d] ?? 0;
        for (let s = 0; s < S; s++) {
          const at = (Math.floor(t / N) * D + d) * S + s;
          const h =
            Math.exp(step * (a[d * S + s] ?? 0)) * (hT[at] ?? 0) + step * (x[t * D + d] ?? 0) * (bm[t * S + s] ?? 0);
          hT[at] = h;
          y[t * D + d] = (y[t * D + d] ?? 0) + (cm[t * S + s] ?? 0) * h;
        }
      }
    return { y, hT };
  },
};
