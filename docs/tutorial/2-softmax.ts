import { bf16, cast, cdiv, col, dtypes, exp, f16, f32, input, kernel, max, output, sum, where } from 'lac';

const T = dtypes('T', f32, f16, bf16);

/** Softmax of every row: y = exp(x - max x) / sum exp(x - max x). x, y [M, N]. */
export const softmax = kernel(
  {
    args: { x: input(T, ['M', 'N']), y: output(T, ['M', 'N']) },
    comptime: ['N'],
    tune: { BM: [4, 1], BN: [64, 256, 1024, 4096], warps: [4, 8] },
    prune: ({ BN, N }) => BN >= N, // a row is one block
    grid: ({ M, BM }) => ({ m: cdiv(M, BM) }),
  },
  ({ x, y }, { BM, BN }, { m }) => {
    const t = cast(x.load([m * BM, 0], [BM, BN], { pad: -Infinity }), f32);
    const highest = max(t, 1);
    const p = exp(t - col(where(highest === -Infinity, 0, highest)));
    y.store([m * BM, 0], p / col(sum(p, 1)));
  },
);
