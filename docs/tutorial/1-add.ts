import { cdiv, f32, input, kernel, output } from 'lac';

/** z = x + y. x, y, z [N]. */
export const add = kernel(
  {
    args: { x: input(f32, ['N']), y: input(f32, ['N']), z: output(f32, ['N']) },
    tune: { C: [1024, 256] },
    grid: ({ N, C }) => ({ n: cdiv(N, C) }),
  },
  ({ x, y, z }, { C }, { n }) => {
    const xs = x.load([n * C], [C]);
    const ys = y.load([n * C], [C]);
    z.store([n * C], xs + ys);
  },
);
