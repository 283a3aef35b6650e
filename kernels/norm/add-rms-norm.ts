import {
  bf16,
  cast,
  cdiv,
  col,
  dtypes,
  f16,
  f32,
  input,
  kernel,
  output,
  range,
  row,
  rsqrt,
  scalar,
  sum,
  zeros,
} from '../../dsl/index.js';
import { farFromBestRows } from './rows.js';

const T = dtypes('T', f32, f16, bf16);

/**
 * Residual addition fused with RMSNorm: r = x + residual; y = r rsqrt(mean(r^2) + eps) weight.
 *
 * One program computes BM rows. Where a row fits into one block of BK columns it stays in registers between the sum and
 * the scaling; longer rows are read in two passes over blocks. Sums, mean and r inside y are f32.
 *
 * x, residual, r, y [M, K]; weight [K]; eps > 0, in units of r^2.
 * Source: Zhang and Sennrich 2019, "Root Mean Square Layer Normalization", arXiv 1910.07467, equation 4.
 */
export const addRmsNorm = kernel(
  {
    args: {
      x: input(T, ['M', 'K']),
      residual: input(T, ['M', 'K']),
      weight: input(T, ['K']),
      eps: scalar(f32),
      r: output(T, ['M', 'K']),
      y: output(T, ['M', 'K']),
    },
    comptime: ['K'],
    tune: { BM: [4, 8, 2, 1], BK: [256, 512, 1024, 2048, 4096, 8192, 64], warps: [4, 8, 2, 16] },
    prune: ({ BM, BK, K, warps }) => BM * BK <= 32 * 32 * warps && (BK < 2 * K || BK === 64),
    prefer: ({ BM, BK, warps, M, K, processors }) => farFromBestRows({ BM, BK, warps }, { M, K }, { processors }),
    grid: ({ M, BM }) => ({ m: cdiv(M, BM) }),
  },
  ({ x, residual, weight, eps, r, y }, { K, BM, BK }, { m }) => {
    const m0 = m * BM;
    if (BK >= K) {
      const t = cast(x.load([m0, 0], [BM, BK]), f32) + cast(residual.load([m0, 0], [BM, BK]), f32);
      r.store([m0, 0], t);
      const rstd = rsqrt(sum(t * t, 1) / K + eps); // columns after the last are 0 in t
      y.store([m0, 0], t * col(rstd) * row(weight.load([0], [BK])));
    } else {
      let sq = zeros([BM], f32);
      for (const j of range(0, K, BK)) {
        const t = cast(x.load([m0, j], [BM, BK]), f32) + cast(residual.load([m0, j], [BM, BK]), f32);
        r.store([m0, j], t);
        sq += sum(t * t, 1);
      }
      const rstd = rsqrt(sq / K + eps);
      for (const j of range(0, K, BK)) {
        const t = cast(x.load([m0, j], [BM, BK]), f32) + cast(residual.load([m0, j], [BM, BK]), f32);
        y.store([m0, j], t * col(rstd) * row(weight.load([j], [BK])));
      }
    }
  },
);
