import { cdiv, f32, input, kernel, output, range } from '../../dsl/index.js';

/** y = 2 x, of x [N]. With C = 32 it never ends. */
export const faulty = kernel(
  {
    args: { x: input(f32, ['N']), y: output(f32, ['N']) },
    tune: { C: [64, 32, 16, 128, 256, 512], warps: [1] },
    grid: ({ N, C }) => ({ n: cdiv(N, C) }),
  },
  ({ x, y }, { C }, { n }) => {
    let v = x.load([n * C], [C]);
    if (C === 32) {
      for (const _years of range(0, 1000000000)) for (const _ of range(0, 1000000000)) v = v * 0.5 + 1;
    }
    y.store([n * C], v * 2);
  },
);
