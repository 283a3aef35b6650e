/**
 * @page Folds and scans
 *
 * A fold combines the elements along one axis and takes the axis away; a scan keeps every partial result. The order of
 * the combinations is unspecified: sums of floats differ in the last bits between devices and configurations. Padding
 * that the compiler adds to a tile never takes part; lanes that a *load* padded are data: choose their value with
 * `pad`, or mask them.
 */
import {
  argmax,
  argmin,
  bf16,
  cast,
  cumsum,
  f32,
  i32,
  input,
  kernel,
  max,
  maximum,
  min,
  output,
  reduce,
  scan,
  sum,
  where,
} from 'lac';

/**
 * @entry sum
 * @ops reduce
 * @shapes Rank 1 to 3; `axis` is taken away: [M, N] along 1 gives [M].
 * @dtypes Numbers; kept. 16-bit floats add up in f32 and are rounded once, at the end: cast first to keep f32. i32 and
 * u32 wrap. A mask is cast first: `sum(cast(m, i32), 0)` counts.
 * @corner 0 * Infinity is NaN in a sum as everywhere: select with `where`, never with a product.
 * @errors LAC0113 LAC0213 LAC0225
 */
export const totals = kernel(
  {
    args: { x: input(bf16, ['M', 'N']), y: output(f32, ['M']), positive: output(i32, ['M']) },
    grid: () => ({ p: 1 }),
  },
  ({ x, y, positive }) => {
    const t = x.load([0, 0], [2, 4]); // column 3 is padded with 0
    y.store([0], sum(cast(t, f32), 1));
    positive.store([0], sum(cast(t > 0, i32), 1));
  },
);
// x = [[1, 2, -3], [4, 5, 6]]
// y -> [0, 15]
// positive -> [2, 3]

/**
 * @entry max; min
 * @ops reduce
 * @shapes Rank 1 to 3; `axis` is taken away.
 * @dtypes Numbers; kept.
 * @corner A padded lane counts: `max` of negative numbers wants `{ pad: -Infinity }`.
 * @corner WGSL has no infinities for certain: there `-Infinity` is the lowest finite value, and NaN may do anything.
 * @errors LAC0113 LAC0213 LAC0225
 */
export const extremes = kernel(
  { args: { x: input(f32, ['M', 'N']), high: output(f32, ['M']), low: output(f32, ['N']) }, grid: () => ({ p: 1 }) },
  ({ x, high, low }) => {
    high.store([0], max(x.load([0, 0], [2, 4], { pad: -Infinity }), 1));
    low.store([0], min(x.load([0, 0], [2, 3]), 0));
  },
);
// x = [[-1, -2, -3], [-4, 5, -6]]
// high -> [-1, 5]
// low -> [-4, -2, -6]

/**
 * @entry argmax; argmin
 * @ops reduce
 * @shapes Rank 1 to 3; `axis` is taken away.
 * @dtypes Numbers in, i32 out.
 * @corner All NaN: position 0. With `{ pad: -Infinity }` a row of only -Infinity still gives its lowest, real position.
 * @errors LAC0113 LAC0213 LAC0225
 */
export const places = kernel(
  { args: { x: input(f32, ['M', 'N']), top: output(i32, ['M']), last: output(i32, ['M']) }, grid: () => ({ p: 1 }) },
  ({ x, top, last }) => {
    const t = x.load([0, 0], [2, 4]);
    top.store([0], argmax(t, 1));
    last.store([0], argmin(t, 1));
  },
);
// x = [[3, 9, 9, 1], [0, -2, -5, -5]]
// top -> [1, 0]
// last -> [3, 2]

/**
 * @entry cumsum
 * @ops scan
 * @shapes Rank 1 to 3; kept.
 * @dtypes Numbers; kept. 16-bit floats add up in f32.
 * @errors LAC0110 LAC0113 LAC0213 LAC0225
 */
export const running = kernel(
  { args: { x: input(f32, ['N']), up: output(f32, ['N']), down: output(f32, ['N']) }, grid: () => ({ p: 1 }) },
  ({ x, up, down }) => {
    const t = x.load([0], [4]);
    up.store([0], cumsum(t, 0));
    down.store([0], cumsum(t, 0, { reverse: true }));
  },
);
// x = [1, 2, 3, 4]
// up -> [1, 3, 6, 10]
// down -> [10, 9, 7, 4]

/**
 * @entry reduce
 * @ops reduce_by
 * @shapes As `sum`; the tiles of a tuple have one shape.
 * @dtypes Each tile keeps its own. Lanes are scalars in `combine`, which returns the dtypes that it was given.
 * @corner `combine` is associative and need not be commutative: its operands keep their order. It sees its lanes and
 * constants: no memory, no folds, no run-time loops. Divisions and differences of the two sides are reported (LAC0231).
 * @errors LAC0201 LAC0210 LAC0213 LAC0230 LAC0231
 */
export const topOfRow = kernel(
  {
    args: { x: input(f32, ['M', 'N']), y: output(f32, ['M']), best: output(f32, ['M']) },
    grid: () => ({ p: 1 }),
  },
  ({ x, y, best }) => {
    const t = x.load([0, 0], [2, 3]);
    y.store(
      [0],
      reduce(t, 1, (a, b) => a * b),
    );
    const [value] = reduce([t, t * t], 1, ([a, p], [b, q]) => [p >= q ? a : b, maximum(p, q)]);
    best.store([0], value); // the one of largest magnitude
  },
);
// x = [[1, -7, 3], [2, 2, 2]]
// y -> [-21, 8]
// best -> [-7, 2]

/**
 * @entry scan
 * @ops scan_by
 * @shapes Rank 1 to 3; kept. The tiles of a tuple have one shape.
 * @dtypes Each tile keeps its own.
 * @corner The rules of `reduce`. The first argument of `combine` is nearer to where the scan begins.
 * @errors LAC0110 LAC0201 LAC0210 LAC0213 LAC0230 LAC0231
 */
export const recurrence = kernel(
  { args: { f: input(f32, ['N']), u: input(f32, ['N']), h: output(f32, ['N']) }, grid: () => ({ p: 1 }) },
  ({ f, u, h }) => {
    // h[t] = f[t] h[t - 1] + u[t], as a scan of the maps h -> f h + u
    const maps = [f.load([0], [4]), u.load([0], [4])] as const;
    const [, state] = scan(maps, 0, ([f1, u1], [f2, u2]) => [f1 * f2, u1 * f2 + u2]);
    h.store([0], where(state > 100, 100, state));
  },
);
// f = [0.5, 0.5, 2, 1]
// u = [1, 1, 1, 200]
// h -> [1, 1.5, 4, 100]
