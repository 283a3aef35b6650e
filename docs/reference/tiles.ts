/**
 * @page Tiles
 *
 * A tile is a block of numbers that one program holds: rank 0 (a scalar) to 3, every extent a compile-time integer from
 * 1 up, powers of two or not. Tiles are values: each function gives a new one, nothing changes one in place. What a
 * function of this page does not say about dtypes it keeps.
 */
import {
  bitcast,
  cast,
  col,
  concat,
  expand,
  extent,
  f16,
  f32,
  full,
  i32,
  input,
  insert,
  iota,
  kernel,
  output,
  reshape,
  row,
  slice,
  sum,
  type Tile,
  take,
  trans,
  u32,
  zeros,
} from 'lac';

/**
 * @entry zeros
 * @ops const
 * @shapes `shape` lists 0 to 3 extents, literals or arithmetic on constants; it is the shape of the result.
 * @dtypes Any.
 * @errors LAC0113 LAC0215 LAC0220
 */
export const emptySums = kernel({ args: { y: output(f32, ['M', 'N']) }, grid: () => ({ p: 1 }) }, ({ y }) => {
  y.store([0, 0], zeros([2, 3], f32));
});
// y -> [[0, 0, 0], [0, 0, 0]]

/**
 * @entry full
 * @ops const splat
 * @shapes `shape` is that of the result.
 * @dtypes `dtype`. A literal must fit it; a scalar that is known at run time converts by the rules of `cast`.
 * @errors LAC0113 LAC0206 LAC0215 LAC0220 LAC0222
 */
export const threes = kernel({ args: { y: output(i32, ['N']) }, grid: () => ({ p: 1 }) }, ({ y }) => {
  y.store([0], full([4], 3, i32));
});
// y -> [3, 3, 3, 3]

/**
 * @entry iota
 * @ops iota
 * @shapes [n].
 * @dtypes i32.
 * @errors LAC0113 LAC0215
 */
export const squares = kernel({ args: { y: output(i32, ['N']) }, grid: () => ({ p: 1 }) }, ({ y }) => {
  const i = iota(5);
  y.store([0], i * i);
});
// y -> [0, 1, 4, 9, 16]

/**
 * @entry col; row
 * @ops expand
 * @shapes A vector [A] becomes [A, 1] with `col`, [1, A] with `row`.
 * @dtypes Any, masks too.
 * @corner Ranks never broadcast by themselves (LAC0202): `col` and `row` say which axis a vector runs along.
 * @errors LAC0214
 */
export const distances = kernel({ args: { y: output(i32, ['M', 'N']) }, grid: () => ({ p: 1 }) }, ({ y }) => {
  y.store([0, 0], col(iota(3)) - row(iota(3)));
});
// y -> [[0, -1, -2], [1, 0, -1], [2, 1, 0]]

/**
 * @entry expand
 * @ops expand
 * @shapes Rank 0 to 2 in, one more out; `axis` is 0 to the rank of x.
 * @dtypes Any, masks too.
 * @errors LAC0113 LAC0213 LAC0214
 */
export const cube = kernel({ args: { y: output(i32, ['A', 'B', 'C']) }, grid: () => ({ p: 1 }) }, ({ y }) => {
  const planes = expand(col(iota(2)), 2); // [2, 1, 1]
  const rows = expand(col(iota(2)), 0); // [1, 2, 1]
  const columns = expand(row(iota(2)), 0); // [1, 1, 2]
  y.store([0, 0, 0], 100 * planes + 10 * rows + columns);
});
// y -> [[[0, 1], [10, 11]], [[100, 101], [110, 111]]]

/**
 * @entry extent
 * @shapes Any tile. The result is a compile-time integer, fit for shapes.
 * @dtypes Any.
 * @errors LAC0113 LAC0213
 */
function mean(x: Tile<'f32', [unknown]>): Tile<'f32', []> {
  return sum(x, 0) / extent(x, 0);
}
export const means = kernel(
  { args: { x: input(f32, ['N']), y: output(f32, ['R']) }, grid: () => ({ p: 1 }) },
  ({ x, y }) => {
    y.scatter([0], mean(x.load([0], [4])));
    y.scatter([1], mean(x.load([0], [2])));
  },
);
// x = [1, 2, 3, 6]
// y -> [3, 1.5]

/**
 * @entry reshape
 * @ops reshape
 * @shapes As many elements as before, of any rank.
 * @dtypes Any, masks too.
 * @errors LAC0113 LAC0215 LAC0221
 */
export const pairs = kernel({ args: { y: output(i32, ['M', 'N']) }, grid: () => ({ p: 1 }) }, ({ y }) => {
  y.store([0, 0], reshape(iota(6), [3, 2]));
});
// y -> [[0, 1], [2, 3], [4, 5]]

/**
 * @entry trans
 * @ops trans
 * @shapes [M, N] becomes [N, M].
 * @dtypes Any, masks too.
 * @errors LAC0214
 */
