import type { Reference } from '../../../driver/reference.js';

const none = new Float64Array(0);
const from = (length: number, f: (at: number) => number): Float64Array => Float64Array.from({ length }, (_, i) => f(i));
const silu = (x: number): number => x / (1 + Math.exp(-x));

function mix(u: number): number {
  const h = Math.imul(u ^ (u >>> 16), 0x45d9f3b) >>> 0;
  return ((h ^ (h >>> 16)) | (h << 3)) >>> 0;
}

export const integers: Reference = {
  shape: { N: 150 },
  scalars: { by: -7, gain: 0.5 },
  inputs: {
    a: ({ shape: [n = 0], uniform }) => from(n, () => Math.floor((uniform() - 0.5) * 2000)),
    u: ({ shape: [n = 0], uniform }) => from(n, () => Math.floor(uniform() * 2 ** 32)),
  },
  run: ({ inputs: { a = none, u = none }, scalars: { by = 1, gain = 0 } }) => ({
    q: a.map((x) => Math.trunc(x / by)),
    r: a.map((x) => x % by),
    hash: u.map(mix),
    mixed: a.map((x) => (x > 0 && x % 2 === 0 ? x * gain : x / 4)),
  }),
};

export const branches: Reference = {
  shape: { M: 5, N: 50 },
  scalars: { mode: 2 },
  run({ inputs: { x = none }, dims: { N = 1 }, scalars: { mode = 0 } }) {
    const changed = (t: number): number => {
      if (mode === 1) return silu(t);
      return mode === 2 ? t / 8 + 1.75 : t;
    };
    const signed = (t: number, m: number): number => (m === 0 ? t + 10 : t * (m % 2 === 0 ? 1 : -1));
    return { y: x.map((t, at) => signed(changed(t), Math.floor(at / N))) };
  },
};

export const convolution: Reference = {
  shape: { N: 50, D: 40, W: 4 },
  run({ inputs: { x = none, f = none }, dims: { N = 0, D = 0, W = 0 } }) {
    const at = (t: number, d: number): number => (t < 0 ? 0 : (x[t * D + d] ?? 0));
    const sum = (t: number, d: number): number =>
      from(W, (w) => (f[w * D + d] ?? 0) * at(t - w, d)).reduce((a, b) => a + b, 0);
    return { y: from(N * D, (i) => silu(sum(Math.floor(i / D), i % D))) };
  },
};

export const packedSum: Reference = {
  shape: { N: 60, D: 40, S: 5, S1: 6 },
  // Sequences of different lengths; the second is empty.
  inputs: {
    starts: ({ shape: [n = 0], dims: { N = 0 } }) =>
      from(n, (s) => (s === 2 ? 7 : Math.min(N, [0, 7, 7, 8, 31, 60][s] ?? N))),
  },
  run({ inputs: { x = none, starts = none }, dims: { D = 0, S = 0 } }) {
    const y = new Float64Array(S * D);
    for (let s = 0; s < S; s++) {
      for (let t = starts[s] ?? 0; t < (starts[s + 1] ?? 0); t++) {
        for (let d = 0; d < D; d++) y[s * D + d] = (y[s * D + d] ?? 0) + (x[t * D + d] ?? 0);
      }
    }
    return { y };
  },
};

export const gatherHeads: Reference = {
  shape: { N: 30, H: 3, D: 20 },
  run({ inputs: { x = none }, dims: { N = 0, H = 0, D = 0 } }) {
    const norm = (n: number, h: number): number =>
      x.subarray((n * H + h) * D, (n * H + h + 1) * D).reduce((s, a) => s + 3 * a * a, 0);
    return { y: from(H * N, (at) => norm(at % N, Math.floor(at / N))) };
  },
};
