import { bf16, dot, dtypes, f16, f32, i32, input, kernel, output, range, scalar, zeros } from '../../dsl/index.js';

const T = dtypes('T', f32, f16, bf16);

/**
 * y = rounds a b, by adding up: the operations of matrix products that a device can do in a second, on tensor cores where
 * it has them. With a K that is as short as its instructions, operands stay in registers, and nothing but the products takes time.
 *
 * a [M, K], b [K, N]; y [P, M, N], a block for each program.
 */
export const productProbe = kernel(
  {
    args: { a: input(T, ['M', 'K']), b: input(T, ['K', 'N']), rounds: scalar(i32), y: output(f32, ['P', 'M', 'N']) },
    comptime: ['M', 'N', 'K'],
    tune: { warps: [4, 8] },
    grid: ({ P }) => ({ p: P }),
  },
  ({ a, b, rounds, y }, { M, N, K }, { p }) => {
    const [left, right] = [a.load([0, 0], [M, K]), b.load([0, 0], [K, N])];
    let sum = zeros([M, N], f32);
    for (const _ of range(rounds)) sum = dot(left, right, sum);
    y.at(p).store([0, 0], sum);
  },
);