export const turned = kernel(
  { args: { x: input(f32, ['M', 'N']), y: output(f32, ['N', 'M']) }, grid: () => ({ p: 1 }) },
  ({ x, y }) => {
    y.store([0, 0], trans(x.load([0, 0], [2, 3])));
  },
);
// x = [[1, 2, 3], [4, 5, 6]]
// y -> [[1, 4], [2, 5], [3, 6]]

/**
 * @entry slice
 * @ops slice
 * @shapes `origin` and `shape` have an entry for each axis of x; the result has `shape`.
 * @dtypes Any, masks too.
 * @corner The part lies in the tile. A constant origin outside is an error; one known at run time traps in `interpret`
 * and gives an unspecified value on devices.
 * @corner A *view* has a method of this name, which narrows a window of memory instead (see
 * [views](views.md#viewslice)).
 * @errors LAC0202 LAC0216 LAC0228 LAC0810
 */
export const halves = kernel(
  { args: { x: input(f32, ['N']), y: output(f32, ['H']) }, grid: () => ({ p: 1 }) },
  ({ x, y }) => {
    const t = x.load([0], [6]);
    y.store([0], slice(t, [0], [3]) + slice(t, [3], [3]));
  },
);
// x = [1, 2, 3, 10, 20, 30]
// y -> [11, 22, 33]

/**
 * @entry insert
 * @ops insert
 * @shapes `part` has the rank of x and fits into it at `origin`; the result has the shape of x.
 * @dtypes The result has the dtype of x; `part` converts to it by the rules of `cast`.
 * @corner The origin obeys the rule of `slice`.
 * @errors LAC0202 LAC0216 LAC0228 LAC0810
 */
export const patched = kernel({ args: { y: output(i32, ['N']) }, grid: () => ({ p: 1 }) }, ({ y }) => {
  y.store([0], insert(iota(5), [1], full([2], 9, i32)));
});
// y -> [0, 9, 9, 3, 4]

/**
 * @entry concat
 * @ops insert
 * @shapes One or more tiles of one rank, with equal extents off `axis`; along it the extents add up.
 * @dtypes The parts have one dtype.
 * @errors LAC0201 LAC0202 LAC0205 LAC0213 LAC0222
 */
export const joined = kernel({ args: { y: output(i32, ['N']) }, grid: () => ({ p: 1 }) }, ({ y }) => {
  y.store([0], concat([iota(3), full([2], 7, i32)], 0));
});
// y -> [0, 1, 2, 7, 7]

/**
 * @entry take
 * @ops take
 * @shapes `index` has the rank of x, and off `axis` its extents, or 1; the result has the shape of x but the extent of
 * the index along `axis`.
 * @dtypes x any, the index i32 or u32; the result has the dtype of x.
 * @corner A gather inside the registers of a program: no memory is read. `gather` of a view reads memory.
 * @errors LAC0201 LAC0202 LAC0213 LAC0216 LAC0810
 */
export const reversed = kernel(
  { args: { x: input(f32, ['N']), y: output(f32, ['N']) }, grid: () => ({ p: 1 }) },
  ({ x, y }) => {
    y.store([0], take(x.load([0], [4]), 3 - iota(4), 0));
  },
);
// x = [1, 2, 3, 4]
// y -> [4, 3, 2, 1]

/**
 * @entry cast
 * @ops cast
 * @shapes Any; kept. A number gives a scalar, which is how a literal gets a dtype: `cast(0, i32)`.
 * @dtypes Any to f32, f16, bf16, i32 or u32.
 * @corner Tiles of 16-bit floats may be computed with more precision than they have; a cast, a store, an operand of
 * `dot` and a variable that a loop carries do round.
 * @errors LAC0220 LAC0222
 */
export const whole = kernel(
  { args: { x: input(f32, ['N']), y: output(i32, ['N']), h: output(f32, ['N']) }, grid: () => ({ p: 1 }) },
  ({ x, y, h }) => {
    const t = x.load([0], [4]);
    y.store([0], cast(t, i32)); // toward 0, saturating
    h.store([0], cast(cast(t, f16), f32)); // rounded to 11 bits
  },
);
// x = [1.75, -1.75, 3e9, 2049]
// y -> [1, -1, 2147483647, 2049]
// h -> [1.75, -1.75, Infinity, 2048]

/**
 * @entry bitcast
 * @ops bitcast
 * @shapes Any; kept.
 * @dtypes Between f32, i32 and u32.
 * @errors LAC0212 LAC0220
 */
export const exponents = kernel(
  { args: { x: input(f32, ['N']), y: output(u32, ['N']) }, grid: () => ({ p: 1 }) },
  ({ x, y }) => {
    y.store([0], (bitcast(x.load([0], [3]), u32) >> 23) - 127);
  },
);
// x = [1, 8, 1.5]
// y -> [0, 3, 0]
