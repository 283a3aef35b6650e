import { bf16, cdiv, dot, dtypes, f16, f32, input, kernel, output, range, zeros } from 'lac';

const T = dtypes('T', bf16, f16, f32);

/** y = a b, with sums in f32. a [M, K]; b [K, N]; y [M, N]. */
export const matmul = kernel(
  {
    args: { a: input(T, ['M', 'K']), b: input(T, ['K', 'N']), y: output(T, ['M', 'N']) },
    tune: { BM: [64, 128, 32], BN: [64, 128, 32], BK: [32, 64], warps: [4, 8], stages: [3, 2] },
    prune: ({ BM, BN, warps }) => BM * BN <= 64 * 32 * warps, // sums of a thread stay in its registers
    grid: ({ M, N, BM, BN }) => ({ n: cdiv(N, BN), m: cdiv(M, BM) }),
  },
  ({ a, b, y }, { K, BM, BN, BK }, { m, n }) => {
    let acc = zeros([BM, BN], f32);
    for (const k of range(0, K, BK)) {
      acc += dot(a.load([m * BM, k], [BM, BK]), b.load([k, n * BN], [BK, BN]));
    }
    y.store([m * BM, n * BN], acc);
  },
);
