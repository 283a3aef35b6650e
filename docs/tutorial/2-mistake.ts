import { cdiv, col, exp, f32, input, kernel, max, output, sum } from 'lac';

/** As the softmax of this step, with a mistake. */
export const softmax = kernel(
  {
    args: { x: input(f32, ['M', 'N']), y: output(f32, ['M', 'N']) },
    comptime: ['N'],
    tune: { BM: [4, 1], BN: [64, 256] },
    grid: ({ M, BM }) => ({ m: cdiv(M, BM) }),
  },
  ({ x, y }, { BM, BN }, { m }) => {
    const t = x.load([m * BM, 0], [BM, BN], { pad: -Infinity });
    const p = exp(t - max(t, 1));
    y.store([m * BM, 0], p / col(sum(p, 1)));
  },
);
