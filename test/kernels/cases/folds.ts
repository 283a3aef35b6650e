import {
  abs,
  cast,
  cdiv,
  cumsum,
  expand,
  f32,
  i32,
  input,
  iota,
  kernel,
  max,
  min,
  output,
  range,
  row,
  sum,
  where,
  zeros,
} from '../../../dsl/index.js';

/** Mean of each row. */
export const rowMean = kernel(
  {
    args: { x: input(f32, ['M', 'N']), y: output(f32, ['M']) },
    tune: { BM: [16], BN: [32], warps: [4] },
    grid: ({ M, BM }) => ({ m: cdiv(M, BM) }),
  },
  ({ x, y }, { N, BM, BN }, { m }) => {
    let total = zeros([BM], f32);
    for (const n of range(0, N, BN)) total += sum(x.load([m * BM, n], [BM, BN]), 1);
    y.store([m * BM], total / N);
  },
);

/** Mean of each column; spread between the largest and the smallest element of it. */
export const columnMean = kernel(
  {
    args: { x: input(f32, ['M', 'N']), y: output(f32, ['N']), spread: output(f32, ['N']) },
    comptime: ['M'],
    tune: { BN: [32], warps: [2] },
    grid: ({ N, BN }) => ({ n: cdiv(N, BN) }),
  },
  ({ x, y, spread }, { M, BN }, { n }) => {
    const t = x.load([0, n * BN], [M, BN]);
    y.store([n * BN], sum(t, 0) / M);
    spread.store([n * BN], max(t, 0) - min(t, 0));
  },
);

/** Sum of everything, by one program: a rank-0 fold stored through a rank-1 tile; integers wrap. */
export const totals = kernel(
  {
    args: { x: input(f32, ['N']), c: input(i32, ['N']), y: output(f32, ['One']), count: output(i32, ['One']) },
    tune: { BN: [64], warps: [2] },
    grid: () => ({ p: 1 }),
  },
  ({ x, c, y, count }, { N, BN }) => {
    let total = zeros([1], f32);
    let hits = zeros([1], i32);
    for (const n of range(0, N, BN)) {
      total += sum(x.load([n], [BN]), 0);
      hits += sum(c.load([n], [BN]), 0);
    }
    y.store([0], total);
    count.store([0], hits);
  },
);

/** y_t = sum of x_j over j >= t: chunks backwards, a reverse cumsum, a carried row. */
export const suffixSum = kernel(
  {
    args: { x: input(f32, ['N', 'D']), y: output(f32, ['N', 'D']) },
    tune: { C: [16], BD: [32], warps: [4] },
    grid: ({ D, BD }) => ({ d: cdiv(D, BD) }),
  },
  ({ x, y }, { N, C, BD }, { d }) => {
    let after = zeros([BD], f32);
    for (const n of range(0, N, C, { reverse: true })) {
      const t = x.load([n, d * BD], [C, BD]);
      y.store([n, d * BD], cumsum(t, 0, { reverse: true }) + row(after));
      after += sum(t, 0);
    }
  },
);

/** L1 distance between all rows of x and all rows of y, through rank-3 tiles. */
export const distances = kernel(
  {
    args: { x: input(f32, ['M', 'K']), y: input(f32, ['N', 'K']), d: output(f32, ['M', 'N']) },
    tune: { BM: [8], BN: [4], BK: [16], warps: [4] },
    grid: ({ M, N, BM, BN }) => ({ n: cdiv(N, BN), m: cdiv(M, BM) }),
  },
  ({ x, y, d }, { K, BM, BN, BK }, { m, n }) => {
    let acc = zeros([BM, BN], f32);
    for (const k of range(0, K, BK)) {
      const a = expand(x.load([m * BM, k], [BM, BK]), 1); // [BM, 1, BK]
      const b = expand(y.load([n * BN, k], [BN, BK]), 0); // [1, BN, BK]
      const far = where(row(k + iota(BK)) < K, 1 + zeros([1, BK], f32), 0);
      acc += sum(abs(a - b) * cast(expand(far, 0), f32), 2);
    }
    d.store([m * BM, n * BN], acc);
  },
);
