import { f32, i32, input, kernel, output, range, scalar } from '../../dsl/index.js';

/**
 * y = (... (x a + b) a + b ...), 4 times `rounds`: the f32 multiply-adds that a device can do in a second. Every element is
 * a chain of its own, kept in registers. With |a| < 1 it stays finite.
 *
 * x, y [P, C], a row for each program.
 */
export const multiplyAddProbe = kernel(
  {
    args: {
      x: input(f32, ['P', 'C']),
      a: scalar(f32),
      b: scalar(f32),
      rounds: scalar(i32),
      y: output(f32, ['P', 'C']),
    },
    comptime: ['C'],
    tune: { warps: [8, 4] },
    grid: ({ P }) => ({ p: P }),
  },
  ({ x, a, b, rounds, y }, { C }, { p }) => {
    let sum = x.load([p, 0], [1, C]);
    for (const _ of range(rounds)) {
      sum = sum * a + b;
      sum = sum * a + b;
      sum = sum * a + b;
      sum = sum * a + b;
    }
    y.store([p, 0], sum);
  },
);
