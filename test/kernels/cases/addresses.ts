import {
  cast,
  cdiv,
  col,
  concat,
  dot,
  dtypes,
  f16,
  f32,
  i32,
  inout,
  input,
  insert,
  iota,
  kernel,
  output,
  reshape,
  row,
  scalar,
  slice,
  sum,
  take,
} from '../../../dsl/index.js';

const T = dtypes('T', f32, f16);

/** y += a x, in place. */
export const axpy = kernel(
  {
    args: { x: input(T, ['M', 'N']), a: scalar(f32), y: inout(T, ['M', 'N']) },
    tune: { BN: [32], warps: [1] },
    grid: ({ M, N, BN }) => ({ n: cdiv(N, BN), m: M }),
  },
  ({ x, a, y }, { BN }, { n, m }) => {
    const origin = [m, n * BN] as const;
    y.store(origin, y.load(origin, [1, BN]) + x.load(origin, [1, BN]) * a);
  },
);

/** count[x[n]] += 1, for the values below K. */
export const histogram = kernel(
  {
    args: { x: input(i32, ['N']), count: inout(i32, ['K']) },
    tune: { C: [64], warps: [2] },
    grid: ({ N, C }) => ({ n: cdiv(N, C) }),
  },
  ({ x, count }, { N, C }, { n }) => {
    count.scatterAdd([x.load([n * C], [C])], 1, { mask: n * C + iota(C) < N });
  },
);

/** Sums of columns, added by every block of rows; the bias is there for one block if it is asked for. */
export const columnTotals = kernel(
  {
    args: { x: input(f32, ['M', 'N']), bias: input(f32, ['N']), total: inout(f32, ['N']) },
    options: { biased: false },
    tune: { BM: [8], BN: [48], warps: [2] },
    grid: ({ M, N, BM, BN }) => ({ n: cdiv(N, BN), m: cdiv(M, BM) }),
  },
  ({ x, bias, total }, { BM, BN, biased }, { n, m }) => {
    const own = bias.slice(n * BN, (n + 1) * BN);
    total.atomicAdd([n * BN], sum(x.load([m * BM, n * BN], [BM, BN]), 0));
    if (biased) total.atomicAdd([n * BN], own.load([0], [BN], { mask: m === 0 }));
  },
);

/** Rows of a table by number, and the same rows in reverse order. */
export const lookup = kernel(
  {
    args: { table: input(T, ['V', 'D']), index: input(i32, ['N']), y: output(T, ['N', 'D']), z: output(T, ['N', 'D']) },
    comptime: ['D'],
    tune: { C: [12], warps: [2] },
    grid: ({ N, C }) => ({ n: cdiv(N, C) }),
  },
  ({ table, index, y, z }, { N, C, D }, { n }) => {
    const rows = table.gather([col(index.load([n * C], [C])), row(iota(D))]);
    y.store([n * C, 0], rows);
    z.scatter([col(N - 1 - n * C - iota(C)), row(iota(D))], rows);
  },
);

/** Rotary embedding by halves: [a, b] becomes [a cos - b sin, b cos + a sin], with the angles' cosines and sines given. */
export const rotateHalves = kernel(
  {
    args: {
      x: input(T, ['N', 'D']),
      cosine: input(f32, ['N', 'E']),
      sine: input(f32, ['N', 'E']),
      y: output(T, ['N', 'D']),
    },
    comptime: ['D', 'E'],
    tune: { C: [8], warps: [1] },
    prune: ({ D, E }) => D === 2 * E,
    grid: ({ N, C }) => ({ n: cdiv(N, C) }),
  },
  ({ x, cosine, sine, y }, { C, D, E }, { n }) => {
    const t = cast(x.load([n * C, 0], [C, D]), f32);
    const [a, b] = [slice(t, [0, 0], [C, E]), slice(t, [0, E], [C, E])];
    const [c, s] = [cosine.load([n * C, 0], [C, E]), sine.load([n * C, 0], [C, E])];
    y.store([n * C, 0], concat([a * c - b * s, b * c + a * s], 1));
  },
);

/** Each row turned by its own number of places: y[m, i] = x[m, (i + by[m]) mod D], with by[0] at column `at`. */
export const turnRows = kernel(
  {
    args: { x: input(f32, ['M', 'D']), by: input(i32, ['M']), at: scalar(i32), y: output(f32, ['M', 'D']) },
    comptime: ['D'],
    tune: { BM: [4], warps: [1] },
    grid: ({ M, BM }) => ({ m: cdiv(M, BM) }),
  },
  ({ x, by, at, y }, { D, BM }, { m }) => {
    const turns = by.load([m * BM], [BM]);
    const t = take(x.load([m * BM, 0], [BM, D]), (col(turns) + row(iota(D))) % D, 1);
    const mark = reshape(cast(slice(turns, [0], [1]), f32), [1, 1]);
    y.store([m * BM, 0], insert(t, [0, at], mark));
  },
);

/** c[b] = a[b] b[b], the products of a batch in one program. */
export const batchedMatmul = kernel(
  {
    args: { a: input(T, ['B', 'M', 'K']), b: input(T, ['B', 'K', 'N']), c: output(f32, ['B', 'M', 'N']) },
    comptime: ['K'],
    tune: { BB: [3], BM: [16], BN: [16], warps: [2] },
    grid: ({ B, M, N, BB, BM, BN }) => ({ n: cdiv(N, BN), m: cdiv(M, BM), g: cdiv(B, BB) }),
  },
  ({ a, b, c }, { K, BB, BM, BN }, { n, m, g }) => {
    const left = a.load([g * BB, m * BM, 0], [BB, BM, K]);
    c.store([g * BB, m * BM, n * BN], dot(left, b.load([g * BB, 0, n * BN], [BB, K, BN])));
  },
);
