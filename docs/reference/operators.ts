/**
 * @page Operators
 *
 * The operators of JavaScript, lane by lane. **Shapes** broadcast as in NumPy, but ranks must be equal: extents are
 * equal or 1, scalars and literals go with anything, and `col`, `row` and `expand` raise a rank. **Dtypes** promote:
 *
 * | operands | result |
 * | --- | --- |
 * | equal dtypes | that dtype |
 * | a literal, or a number known at compile time, with x | the dtype of x; the number must fit it |
 * | two numbers known at compile time | such a number, folded in f64 |
 * | i32 or u32 with a float | f32, also with f16 and bf16 |
 * | f32 with f16 or bf16; f16 with bf16 | f32, whatever the ranks |
 * | i32 with u32; a number with a mask | an error: cast one |
 *
 * Arithmetic on f16 and bf16 keeps the dtype; a device may keep more precision than it has until the value is cast,
 * stored, multiplied by `dot` or carried by a loop. `a * b + c` may be fused; written operators are never
 * re-associated.
 */
import { bf16, cast, col, f32, i32, input, iota, kernel, output, row, u32, where } from 'lac';

/**
 * @entry a + b; a - b; a * b; -x
 * @title Sum, difference, product
 *
 * Sum, difference, product, negation. Each has its assignment: `x += y` is `x = x + y`.
 * @ops add sub mul neg
 * @shapes Broadcast, ranks equal.
 * @dtypes Numbers. i32 and u32 wrap modulo 2^32.
 * @corner Integers wrap on every device, and nothing is assumed of their not doing so; addresses are 64 bits wide and
 * never wrap.
 * @errors LAC0201 LAC0202 LAC0203 LAC0205 LAC0206 LAC0225
 */
export const wrapped = kernel(
  { args: { y: output(i32, ['N']), z: output(f32, ['N']) }, grid: () => ({ p: 1 }) },
  ({ y, z }) => {
    const i = iota(3);
    y.store([0], i + 2147483647);
    z.store([0], cast(-i, f32) * 0.5 + cast(i, bf16)); // i * 0.5 is an error: no i32 is 0.5
  },
);
// y -> [2147483647, -2147483648, -2147483647]
// z -> [0, 0.5, 1]

/**
 * @entry a / b
 * @title Quotient
 *
 * Quotient of floats; of integers it is an error, since `idiv` and a cast mean different things.
 * @ops div
 * @shapes Broadcast, ranks equal.
 * @dtypes Floats; an integer with a float gives f32.
 * @corner x / 0 is an infinity, 0 / 0 is NaN.
 * @errors LAC0201 LAC0202 LAC0203 LAC0204 LAC0205 LAC0225
 */
export const shares = kernel(
  { args: { x: input(f32, ['N']), y: output(f32, ['N']) }, grid: () => ({ p: 1 }) },
  ({ x, y }) => {
    y.store([0], x.load([0], [3]) / (iota(3) + 1));
  },
);
// x = [1, 1, -6]
// y -> [1, 0.5, -2]

/**
 * @entry a % b
 * @title Remainder
 *
 * What division toward 0 leaves: it has the sign of a, for integers and for floats.
 * @ops rem
 * @shapes Broadcast, ranks equal.
 * @dtypes Numbers.
 * @corner Integers by 0, and -2^31 by -1: `interpret` traps, devices give an unspecified value. Of floats it is exact.
 * @errors LAC0201 LAC0202 LAC0205 LAC0206 LAC0223 LAC0225 LAC0806 LAC0807
 */
export const remainders = kernel(
  { args: { x: input(f32, ['N']), y: output(f32, ['N']), z: output(i32, ['N']) }, grid: () => ({ p: 1 }) },
  ({ x, y, z }) => {
    y.store([0], x.load([0], [3]) % 2);
    z.store([0], (iota(3) - 7) % 4);
  },
);
// x = [5.5, -5.5, 4]
// y -> [1.5, -1.5, 0]
// z -> [-3, -2, -1]

/**
 * @entry a ** b
 * @title Power
 *
 * Power. With a whole constant b (up to 1024) it multiplies repeatedly; any other b is exp2(b * log2(a)).
 * @ops mul exp2 log2
 * @shapes Broadcast, ranks equal.
 * @dtypes Floats; computed in f32.
 * @corner x ** 0 is 1. With a b that is not whole, a < 0 gives NaN.
 * @errors LAC0201 LAC0202 LAC0205 LAC0212 LAC0225
 */
