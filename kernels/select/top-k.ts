import {
  argmax,
  bf16,
  cast,
  dtypes,
  f16,
  f32,
  full,
  i32,
  input,
  iota,
  kernel,
  max,
  maximum,
  output,
  range,
  sum,
  take,
  where,
} from '../../dsl/index.js';

const T = dtypes('T', f32, f16, bf16);

/**
 * The K largest elements of each row and their positions, largest first, of equal ones the first; K <= 16 or so.
 *
 * One program walks over a row in blocks and keeps its K best in order. The largest of a block that beats the last of
 * them is taken out and moves the smaller ones on, until none is left that does: rarely more than once a block.
 * NaN and -Infinity are never chosen: places that nothing fills hold -Infinity and the position -1.
 *
 * x [M, N]; value, index [M, K].
 */
export const topK = kernel(
  {
    args: { x: input(T, ['M', 'N']), value: output(T, ['M', 'K']), index: output(i32, ['M', 'K']) },
    comptime: ['K'],
    tune: { BN: [1024, 256, 64], warps: [4, 1] },
    prune: ({ BN, warps }) => BN >= 64 * warps,
    grid: ({ M }) => ({ m: M }),
  },
  ({ x, value, index }, { N, K, BN }, { m }) => {
    const place = iota(K);
    const before = maximum(place - 1, 0);
    let best = full([K], -Infinity, f32);
    let position = full([K], -1, i32);
    let least = cast(-Infinity, f32);
    for (const n of range(0, N, BN)) {
      let t = cast(x.at(m).load([n], [BN], { pad: -Infinity }), f32);
      let top = max(t, 0);
      while (top > least) {
        const at = argmax(t, 0);
        const rank = sum(cast(best >= top, i32), 0);
        best = where(place < rank, best, where(place === rank, top, take(best, before, 0)));
        position = where(place < rank, position, where(place === rank, n + at, take(position, before, 0)));
        least = max(where(place === K - 1, best, -Infinity), 0);
        t = where(iota(BN) === at, -Infinity, t);
        top = max(t, 0);
      }
    }
    value.at(m).store([0], best);
    index.at(m).store([0], position);
  },
);
