import {
  bf16,
  cast,
  cdiv,
  dtypes,
  f16,
  f32,
  i32,
  input,
  iota,
  kernel,
  output,
  range,
  row,
  take,
  where,
  zeros,
} from '../../dsl/index.js';

const T = dtypes('T', f32, f16, bf16);

/**
 * Each row in ascending order, and where its elements were; equal elements keep their order. Rows of at most L elements, L a
 * power of two; no NaN.
 *
 * Batcher's bitonic network: in stage s blocks of 2^(s+1) become sorted, their halves by exchanges over distances 2^s, ..., 1.
 *
 * x, y [M, N]; index [M, N].
 * Source: Batcher 1968, "Sorting networks and their applications".
 */
export const sortRows = kernel(
  {
    args: { x: input(T, ['M', 'N']), y: output(T, ['M', 'N']), index: output(i32, ['M', 'N']) },
    options: { L: 64 },
    tune: { BM: [4, 1], warps: [1, 4] },
    grid: ({ M, BM }) => ({ m: cdiv(M, BM) }),
  },
  ({ x, y, index }, { BM, L }, { m }) => {
    const i = row(iota(L));
    let key = cast(x.load([m * BM, 0], [BM, L], { pad: Infinity }), f32);
    let from = i + zeros([BM, L], i32);
    const stages = Math.log2(L);
    const one = cast(1, i32);
    for (const s of range(stages))
      for (const r of range(s + 1)) {
        const distance = one << (s - r);
        const partner = i ^ distance;
        const otherKey = take(key, partner, 1);
        const otherFrom = take(from, partner, 1);
        const isFirst = (i & distance) === 0;
        const ascends = (i & (one << (s + 1))) === 0;
        const isLess = otherKey < key || (otherKey === key && otherFrom < from);
        const swaps = isLess === (isFirst === ascends);
        key = where(swaps, otherKey, key);
        from = where(swaps, otherFrom, from);
      }
    y.store([m * BM, 0], key);
    index.store([m * BM, 0], from);
  },
);