export const powers = kernel(
  { args: { x: input(f32, ['N']), y: output(f32, ['N']), z: output(f32, ['N']) }, grid: () => ({ p: 1 }) },
  ({ x, y, z }) => {
    const t = x.load([0], [3]);
    y.store([0], t ** 3);
    z.store([0], where(t < 0, 0, t) ** 0.5);
  },
);
// x = [2, -3, 9]
// y -> [8, -27, 729]
// z -> [1.414213562, 0, 3]

/**
 * @entry a < b; a <= b; a > b; a >= b; a === b; a !== b
 * @title Comparison
 *
 * Comparisons give a mask. Equality is `===`: `==` converts in JavaScript, and is not part of the language.
 * @ops cmp
 * @shapes Broadcast, ranks equal.
 * @dtypes Numbers, which promote first. Masks compare with === and !== only.
 * @corner NaN: only !== holds. -0 === 0.
 * @errors LAC0103 LAC0201 LAC0202 LAC0205 LAC0206 LAC0225
 */
export const triangle = kernel({ args: { y: output(i32, ['M', 'N']) }, grid: () => ({ p: 1 }) }, ({ y }) => {
  y.store([0, 0], cast(col(iota(3)) >= row(iota(3)), i32));
});
// y -> [[1, 0, 0], [1, 1, 0], [1, 1, 1]]

/**
 * @entry a && b; a || b; !a
 * @title Logic
 *
 * Logic on masks. Both sides are evaluated, of scalars too: a `get` outside of its view gives 0 and harms nothing.
 * @ops and or not
 * @shapes Broadcast, ranks equal.
 * @dtypes Masks. Numbers are neither true nor false.
 * @errors LAC0201 LAC0202 LAC0209
 */
export const band = kernel({ args: { y: output(i32, ['N']) }, grid: () => ({ p: 1 }) }, ({ y }) => {
  const i = iota(6);
  y.store([0], cast((i > 0 && i < 3) || !(i < 5), i32));
});
// y -> [0, 1, 1, 0, 0, 1]

/**
 * @entry a & b; a | b; a ^ b; ~a; a << n; a >> n; a >>> n
 * @title Bits
 *
 * Bits. `>>` keeps the sign of an i32 and fills with 0 in a u32; `>>>` fills with 0 and keeps the dtype.
 * @ops and or xor not shl shr ushr
 * @shapes Broadcast, ranks equal.
 * @dtypes i32 and u32. Of a float, `bitcast` gives the bits.
 * @corner Shift counts are taken modulo 32.
 * @errors LAC0201 LAC0202 LAC0205 LAC0206 LAC0225 LAC0226
 */
export const nibbles = kernel(
  { args: { x: input(u32, ['N']), y: output(u32, ['M', 'N']), z: output(i32, ['N']) }, grid: () => ({ p: 1 }) },
  ({ x, y, z }) => {
    const words = row(x.load([0], [2]));
    y.store([0, 0], (words >> (4 * cast(col(iota(2)), u32))) & 15);
    z.store([0], (iota(2) - 2) >>> 31);
  },
);
// x = [171, 18]
// y -> [[11, 2], [10, 1]]
// z -> [1, 1]

/**
 * @entry c ? a : b
 * @title Choice
 *
 * With a mask for c it is `where`: lane by lane, both arms evaluated. With a scalar condition known at run time it is a
 * branch: loads of the other side do not happen. With an option, or another condition known at compile time, the other
 * side vanishes.
 * @ops select
 * @shapes Of the arms: as `where`. Behind a branch both arms have one shape.
 * @dtypes As `where`.
 * @errors LAC0201 LAC0205 LAC0207 LAC0209 LAC0210
 */
export const leaky = kernel(
  { args: { x: input(f32, ['N']), y: output(f32, ['N']) }, grid: () => ({ p: 1 }) },
  ({ x, y }) => {
    const t = x.load([0], [3]);
    y.store([0], t > 0 ? t : 0.1 * t);
  },
);
// x = [1, -1, 2]
// y -> [1, -0.1, 2]
