import { cdiv, f32, input, kernel, output } from '../../../dsl/index.js';

/** y = 2 x, of x [M, N]. Its values of C are names for what goes wrong with a configuration. */
export const double = kernel(
  {
    args: { x: input(f32, ['M', 'N']), y: output(f32, ['M', 'N']) },
    tune: { C: [8, 16, 32, 64, 128, 256, 512], warps: [1] },
    grid: ({ M, N, C }) => ({ n: cdiv(N, C), m: M }),
  },
  ({ x, y }, { C }, { n, m }) => {
    y.at(m).store([n * C], x.at(m).load([n * C], [C]) * 2);
  },
);

/** y[p] = x[p] + x[P + p]: N is twice P, which nothing says. */
export const halves = kernel(
  {
    args: { x: input(f32, ['N']), y: output(f32, ['P']) },
    tune: { C: [8, 16] },
    grid: ({ P, C }) => ({ p: cdiv(P, C) }),
  },
  ({ x, y }, { P, C }, { p }) => {
    y.store([p * C], x.load([p * C], [C]) + x.load([P + p * C], [C]));
  },
);
