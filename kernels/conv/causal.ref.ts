import type { Reference } from '../../driver/reference.js';

export const causalConv: Reference = {
  shape: { B: 2, N: 100, D: 80, W: 4 },
  dtypes: { T: 'f32' },
  tokens: ({ B = 0, N = 0 }) => B * N,
  run({ inputs: { x, f, bias }, dims: { B = 0, N = 0, D = 0, W = 0 }, options }) {
    const y = new Float64Array(B * N * D);
    for (let i = 0; i < y.length; i++) {
      const [d, t] = [i % D, Math.floor(i / D) % N];
      let sum = bias?.[d] ?? 0;
      for (let back = 0; back < W && back <= t; back++)
        sum += (f?.[d * W + W - 1 - back] ?? 0) * (x?.[i - back * D] ?? 0);
      y[i] = options.silu === true ? sum / (1 + Math.exp(-sum)) : sum;
    }
    return { y };
  },
};
