import { bf16, cdiv, dot, dtypes, f16, f32, input, kernel, output, range, trans, zeros } from '../../dsl/index.js';
import { farFromBestProduct } from './blocks.js';

const T = dtypes('T', f32, f16, bf16);

const TUNE = {
  BM: [32, 64, 128, 256, 16],
  BN: [64, 128, 256, 32],
  BK: [32, 64, 128, 16],
  warps: [4, 8, 2],
  stages: [2, 3, 4, 1],
};

/**
 * Matrix product with the right operand given as rows of its columns, y = a b^T with sums in f32: what a layer of weights b^T
 * sends back. Both operands are read along their rows, where `gemm` of a transposed view would read single elements.
 *
 * a [M, K]; b [N, K]; y [M, N].
 */
export const gemmNT = kernel(
  {
    args: { a: input(T, ['M', 'K']), b: input(T, ['N', 'K']), y: output(T, ['M', 'N']) },
    tune: TUNE,
    prune: ({ BM, BN, BK, stages, warps }) =>
      (BM + BN) * BK * 2 * stages <= 200 * 1024 && BM * BN <= 128 * 32 * warps && BM * BN >= 16 * 32 * warps,
    prefer: ({ BM, BN, BK, warps, stages, M, N, processors, sharedBytes, elementBytes }) =>
      processors === 1
        ? 0
        : farFromBestProduct(
            { BM, BN, BK, warps, stages },
            { M, N, products: 1 },
            { processors, sharedBytes, elementBytes },
          ),
    tuneKey: ({ M, N, K }) => [M, N, K],
    grid: ({ M, N, BM, BN }) => ({ n: cdiv(N, BN), m: cdiv(M, BM) }),
  },
  ({ a, b, y }, { K, BM, BN, BK }, { n, m }) => {
    let acc = zeros([BM, BN], f32);
    for (const k of range(0, K, BK)) {
      acc = dot(a.load([m * BM, k], [BM, BK]), trans(b.load([n * BN, k], [BN, BK])), acc);
    }
    y.store([m * BM, n * BN], acc);
  },
);

/**
 * Matrix product over rows that both operands share, y = a^T b with sums in f32: the gradient of weights.
 *
 * a [K, M]; b [K, N]; y [M, N].
 */
export const gemmTN = kernel(
  {
    args: { a: input(T, ['K', 'M']), b: input(T, ['K', 'N']), y: output(T, ['M', 'N']) },
    tune: TUNE,
    prune: ({ BM, BN, BK, stages, warps }) =>
      (BM + BN) * BK * 2 * stages <= 200 * 1024 && BM * BN <= 128 * 32 * warps && BM * BN >= 16 * 32 * warps,
    prefer: ({ BM, BN, BK, warps, stages, M, N, processors, sharedBytes, elementBytes }) =>
      processors === 1
        ? 0
        : farFromBestProduct(
            { BM, BN, BK, warps, stages },
            { M, N, products: 1 },
            { processors, sharedBytes, elementBytes },
          ),
    tuneKey: ({ M, N, K }) => [M, N, K],
    grid: ({ M, N, BM, BN }) => ({ n: cdiv(N, BN), m: cdiv(M, BM) }),
  },
  ({ a, b, y }, { K, BM, BN, BK }, { n, m }) => {
    let acc = zeros([BM, BN], f32);
    for (const k of range(0, K, BK)) {
      acc = dot(trans(a.load([k, m * BM], [BK, BM])), b.load([k, n * BN], [BK, BN]), acc);
    }
    y.store([m * BM, n * BN], acc);
  },
);
