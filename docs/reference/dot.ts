/**
 * @page Products of matrices
 *
 * One function, at every dtype, extent and precision; on NVIDIA GPUs it runs on tensor cores.
 */
import { bf16, cast, dot, f32, input, kernel, output, range, trans, zeros } from 'lac';

/**
 * @entry dot
 * @ops dot
 * @shapes Extents from 1 up. `trans(x)` as an operand costs nothing.
 * @dtypes Operands of one float dtype; the result, and `acc`, are f32.
 * @corner `acc + dot(a, b)` and `dot(a, b, acc)` are the same instruction. A running sum stays where it is through a
 * loop.
 * @corner Sums are in any order. A zero row does not protect from an infinite column: 0 * Infinity is NaN; select
 * before.
 * @errors LAC0211 LAC0222
 */
export const product = kernel(
  {
    args: { a: input(bf16, ['M', 'K']), b: input(bf16, ['N', 'K']), y: output(f32, ['M', 'N']) },
    grid: () => ({ p: 1 }),
  },
  ({ a, b, y }, { K }) => {
    let acc = zeros([2, 2], f32);
    for (const k of range(0, K, 2)) acc = dot(a.load([0, k], [2, 2]), trans(b.load([0, k], [2, 2])), acc);
    y.store([0, 0], acc);
  },
);
// a = [[1, 2, 3], [4, 5, 6]]
// b = [[1, 0, 1], [0, 1, 0]]
// y -> [[4, 2], [10, 5]]

/**
 * @entry DotOptions; DotOptions.precision
 * @title Precision
 *
 * How products of f32 are computed; products of 16-bit floats are exact in all of them. `tf32` rounds operands to 11
 * bits: one product on a tensor core, 2^-11 relative. `tf32x3` splits them in two and adds three products: 2^-22.
 * `ieee` multiplies in f32, without tensor cores. `default` is no worse than `tf32x3`. WGSL computes all four in f32.
 * @dtypes Of the operands: f32. For f16 and bf16 the option changes nothing.
 * @errors LAC0110 LAC0222
 */
export const precisely = kernel(
  {
    args: { a: input(f32, ['M', 'K']), b: input(f32, ['K', 'N']), y: output(f32, ['M', 'N']) },
    grid: () => ({ p: 1 }),
  },
  ({ a, b, y }) => {
    y.store([0, 0], dot(a.load([0, 0], [2, 2]), b.load([0, 0], [2, 2]), { precision: 'ieee' }));
  },
);
// a = [[1, 2], [3, 4]]
// b = [[0, 1], [1, 0]]
// y -> [[2, 1], [4, 3]]

/**
 * @entry dot of batches
 * @title Batches
 *
 * With three axes the first counts independent products.
 * @ops dot
 * @shapes [B, M, K] by [B, K, N] gives [B, M, N].
 * @errors LAC0211
 */
export const batched = kernel(
  {
    args: { a: input(f32, ['B', 'M', 'K']), b: input(f32, ['B', 'K', 'N']), y: output(f32, ['B', 'M', 'N']) },
    grid: () => ({ p: 1 }),
  },
  ({ a, b, y }) => {
    const rounded = cast(a.load([0, 0, 0], [2, 1, 2]), bf16); // 1, 2, 3, 4 are exact
    y.store([0, 0, 0], dot(rounded, cast(b.load([0, 0, 0], [2, 2, 1]), bf16)));
  },
);
// a = [[[1, 2]], [[3, 4]]]
// b = [[[10], [1]], [[1], [10]]]
// y -> [[[12]], [[43]]]
