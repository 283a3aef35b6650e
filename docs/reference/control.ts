/**
 * @page Statements
 *
 * A kernel's body is `const`, `let`, assignments, `if`, loops, calls and blocks. Scalars are one value for the whole
 * program, so every branch and loop is taken by a program as a whole; lanes are chosen by `where`. Constructs of
 * JavaScript that have no meaning on a GPU (`try`, `await`, `new`, classes, `==`, strings, `break`) are LAC0103 or
 * LAC0116, with what to write instead.
 */
import {
  cast,
  dot,
  extent,
  f32,
  i32,
  input,
  iota,
  kernel,
  maximum,
  output,
  range,
  scalar,
  sum,
  type Tile,
  trans,
  where,
  zeros,
} from 'lac';

/**
 * @entry range
 *
 * `for (const i of range(begin, end, step))` runs the body for each index. A block size as the step walks over a tensor
 * in blocks. Zero trips leave all variables as they were. There is no other counting loop: `for (;;)` is LAC0108.
 * @shapes Bounds and step are scalars or constants; the index is a scalar.
 * @dtypes i32.
 * @corner The index never wraps: near 2^31 the loop ends. A step that is not positive is an error; one known at run
 * time only traps.
 * @errors LAC0103 LAC0108 LAC0206 LAC0216 LAC0222 LAC0223 LAC0808
 */
export const blockwise = kernel(
  { args: { x: input(f32, ['N']), y: output(f32, ['R']) }, grid: () => ({ p: 1 }) },
  ({ x, y }, { N }) => {
    let total = cast(0, f32);
    for (const n of range(0, N, 4)) total += sum(x.load([n], [4]), 0); // the last block is padded with 0
    y.scatter([0], total);
  },
);
// x = [1, 2, 3, 4, 5, 6]
// y -> [21]

/**
 * @entry RangeOptions; RangeOptions.reverse; RangeOptions.unroll; RangeOptions.stages
 * @title Options of loops
 *
 * `reverse` runs the same indices last first, the ragged block at the end first of all. `unroll: true` writes the body
 * once for every index, which then is a constant, fit for shapes and origins; `unroll: 4` writes it four times a trip.
 * `stages` is how many trips of loads are under way at a time, over the knob `stages`; it changes no bit of a result.
 * @dtypes With `unroll: true` the bounds are compile-time integers; the other two are whole numbers from 1.
 * @errors LAC0007 LAC0110 LAC0113 LAC0222
 */
export const ordered = kernel({ args: { y: output(i32, ['R', 'N']) }, grid: () => ({ p: 1 }) }, ({ y }) => {
  let digits = cast(0, i32);
  for (const i of range(1, 4, 1, { reverse: true })) digits = digits * 10 + i;
  y.at(0).scatter([iota(3)], digits);
  for (const i of range(3, { unroll: true })) y.at(1).store([i], iota(i + 1) + i); // an extent
});
// y -> [[321, 321, 321], [0, 1, 2]]

/**
 * @entry for (const x of array)
 * @title Loops over arrays
 *
 * A loop over an array that is known at compile time: the body is written once for each item, which may be anything: a
 * tile, a view, a number, a function.
 * @errors LAC0108
 */
export const weighted = kernel(
  { args: { x: input(f32, ['N']), y: output(f32, ['N']) }, grid: () => ({ p: 1 }) },
  ({ x, y }) => {
    let total = zeros([3], f32);
    for (const [shift, weight] of [
      [-1, 0.25],
      [0, 0.5],
      [1, 0.25],
    ] as const)
      total += weight * x.load([shift], [3]);
    y.store([0], total);
  },
);
// x = [4, 8, 4]
// y -> [4, 6, 4]

/**
 * @entry let
 *
 * A `let` that a run-time loop or `if` assigns is carried: it has one shape and one dtype, and is rounded to it.
 * `const` names a value. Arrays, objects and destructuring exist at compile time only.
 * @shapes A carried variable keeps its shape.
 * @dtypes A carried variable keeps its dtype; `let x = 0` takes that of the first value with a dtype that is assigned.
 * @errors LAC0101 LAC0106 LAC0107 LAC0207 LAC0210
 */
