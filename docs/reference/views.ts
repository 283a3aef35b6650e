/**
 * @page Views
 *
 * A view is a strided window on a tensor: what an argument is in the body, and what `at` and `slice` make of one.
 * Strides may be anything, 0 included for inputs; offsets are 64 bits wide. Reads outside of a view, on either side,
 * give a pad value and touch no memory; writes there are dropped. So a loop over blocks needs no special last block.
 *
 * Within a program, loads of an `inout` argument see its earlier stores. Between the programs of a launch there is no
 * order, not even progress: what another program writes is read by a later launch (`interpret` reports it, LAC0804).
 */
import { all, cast, col, f32, i32, inout, input, iota, kernel, output, row, sum, u32 } from 'lac';

/**
 * @entry view.at; all
 * @ops view_at
 * @shapes At most one index an axis; `all` keeps its axis, and so do those after the last index. `x.at(b, all, h)` of
 * [B, N, H, D] is [N, D].
 * @dtypes Indices are i32 or u32 scalars.
 * @corner An index outside gives an empty view: loads pad, stores drop.
 * @errors LAC0216
 */
export const head = kernel(
  { args: { x: input(f32, ['N', 'H', 'D']), y: output(f32, ['N', 'D']) }, grid: () => ({ p: 1 }) },
  ({ x, y }) => {
    y.store([0, 0], x.at(all, 1).load([0, 0], [2, 2]));
  },
);
// x = [[[1, 2], [3, 4]], [[5, 6], [7, 8]]]
// y -> [[3, 4], [7, 8]]

/**
 * @entry view.slice
 * @ops view_slice
 * @shapes Kept; the first axis has `end - begin` elements at most.
 * @dtypes Bounds are i32 or u32 scalars, often loaded: segments of a packed batch.
 * @corner A negative `begin` keeps coordinate 0 at `begin`: the part outside pads. `end <= begin` is empty.
 * @errors LAC0214 LAC0216
 */
export const segmentSums = kernel(
  { args: { x: input(f32, ['N']), ends: input(i32, ['S']), y: output(f32, ['S']) }, grid: ({ S }) => ({ s: S }) },
  ({ x, ends, y }, _sizes, { s }) => {
    const segment = x.slice(ends.get(s - 1), ends.get(s)); // get(-1) is outside, so 0
    y.scatter([s], sum(segment.load([0], [4]), 0));
  },
);
// x = [1, 2, 3, 10, 20, 100]
// ends = [3, 5, 6]
// y -> [6, 30, 100]

/**
 * @entry view.load
 * @ops load
 * @shapes Origin and shape have an entry for each axis of the view; the result has `shape`. Axes that are read one at a
 * time are fixed by `at` first.
 * @dtypes That of the view. The origin is i32 or u32.
 * @errors LAC0113 LAC0209 LAC0215 LAC0216 LAC0217 LAC0222
 */
export const differences = kernel(
  { args: { x: input(f32, ['N']), y: output(f32, ['N']) }, grid: () => ({ p: 1 }) },
  ({ x, y }) => {
    y.store([0], x.load([0], [4]) - x.load([-1], [4])); // x[-1] reads 0
  },
);
// x = [1, 4, 9, 16]
// y -> [1, 3, 5, 7]

/**
 * @entry LoadOptions; LoadOptions.pad; LoadOptions.mask; LoadOptions.inBounds; LoadOptions.cache
 * @title Options of loads
 *
 * `inBounds: true` drops the guards; where the promise is broken `interpret` traps, and devices give an unspecified
 * value. `cache` is a hint: `'stream'` for what is read once, `'keep'` for what others read too; it changes no result.
 * @shapes `mask` broadcasts to the shape of the tile.
 * @dtypes `pad` is a literal that fits the view's dtype, infinities too.
 * @errors LAC0110 LAC0206 LAC0209 LAC0222 LAC0801
 */
export const everyOther = kernel(
  { args: { x: input(f32, ['N']), y: output(f32, ['N']) }, grid: () => ({ p: 1 }) },
  ({ x, y }) => {
    y.store([0], x.load([0], [5], { mask: iota(5) % 2 === 0, pad: -1 }));
  },
);
// x = [1, 2, 3, 4]
// y -> [1, -1, 3, -1]

/**
 * @entry view.get
 * @ops get
 * @shapes One index an axis; a scalar.
 * @dtypes Indices are i32 or u32 scalars.
 * @errors LAC0216 LAC0217
 */
export const lookedUp = kernel(
  { args: { x: input(f32, ['N']), y: output(f32, ['N']) }, grid: ({ N }) => ({ n: N }) },
  ({ x, y }, { N }, { n }) => {
    y.scatter([n], x.get(n) + x.get(N)); // x[N] is outside: 0
  },
);
// x = [1, 2, 3]
// y -> [1, 2, 3]

