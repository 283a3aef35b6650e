import { cdiv, f32, input, kernel, output } from '../../dsl/index.js';

/**
 * y = x: the bytes that a device can read and write in a second.
 *
 * x, y [N].
 */
export const copyProbe = kernel(
  {
    args: { x: input(f32, ['N']), y: output(f32, ['N']) },
    tune: { C: [4096, 8192, 2048], warps: [8, 4] },
    grid: ({ N, C }) => ({ n: cdiv(N, C) }),
  },
  ({ x, y }, { C }, { n }) => {
    y.store([n * C], x.load([n * C], [C]));
  },
);
