import type { Reference } from '../../driver/reference.js';

/** Products of complex numbers: pair i of the token at position p times exp(i p base^(-2i/D)). */
export const rotary: Reference = {
  shape: { B: 2, N: 200, H: 3, D: 64 },
  dtypes: { T: 'f32' },
  tokens: ({ B = 0, N = 0 }) => B * N,
  scalars: { log2Base: Math.log2(10000) },
  run({ inputs: { x, first }, dims: { B = 0, N = 0, H = 0, D = 0 }, scalars: { log2Base = 0 }, options }) {
    if (!x || !first) throw new Error('rotary: x and first are needed');
    const y = new Float64Array(x.length);
    for (let token = 0; token < B * N * H; token++) {
      const position = (first[Math.floor(token / (N * H))] ?? 0) + (Math.floor(token / H) % N);
      for (let i = 0; i < D / 2; i++) {
        const angle = (options.inverse === true ? -1 : 1) * position * 2 ** ((-2 * i * log2Base) / D);
        const re = token * D + (options.interleaved === true ? 2 * i : i);
        const im = re + (options.interleaved === true ? 1 : D / 2);
        y[re] = (x[re] ?? 0) * Math.cos(angle) - (x[im] ?? 0) * Math.sin(angle);
        y[im] = (x[re] ?? 0) * Math.sin(angle) + (x[im] ?? 0) * Math.cos(angle);
      }
    }
    return { y };
  },
};
export const rotaryInverse: Reference = rotary;
export const rotaryInterleaved: Reference = rotary;
export const rotaryInterleavedInverse: Reference = rotary;
