import type { InputContext, Reference, ReferenceContext } from '../../../driver/reference.js';
import { offsets } from '../../../kernels/gemm/grouped.ref.js';

const input = ({ inputs }: ReferenceContext, name: string): Float64Array => inputs[name] ?? new Float64Array(0);
const at = (x: Float64Array, i: number): number => x[i] ?? 0;
const numbers = (length: number, of: (i: number) => number): Float64Array =>
  Float64Array.from({ length }, (_, i) => of(i));

export const packedFlash: Reference = {
  shape: { N: 150, H: 2, D: 24, S: 4, S1: 5 },
  scalars: { scale: 0.2 },
  inputs: { offset: (ctx) => offsets({ ...ctx, dims: { M: ctx.dims.N ?? 0 } }) },
  run(ctx) {
    const [q, k, v, offset] = [input(ctx, 'q'), input(ctx, 'k'), input(ctx, 'v'), input(ctx, 'offset')];
    const { N = 0, H = 0, D = 0, S = 0 } = ctx.dims;
    const o = new Float64Array(N * H * D);
    const element = (x: Float64Array, n: number, h: number, d: number): number => at(x, (n * H + h) * D + d);
    for (let s = 0; s < S; s++)
      for (let n = at(offset, s); n < at(offset, s + 1); n++)
        for (let h = 0; h < H; h++) {
          const first = at(offset, s);
          const score = (j: number): number => {
            let product = 0;
            for (let d = 0; d < D; d++) product += element(q, n, h, d) * element(k, first + j, h, d);
            return Math.exp(product * (ctx.scalars.scale ?? 0));
          };
          const weights = numbers(n - first + 1, score);
          const total = weights.reduce((a, b) => a + b, 0);
          for (let d = 0; d < D; d++)
            o[(n * H + h) * D + d] = weights.reduce((a, w, j) => a + w * element(v, first + j, h, d), 0) / total;
        }
    return { o, length: numbers(S, (s) => at(offset, s + 1) - at(offset, s)) };
  },
};

export const quantise: Reference = {
  shape: { M: 20, K: 80, K4: 20, KB: 3 },
  inputs: {
    // Whole numbers whose largest is 127: the scale is 1, and nothing lies between two bytes.
    x: ({ shape: [M = 0, K = 0], uniform }: InputContext) =>
      numbers(M * K, (i) => ((i % K) % 32 === 0 ? 127 : Math.floor(uniform() * 255) - 127)),
  },
  run(ctx) {
    const x = input(ctx, 'x');
    const { M = 0, K = 0, K4 = 0, KB = 0 } = ctx.dims;
    const w = new Float64Array(M * K4);
    x.forEach((v, i) => {
      const [m, k] = [Math.floor(i / K), i % K];
      w[m * K4 + (k >> 2)] = at(w, m * K4 + (k >> 2)) + (v & 255) * 256 ** (k % 4);
    });
    return { w, scale: new Float64Array(M * KB).fill(1) };
  },
};

export const moments: Reference = {
  shape: { M: 10, N: 130 },
  inputs: { x: ({ shape: [M = 0, N = 0], random }) => numbers(M * N, () => 3 + random()) },
  run(ctx) {
    const { M = 0, N = 0 } = ctx.dims;
    const mean = (row: Float64Array): number => row.reduce((a, v) => a + v, 0) / N;
    const rows = Array.from({ length: M }, (_, m) => input(ctx, 'x').subarray(m * N, (m + 1) * N));
    const variance = (row: Float64Array): number => mean(row.map((v) => (v - mean(row)) ** 2));
    return { mean: Float64Array.from(rows, mean), variance: Float64Array.from(rows, variance) };
  },
};

export const integral: Reference = {
  shape: { B: 3, H: 12, W: 40 },
  run(ctx) {
    const x = input(ctx, 'x');
    const { H = 0, W = 0 } = ctx.dims;
    const y = x.map((_, i) => {
      const [image, h, w] = [i - (i % (H * W)), Math.floor(i / W) % H, i % W];
      let total = 0;
      for (let p = 0; p <= h; p++) for (let r = 0; r <= w; r++) total += at(x, image + p * W + r);
      return total;
    });
    const z = x.map((_, i) => {
      const [image, h, w] = [i - (i % (H * W)), Math.floor(i / W) % H, i % W];
      const below = (r: number): number => Math.max(...numbers(H - h, (p) => at(x, image + (h + p) * W + r)));
      return numbers(W - w, (r) => below(w + r)).reduce((a, v) => a + v, 0);
    });
    return { y, z };
  },
};

export const compact: Reference = {
  shape: { N: 300, One: 1 },
  scalars: { least: 0.25 },
  run(ctx) {
    const kept = input(ctx, 'x').filter((v) => v > (ctx.scalars.least ?? 0));
    const y = input(ctx, 'y').slice();
    y.set(kept);
    return { y, count: Float64Array.of(kept.length) };
  },
};

/** x = (2 - x a) x, again and again (Schulz 1933): another way than the kernel's. */
export const inverse: Reference = {
  shape: { B: 3, N: 12 },
  inputs: {
    a: ({ shape: [B = 0, N = 0], random }) =>
      numbers(B * N * N, (i) => 0.2 * random() + (Math.floor(i / N) % N === i % N ? 4 : 0)),
  },
  run(ctx) {
    const { B = 0, N = 0 } = ctx.dims;
    const a = input(ctx, 'a');
    const y = new Float64Array(a.length);
    for (let b = 0; b < B; b++) {
      const A = a.subarray(b * N * N, (b + 1) * N * N);
      let x = numbers(N * N, (i) => (i % N === Math.floor(i / N) ? 0.2 : 0));
      for (let trip = 0; trip < 60; trip++) {
        const xa = product(x, A, N);
        const residual = xa.map((v, i) => (i % N === Math.floor(i / N) ? 2 : 0) - v);
        x = product(residual, x, N);
      }
      y.set(x, b * N * N);
    }
    return { y };
  },
};

const product = (a: Float64Array, b: Float64Array, N: number): Float64Array =>
  numbers(N * N, (i) => {
    let total = 0;
    for (let k = 0; k < N; k++) total += at(a, Math.floor(i / N) * N + k) * at(b, k * N + (i % N));
    return total;
  });

export const newton: Reference = {
  shape: { M: 5, N: 100 },
  run: (ctx) => ({ y: input(ctx, 'x').map((v) => Math.sqrt(Math.abs(v) + 1)) }),
};
