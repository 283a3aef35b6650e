import type { InputContext, Reference, ReferenceContext } from '../../../driver/reference.js';

const input = ({ inputs }: ReferenceContext, name: string): Float64Array => inputs[name] ?? new Float64Array(0);
const below =
  (most: (ctx: InputContext) => number) =>
  (ctx: InputContext): Float64Array =>
    Float64Array.from({ length: ctx.shape[0] ?? 0 }, () => Math.floor(ctx.uniform() * most(ctx)));

export const axpy: Reference = {
  shape: { M: 3, N: 70 },
  scalars: { a: 0.5 },
  run: (ctx) => {
    const x = input(ctx, 'x');
    return { y: input(ctx, 'y').map((v, i) => v + (ctx.scalars.a ?? 0) * (x[i] ?? 0)) };
  },
};

export const histogram: Reference = {
  shape: { N: 300, K: 12 },
  run: (ctx) => {
    const count = input(ctx, 'count').slice();
    for (const v of input(ctx, 'x')) if (v < count.length) count[v] = (count[v] ?? 0) + 1;
    return { count };
  },
};

export const columnTotals: Reference = {
  shape: { M: 40, N: 70 },
  run: (ctx) => {
    const total = input(ctx, 'total').slice();
    for (const [i, v] of input(ctx, 'x').entries()) total[i % total.length] = (total[i % total.length] ?? 0) + v;
    return { total };
  },
};

export const lookup: Reference = {
  shape: { V: 12, D: 24, N: 50 },
  inputs: { index: below(({ dims }) => dims.V ?? 1) },
  run: (ctx) => {
    const [table, index] = [input(ctx, 'table'), input(ctx, 'index')];
    const { N = 0, D = 0 } = ctx.dims;
    const row = (n: number): Float64Array => table.subarray((index[n] ?? 0) * D, ((index[n] ?? 0) + 1) * D);
    const [y, z] = [new Float64Array(N * D), new Float64Array(N * D)];
    for (let n = 0; n < N; n++) {
      y.set(row(n), n * D);
      z.set(row(n), (N - 1 - n) * D);
    }
    return { y, z };
  },
};

export const rotateHalves: Reference = {
  shape: { N: 21, D: 24, E: 12 },
  run: (ctx) => {
    const [x, cosine, sine] = [input(ctx, 'x'), input(ctx, 'cosine'), input(ctx, 'sine')];
    const { D = 0, E = 0 } = ctx.dims;
    return {
      y: x.map((v, i) => {
        const [n, d] = [Math.floor(i / D), i % D];
        const [c, s] = [cosine[n * E + (d % E)] ?? 0, sine[n * E + (d % E)] ?? 0];
        return d < E ? v * c - (x[i + E] ?? 0) * s : v * c + (x[i - E] ?? 0) * s;
      }),
    };
  },
};

export const turnRows: Reference = {
  shape: { M: 10, D: 12 },
  inputs: { by: below(() => 20) },
  scalars: { at: 5 },
  run: (ctx) => {
    const [x, by] = [input(ctx, 'x'), input(ctx, 'by')];
    const { D = 0 } = ctx.dims;
    const turned = x.map((_, i) => {
      const m = Math.floor(i / D);
      return x[m * D + ((i + (by[m] ?? 0)) % D)] ?? 0;
    });
    for (let m = 0; m < by.length; m += 4) turned[m * D + (ctx.scalars.at ?? 0)] = by[m] ?? 0;
    return { y: turned };
  },
};

export const batchedMatmul: Reference = {
  shape: { B: 4, M: 20, N: 18, K: 24 },
  run: (ctx) => {
    const [a, b] = [input(ctx, 'a'), input(ctx, 'b')];
    const { B = 0, M = 0, N = 0, K = 0 } = ctx.dims;
    const c = new Float64Array(B * M * N);
    for (let l = 0; l < c.length; l++) {
      const [g, m, n] = [Math.floor(l / (M * N)), Math.floor(l / N) % M, l % N];
      for (let k = 0; k < K; k++) c[l] = (c[l] ?? 0) + (a[(g * M + m) * K + k] ?? 0) * (b[(g * K + k) * N + n] ?? 0);
    }
    return { c };
  },
};