/**
 * @entry view.gather
 * @ops gather
 * @shapes One index an axis: tiles of one rank, which broadcast to the shape of the result, or scalars.
 * @dtypes Indices are i32 or u32.
 * @errors LAC0201 LAC0202 LAC0216 LAC0217
 */
export const picked = kernel(
  { args: { x: input(f32, ['M', 'N']), i: input(i32, ['K']), y: output(f32, ['M', 'K']) }, grid: () => ({ p: 1 }) },
  ({ x, i, y }) => {
    y.store([0, 0], x.gather([col(iota(2)), row(i.load([0], [3]))], { pad: -1 }));
  },
);
// x = [[1, 2], [3, 4]]
// i = [1, 0, 7]
// y -> [[2, 1, -1], [4, 3, -1]]

/**
 * @entry view.store
 * @ops store
 * @shapes A tile of the view's rank; `col` or `expand` raise one. Lanes outside are dropped.
 * @dtypes Any number; it converts to the view's dtype by the rules of `cast`.
 * @corner Two programs that write one element race: `interpret` traps (LAC0803), on devices either value stays.
 * @errors LAC0216 LAC0218 LAC0219 LAC0225 LAC0803
 */
export const columns = kernel(
  { args: { y: output(i32, ['M', 'N']) }, grid: ({ N }) => ({ n: N }) },
  ({ y }, _sizes, { n }) => {
    y.store([0, n], col(iota(4) * 10 + n)); // rows 2 and 3 are outside
  },
);
// y -> [[0, 1, 2], [10, 11, 12]]

/**
 * @entry StoreOptions; StoreOptions.mask; StoreOptions.inBounds
 * @title Options of stores
 *
 * As of a load: lanes where `mask` is false are dropped, `inBounds` promises that none is outside.
 * @errors LAC0110 LAC0209 LAC0801
 */
export const evens = kernel({ args: { y: inout(i32, ['N']) }, grid: () => ({ p: 1 }) }, ({ y }) => {
  y.store([0], iota(4), { mask: iota(4) % 2 === 0, inBounds: true });
});
// y = [9, 9, 9, 9]
// y -> [0, 9, 2, 9]

/**
 * @entry view.scatter
 * @ops scatter
 * @shapes Indices as of `gather`; the value has their shape, or is a scalar.
 * @dtypes As of `store`.
 * @corner Two lanes of one store with one address: `interpret` traps.
 * @errors LAC0201 LAC0202 LAC0216 LAC0218 LAC0805
 */
export const inverse = kernel(
  { args: { order: input(i32, ['N']), y: output(i32, ['N']) }, grid: () => ({ p: 1 }) },
  ({ order, y }) => {
    y.scatter([order.load([0], [4])], iota(4));
  },
);
// order = [2, 0, 3, 1]
// y -> [1, 3, 0, 2]

/**
 * @entry view.atomicAdd
 * @ops atomic_add
 * @shapes As `store`, with the same options. The argument is `inout`.
 * @dtypes f32, i32, u32.
 * @corner Nothing is returned, and other stores are not ordered by it. Sums of integers are the same in every run; `lac
 * check` notes those of floats.
 * @errors LAC0216 LAC0217 LAC0218 LAC0219 LAC0227 LAC0229
 */
export const together = kernel(
  { args: { x: input(i32, ['P', 'N']), total: inout(i32, ['N']) }, grid: ({ P }) => ({ p: P }) },
  ({ x, total }, _sizes, { p }) => {
    total.atomicAdd([0], x.at(p).load([0], [2]));
  },
);
// x = [[1, 2], [3, 4], [5, 6]]
// total = [100, 200]
// total -> [109, 212]

/**
 * @entry view.scatterAdd
 * @ops scatter_add
 * @shapes As `scatter`. The argument is `inout`.
 * @dtypes f32, i32, u32.
 * @errors LAC0201 LAC0202 LAC0216 LAC0217 LAC0218 LAC0227 LAC0229
 */
export const histogram = kernel(
  { args: { x: input(u32, ['N']), bins: inout(u32, ['K']) }, grid: () => ({ p: 1 }) },
  ({ x, bins }, { N }) => {
    bins.scatterAdd([x.load([0], [8])], 1, { mask: iota(8) < N });
  },
);
// x = [1, 0, 1, 1, 2]
// bins = [0, 0, 0]
// bins -> [1, 3, 1]

/**
 * @entry view.dtype
 *
 * The dtype of the argument, for `cast` in helper functions that serve several.
 * @errors LAC0220
 */
export const converted = kernel(
  { args: { x: input(f32, ['N']), y: output(i32, ['N']) }, grid: () => ({ p: 1 }) },
  ({ x, y }) => {
    y.store([0], cast(x.load([0], [2]), y.dtype) * 2);
  },
);
// x = [1.5, 2.5]
// y -> [2, 4]
