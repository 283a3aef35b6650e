import { all, bf16, cast, cdiv, dot, dtypes, f16, f32, input, kernel, output, range, zeros } from '../../dsl/index.js';
import { farFromBestProduct } from '../gemm/blocks.js';

const T = dtypes('T', f32, f16, bf16);

/**
 * Two products with one left operand and their elementwise product, p = (x w_0) (x w_1), sums in f32: the factors of a
 * gated linear unit never reach memory.
 *
 * x [M, K]; w [K, R, F], R = 2; p [M, F].
 */
export const gluProduct = kernel(
  {
    args: { x: input(T, ['M', 'K']), w: input(T, ['K', 'R', 'F']), p: output(T, ['M', 'F']) },
    tune: { BM: [32, 64, 128, 16], BN: [64, 128, 32], BK: [32, 64, 16], warps: [4, 8, 2], stages: [2, 3, 1] },
    prune: ({ BM, BN, BK, stages, warps }) =>
      (BM + 2 * BN) * BK * 2 * stages <= 200 * 1024 && BM * BN <= 64 * 32 * warps && BM * BN >= 8 * 32 * warps,
    prefer: ({ BM, BN, BK, warps, stages, M, F, processors, sharedBytes, elementBytes }) =>
      processors === 1
        ? 0
        : farFromBestProduct(
            { BM, BN, BK, warps, stages },
            { M, N: F, products: 2 },
            { processors, sharedBytes, elementBytes },
          ),
    tuneKey: ({ M, F, K }) => [M, F, K],
    grid: ({ M, F, BM, BN }) => ({ n: cdiv(F, BN), m: cdiv(M, BM) }),
  },
  ({ x, w, p }, { K, BM, BN, BK }, { n, m }) => {
    let [v, u] = [zeros([BM, BN], f32), zeros([BM, BN], f32)];
    for (const k of range(0, K, BK)) {
      const rows = x.load([m * BM, k], [BM, BK]);
      v = dot(rows, w.at(all, 0).load([k, n * BN], [BK, BN]), v);
      u = dot(rows, w.at(all, 1).load([k, n * BN], [BK, BN]), u);
    }
    p.store([m * BM, n * BN], v * u);
  },
);

/**
 * Gradients of a product of two factors, and the product itself again: for factors v, u = vu_0, vu_1,
 * p = v u, dvu_0 = dp u, dvu_1 = dp v.
 *
 * vu, dvu [M, R, F], R = 2; dp, p [M, F].
 */
export const gluFactorsBwd = kernel(
  {
    args: {
      vu: input(T, ['M', 'R', 'F']),
      dp: input(T, ['M', 'F']),
      dvu: output(T, ['M', 'R', 'F']),
      p: output(T, ['M', 'F']),
    },
    tune: { BM: [8, 16, 4], BN: [128, 256, 64], warps: [4, 8, 2] },
    grid: ({ M, F, BM, BN }) => ({ n: cdiv(F, BN), m: cdiv(M, BM) }),
  },
  ({ vu, dp, dvu, p }, { BM, BN }, { n, m }) => {
    const at = [m * BM, n * BN] as const;
    const v = cast(vu.at(all, 0).load(at, [BM, BN]), f32);
    const u = cast(vu.at(all, 1).load(at, [BM, BN]), f32);
    const d = cast(dp.load(at, [BM, BN]), f32);
    p.store(at, v * u);
    dvu.at(all, 0).store(at, d * u);
    dvu.at(all, 1).store(at, d * v);
  },
);
