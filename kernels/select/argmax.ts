import {
  argmax,
  bf16,
  cast,
  cdiv,
  dtypes,
  f16,
  f32,
  i32,
  input,
  kernel,
  max,
  minimum,
  output,
  plan,
  range,
  reduce,
  temp,
  where,
} from '../../dsl/index.js';

const T = dtypes('T', f32, f16, bf16);

/**
 * Largest element of each part of a row, and its position in the row; of equal ones the first, NaN never. Part g of G holds
 * columns g per <= n < (g + 1) per, per = ceil(N / G); one without a number has -Infinity and the position of its first column.
 *
 * x [M, N]; top, at [M, G].
 */
export const partArgmax = kernel(
  {
    args: { x: input(T, ['M', 'N']), top: output(f32, ['M', 'G']), at: output(i32, ['M', 'G']) },
    tune: { BN: [1024, 64], warps: [4, 2] },
    prune: ({ BN, warps }) => BN >= 32 * warps,
    grid: ({ M, G }) => ({ g: G, m: M }),
  },
  ({ x, top, at }, { N, G, BN }, { m, g }) => {
    const per = cdiv(N, G);
    const part = x.at(m).slice(g * per, (g + 1) * per);
    let best = cast(-Infinity, f32);
    let position = g * per;
    for (const n of range(0, minimum(per, N - g * per), BN)) {
      const t = cast(part.load([n], [BN], { pad: -Infinity }), f32);
      const here = max(t, 0);
      if (here > best) {
        best = here;
        position = g * per + n + argmax(t, 0);
      }
    }
    top.scatter([m, g], best);
    at.scatter([m, g], position);
  },
);

/** The best of the parts; of equal ones the first, as a fold of pairs. top, at [M, G], G <= 64; index [M]. */
export const bestPart = kernel(
  {
    args: { top: input(f32, ['M', 'G']), at: input(i32, ['M', 'G']), index: output(i32, ['M']) },
    tune: { BM: [8], warps: [4] },
    grid: ({ M, BM }) => ({ m: cdiv(M, BM) }),
  },
  ({ top, at, index }, { BM }, { m }) => {
    const value = top.load([m * BM, 0], [BM, 64], { pad: -Infinity });
    const [, position] = reduce([value, at.load([m * BM, 0], [BM, 64])], 1, ([v1, i1], [v2, i2]) => [
      where(v2 > v1, v2, v1),
      where(v2 > v1, i2, i1),
    ]);
    index.store([m * BM], position);
  },
);

/**
 * Position of the largest element of each row, for rows so long that one program would be slow: G parts of each, then the
 * best of them. Of equal ones the first; NaN never; 0 where there is nothing else.
 *
 * x [M, N]; index [M].
 */
export const longArgmax = plan(
  {
    args: { x: input(T, ['M', 'N']), index: output(i32, ['M']) },
    tune: { G: [16, 4, 64, 1] },
    tuneKey: ({ M, N }) => [M, N],
    temps: ({ M, G }) => ({ top: temp(f32, [M, G]), at: temp(i32, [M, G]) }),
  },
  ({ x, index, top, at }, _sizes, run) => {
    run(partArgmax, { x, top, at });
    run(bestPart, { top, at, index });
  },
);