export const gram = kernel(
  { args: { x: input(f32, ['N', 'D']), y: output(f32, ['D', 'D']) }, grid: () => ({ p: 1 }) },
  ({ x, y }, { N }) => {
    let acc = zeros([2, 2], f32);
    let blocks = cast(0, i32);
    for (const n of range(0, N, 2)) {
      const xi = x.load([n, 0], [2, 2]);
      acc += dot(trans(xi), xi);
      blocks += 1;
    }
    y.store([0, 0], acc / maximum(blocks, 1));
  },
);
// x = [[1, 0], [0, 1], [1, 1]]
// y -> [[1, 0.5], [0.5, 1]]

/**
 * @entry while
 *
 * Runs while its scalar condition holds, which is evaluated before each trip.
 * @shapes The condition is a scalar mask.
 * @corner A loop that does not end is the author's error: `interpret` stops it (LAC0809), a device may be lost.
 * @errors LAC0117 LAC0208 LAC0209 LAC0809
 */
export const found = kernel(
  { args: { x: input(i32, ['N']), y: output(i32, ['R']) }, grid: () => ({ p: 1 }) },
  ({ x, y }, { N }) => {
    let [low, high] = [cast(0, i32), N]; // the first x >= 5, by bisection
    while (low < high) {
      const middle = low + ((high - low) >> 1);
      if (x.get(middle) < 5) low = middle + 1;
      else high = middle;
    }
    y.scatter([0], low);
  },
);
// x = [1, 3, 4, 5, 9]
// y -> [3]

/**
 * @entry if
 *
 * A scalar mask branches; loads and stores of the side not taken do not happen. A condition known at compile time (an
 * option, a comparison of constants) leaves only one side, which may then declare what it likes.
 * @shapes Variables that it assigns keep their shape and dtype.
 * @errors LAC0208 LAC0209 LAC0210
 */
export const guarded = kernel(
  { args: { x: input(f32, ['N']), y: output(f32, ['N']) }, options: { negate: true }, grid: ({ N }) => ({ n: N }) },
  ({ x, y }, { negate }, { n }) => {
    let v = x.get(n);
    if (negate) v = -v;
    if (v > 0) v = v * 10;
    y.scatter([n], v);
  },
);
// x = [1, -2]
// y -> [-1, 20]

/**
 * @entry continue; return
 *
 * `continue` ends a trip of the innermost loop, also under a run-time condition. `return` outside of loops ends the
 * program, or the function that it stands in. A loop on the device ends by its range or its condition: there is no
 * `break`, and `return` does not leave one.
 * @errors LAC0116
 */
export const chosen = kernel(
  { args: { x: input(i32, ['M', 'N']), y: output(i32, ['M']) }, grid: () => ({ p: 4 }) },
  ({ x, y }, { M, N }, { p }) => {
    if (p >= M) return; // more programs than rows
    let odd = cast(0, i32);
    for (const n of range(N)) {
      if (x.get(p, n) % 2 === 0) continue;
      odd += x.get(p, n);
    }
    y.scatter([p], odd);
  },
);
// x = [[1, 2, 3], [4, 5, 6]]
// y -> [4, 5]

/**
 * @entry functions
 * @title Functions
 *
 * Any function whose source is visible in the project may be called: it is inlined. It takes and returns tiles, views,
 * numbers, arrays and objects, is generic in shapes and dtypes, and may be an argument or an option itself. Messages
 * about it show the chain of calls.
 * @corner No recursion, no default export; of variables around it a function sees constants only.
 * @errors LAC0004 LAC0005 LAC0006 LAC0104 LAC0105 LAC0106 LAC0109 LAC0112 LAC0114
 */
function map(x: Tile<'f32'>, f: (x: Tile<'f32'>) => Tile<'f32'>) {
  return { value: f(x), size: extent(x, 0) };
}
export const mapped = kernel(
  { args: { x: input(f32, ['N']), a: scalar(f32), y: output(f32, ['N']) }, grid: () => ({ p: 1 }) },
  ({ x, a, y }) => {
    const { value, size } = map(x.load([0], [4]), (t) => where(t > a, t, a));
    y.store([0], value * size);
  },
);
// x = [1, 2, 3]
// a = 2
// y -> [8, 8, 12]
