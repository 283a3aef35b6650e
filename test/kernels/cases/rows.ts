import {
  bf16,
  cast,
  cdiv,
  col,
  dtypes,
  exp,
  f16,
  f32,
  full,
  input,
  iota,
  kernel,
  max,
  maximum,
  output,
  range,
  row,
  rsqrt,
  scalar,
  sum,
  where,
  zeros,
} from '../../../dsl/index.js';

const T = dtypes('T', f32, f16, bf16);

/** Softmax of every row, two passes with a running maximum; padding is -Infinity, so it adds exp(-Infinity) = 0. */
export const softmax = kernel(
  {
    args: { x: input(T, ['M', 'N']), y: output(T, ['M', 'N']) },
    tune: { BM: [8, 4], BN: [64, 128], warps: [4] },
    grid: ({ M, BM }) => ({ m: cdiv(M, BM) }),
  },
  ({ x, y }, { N, BM, BN }, { m }) => {
    let top = full([BM], -Infinity, f32);
    let total = zeros([BM], f32);
    for (const n of range(0, N, BN)) {
      const t = cast(x.load([m * BM, n], [BM, BN], { pad: -Infinity }), f32);
      const newTop = maximum(top, max(t, 1));
      const shift = where(newTop === -Infinity, 0, newTop); // rows past the end hold padding only
      total = total * exp(top - shift) + sum(exp(t - col(shift)), 1);
      top = newTop;
    }
    for (const n of range(0, N, BN)) {
      const t = cast(x.load([m * BM, n], [BM, BN]), f32);
      y.store([m * BM, n], exp(t - col(top)) / col(total));
    }
  },
);

/** Layer normalisation, mean first, then the variance of what lies inside; one block holds the whole row. */
export const layerNorm = kernel(
  {
    args: {
      x: input(T, ['M', 'N']),
      gamma: input(f32, ['N']),
      beta: input(f32, ['N']),
      eps: scalar(f32),
      y: output(T, ['M', 'N']),
    },
    comptime: ['N'],
    tune: { BM: [4], warps: [4] },
    grid: ({ M, BM }) => ({ m: cdiv(M, BM) }),
  },
  ({ x, gamma, beta, eps, y }, { N, BM }, { m }) => {
    const t = cast(x.load([m * BM, 0], [BM, N]), f32);
    const mean = sum(t, 1) / N;
    const centred = t - col(mean);
    const variance = sum(centred * centred, 1) / N;
    const normal = centred * col(rsqrt(variance + eps));
    y.store([m * BM, 0], normal * row(gamma.load([0], [N])) + row(beta.load([0], [N])));
  },
);

/** Largest element and its first position a row, over blocks. */
export const rowArgmax = kernel(
  {
    args: { x: input(T, ['M', 'N']), best: output(f32, ['M']) },
    tune: { BM: [8], BN: [32], warps: [2] },
    grid: ({ M, BM }) => ({ m: cdiv(M, BM) }),
  },
  ({ x, best }, { M, N, BM, BN }, { m }) => {
    let top = full([BM], -Infinity, f32);
    let at = full([BM], 0, f32);
    for (const n of range(0, N, BN)) {
      const t = cast(x.load([m * BM, n], [BM, BN], { pad: -Infinity }), f32);
      const here = max(t, 1);
      const j = row(n + iota(BN));
      const first = max(where(t === col(here), cast(-j, f32), -Infinity), 1);
      at = where(here > top, -first, at);
      top = maximum(top, here);
    }
    best.store([m * BM], at, { mask: m * BM + iota(BM) < M });
  },
);
