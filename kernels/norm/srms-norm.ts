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
  rsqrt,
  scalar,
  sum,
  zeros,
} from '../../dsl/index.js';
import { farFromBestRows } from './rows.js';

const T = dtypes('T', f32, f16, bf16);

/**
 * Simple RMSNorm, without a weight: y = x / (||x|| / sqrt(K)), as y = x rsqrt(mean(x^2) + eps), over each row.
 *
 * One program computes BM rows. A row that fits into one block of BK columns stays in registers; longer ones are read in
 * two passes. Sums are f32.
 *
 * x, y [M, K]; eps > 0, in units of x^2.
 * Source: Qin et al. 2023, "TransNormerLLM", arXiv 2307.14995, section 3.1.4 (SimpleRMSNorm).
 */
export const srmsNorm = kernel(
  {
    args: { x: input(T, ['M', 'K']), eps: scalar(f32), y: output(T, ['M', 'K']) },
    comptime: ['K'],
    tune: { BM: [4, 8, 2, 1], BK: [256, 512, 1024, 2048, 4096, 8192, 64], warps: [4, 8, 2, 16] },
    prune: ({ BM, BK, K, warps }) => BM * BK <= 32 * 32 * warps && (BK < 2 * K || BK === 64),
    prefer: ({ BM, BK, warps, M, K, processors }) => farFromBestRows({ BM, BK, warps }, { M, K }, { processors }),
    grid: ({ M, BM }) => ({ m: cdiv(M, BM) }),
  },
  ({ x, eps, y }, { K, BM, BK }, { m }) => {
    const m0 = m * BM;
    if (BK >= K) {
      const t = cast(x.load([m0, 0], [BM, BK]), f32);
      y.store([m0, 0], t * col(rsqrt(sum(t * t, 1) / K + eps))); // columns after the last are 0
    } else {
      let sq = zeros([BM], f32);
      for (const j of range(0, K, BK)) {
        const t = cast(x.load([m0, j], [BM, BK]), f32);
        sq += sum(t * t, 1);
      }
      const r = col(rsqrt(sq / K + eps));
      for (const j of range(0, K, BK)) y.store([m0, j], cast(x.load([m0, j], [BM, BK]), f32) * r);
    }
  },
);

/**
 * Gradient of `srmsNorm`: with r = rsqrt(mean(x^2) + eps), dx = r (dy - x r^2 mean(x dy)). r is made anew from x, which
 * is read anyway.
 *
 * x, dy, dx [M, K]; eps as in the forward pass.
 */
export const srmsNormBwd = kernel(
  {
    args: { x: input(T, ['M', 'K']), dy: input(T, ['M', 'K']), eps: scalar(f32), dx: output(T, ['M', 'K']) },
    comptime: ['K'],
    tune: { BM: [4, 8, 2, 1], BK: [256, 512, 1024, 2048, 4096, 8192, 64], warps: [4, 8, 2, 16] },
    prune: ({ BM, BK, K, warps }) => BM * BK <= 16 * 32 * warps && (BK < 2 * K || BK === 64),
    prefer: ({ BM, BK, warps, M, K, processors }) => farFromBestRows({ BM, BK, warps }, { M, K }, { processors }),
    grid: ({ M, BM }) => ({ m: cdiv(M, BM) }),
  },
  ({ x, dy, eps, dx }, { K, BM, BK }, { m }) => {
    const m0 = m * BM;
    if (BK >= K) {
      const t = cast(x.load([m0, 0], [BM, BK]), f32);
      const g = cast(dy.load([m0, 0], [BM, BK]), f32);
      const r = rsqrt(sum(t * t, 1) / K + eps);
      dx.store([m0, 0], (g - t * col((r * r * sum(t * g, 1)) / K)) * col(r));
    } else {
      let sq = zeros([BM], f32);
      let product = zeros([BM], f32);
      for (const j of range(0, K, BK)) {
        const t = cast(x.load([m0, j], [BM, BK]), f32);
        sq += sum(t * t, 1);
        product += sum(t * cast(dy.load([m0, j], [BM, BK]), f32), 1);
      }
      const r = rsqrt(sq / K + eps);
      const along = col((r * r * product) / K);
      for (const j of range(0, K, BK)) {
        const t = cast(x.load([m0, j], [BM, BK]), f32);
        dx.store([m0, j], (cast(dy.load([m0, j], [BM, BK]), f32) - t * along) * col(r));
      }
    }
  },
);
