/**
 * @page Values, dtypes and types
 *
 * In the body of a kernel there are **tiles** (rank 0 to 3), **scalars** (tiles of rank 0: one value for the whole
 * program), **masks** (booleans, of any shape), **views** (windows on tensors), and what is known at compile time:
 * numbers, **Const** sizes, options, functions, arrays and objects of all of these.
 *
 * The types of TypeScript are gradual: every tile is a flavoured `number`, so that operators work on it, and what
 * arithmetic gives back fits anywhere. tsc therefore sees wrong calls, never a false one; exact shapes and dtypes are
 * inferred from the source by `lac check`, and shown by the editor.
 */
import {
  bf16,
  type Const,
  cast,
  cdiv,
  dtypes,
  exp,
  f16,
  f32,
  type InView,
  i32,
  input,
  iota,
  kernel,
  type Mask,
  max,
  type OutView,
  output,
  type Scalar,
  sum,
  type Tile,
  u32,
  where,
} from 'lac';

/**
 * @entry f32; f16; bf16; i32; u32
 * @title Dtypes of tensors
 *
 * The dtypes of tensors. Masks have none that memory could hold: cast them.
 *
 * | dtype | bits | range |
 * | --- | --- | --- |
 * | `f32` | 32 | about 1e-38 to 3e38, 24 bits of significand |
 * | `f16` | 16 | 6e-8 to 65504, 11 bits |
 * | `bf16` | 16 | that of f32, 8 bits |
 * | `i32` | 32 | -2^31 to 2^31 - 1 |
 * | `u32` | 32 | 0 to 2^32 - 1 |
 *
 * Infinity and NaN exist in the three float dtypes. WGSL implementations may assume that they do not: there a constant
 * -Infinity is the lowest finite value, so that `m === -Infinity` still holds of a maximum that nothing touched.
 * @errors LAC0205 LAC0220
 */
export const rounded = kernel(
  { args: { x: input(f32, ['N']), y: output(f32, ['N']), n: output(u32, ['N']) }, grid: () => ({ p: 1 }) },
  ({ x, y, n }) => {
    const t = x.load([0], [3]);
    y.store([0], cast(t, bf16)); // rounds; the store widens again
    n.store([0], cast(t, u32)); // truncates and saturates
  },
);
// x = [257, 0.5, -3]
// y -> [256, 0.5, -3]
// n -> [257, 0, 0]

/**
 * @entry dtypes
 *
 * Used as the dtype of arguments, and in `cast(x, T)`. `lac run --dtype bf16` and the tensors of a launch choose; the
 * first is the default.
 * @dtypes Two or more that differ, all of one kind if the body is to fit them all.
 * @errors LAC0310
 */
const T = dtypes('T', f32, f16, bf16);
export const scaled = kernel(
  { args: { x: input(T, ['N']), y: output(T, ['N']) }, grid: () => ({ p: 1 }) },
  ({ x, y }) => {
    y.store([0], cast(x.load([0], [3]), f32) * 2);
  },
);
// x = [1, 2, 3]
// y -> [2, 4, 6]

/**
 * @entry literals
 * @title Literals
 *
 * A number in the source has no dtype: it takes that of the other operand, never guessed from 1 versus 1.0. Two of them
 * fold, in f64. Module constants (`const LOG2E = Math.LOG2E`) are numbers too.
 * @dtypes For a float dtype it is rounded to nearest even, and a finite one must stay finite; for an integer dtype it
 * must be whole and in range.
 * @corner `let x = 0` takes the dtype of the first value with one that is assigned; `x += 1` gives none. `where(m, 1,
 * 0)` has none: cast(m, f32).
 * @errors LAC0115 LAC0206 LAC0207
 */
const HALF = 1 / 2;
export const halved = kernel({ args: { y: output(f32, ['N']) }, grid: () => ({ p: 1 }) }, ({ y }) => {
  y.store([0], cast(iota(3), f32) * HALF + 2 ** 3);
});
// y -> [8, 8.5, 9]

/**
 * @entry Tile; Scalar; Mask; Shape; DType
 * @title Types of tiles
 *
 * For the parameters of helper functions. A shape is a tuple of names or numbers: `Tile<'f32', ['C', 'D']>`; what is
 * left out fits all.
 * @shapes Rank 0 to 3, at most 2^20 elements.
 * @errors LAC0215
 */
function softmax(x: Tile<'f32', ['C']>, keep: Mask): Tile<'f32', ['C']> {
  const highest: Scalar<'f32'> = max(where(keep, x, -Infinity), 0);
  const p = exp(where(keep, x - highest, -Infinity));
  return p / sum(p, 0);
}
export const odds = kernel(
  { args: { x: input(f32, ['N']), y: output(f32, ['N']) }, grid: () => ({ p: 1 }) },
  ({ x, y }, { N }) => {
    y.store([0], softmax(x.load([0], [4]), iota(4) < N));
  },
);
// x = [0, 0, 0]
// y -> [0.3333333333, 0.3333333333, 0.3333333333]

/**
 * @entry Const
 *
 * What a dimension of `comptime` and a knob of `tune` are in the body; a constant of the module is a plain number.
 * Arithmetic on them is done at compile time.
 * @errors LAC0113 LAC0215
 */
function stripes(n: Const<'D'>, width: number): number {
  return cdiv(n, width);
}
export const counted = kernel(
  { args: { x: input(f32, ['D']), y: output(i32, ['R']) }, comptime: ['D'], grid: () => ({ p: 1 }) },
  ({ y }, { D }) => {
    y.store([0], iota(stripes(D, 2)));
  },
);
// x = [0, 0, 0, 0, 0]
// y -> [0, 1, 2]

/**
 * @entry InView; OutView; InOutView
 * @title Types of views
 *
 * Types of the arguments in the body, also for helper functions. Their methods are on the page [views](views.md).
 * @errors LAC0217 LAC0218 LAC0222
 */
function copy(from: InView<'f32', ['N']>, to: OutView<'f32', ['N']>): void {
  to.store([0], from.load([0], [4]));
}
export const copied = kernel(
  { args: { x: input(f32, ['N']), y: output(f32, ['N']) }, grid: () => ({ p: 1 }) },
  ({ x, y }) => {
    copy(x, y);
  },
);
// x = [1, 2, 3, 4]
// y -> [1, 2, 3, 4]

/**
 * @entry IsAny; DimOf; Dims; Axis; Reduce; Expand; Taken; Trans; Right; Product; Origin; Same; Index
 * @title Type functions
 *
 * Type functions that the declarations use; authors rarely name them. `Reduce<S, A>` is S without the axis A,
 * `Product<A, B>` the shape of a product, `Origin<S>` one number an axis.
 * @errors LAC0213
 */
function rowSums(x: Tile<'f32', ['M', 'N']>) {
  return sum(x, 1); // Tile<'f32', Reduce<['M', 'N'], 1>>, which is Tile<'f32', ['M']>
}
export const summed = kernel(
  { args: { x: input(f32, ['M', 'N']), y: output(f32, ['M']) }, grid: () => ({ p: 1 }) },
  ({ x, y }) => {
    y.store([0], rowSums(x.load([0, 0], [2, 2])));
  },
);
// x = [[1, 2], [3, 4]]
// y -> [3, 7]
