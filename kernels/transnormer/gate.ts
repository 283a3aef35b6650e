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
import { farFromBestRows } from '../norm/rows.js';

const T = dtypes('T', f32, f16, bf16);

/**
 * Normalised and gated in one pass: y = x rsqrt(mean(x^2) + eps) u, an SRMSNorm (RMSNorm without weights) times a gate.
 *
 * One program computes BM rows. Rows that fit into one block of BK columns stay in registers; longer ones are read twice.
 * Sums are f32.
 *
 * x, u, y [M, K]; eps > 0, in units of x^2.
 * Source: Qin et al. 2023, "TransNormerLLM", arXiv 2307.14995, equations 5 and 9.
 */
export const normGate = kernel(
  {
    args: { x: input(T, ['M', 'K']), u: input(T, ['M', 'K']), eps: scalar(f32), y: output(T, ['M', 'K']) },
    comptime: ['K'],
    tune: { BM: [4, 8, 2, 1], BK: [256, 512, 1024, 2048, 4096, 8192, 64], warps: [4, 8, 2, 16] },
    prune: ({ BM, BK, K, warps }) => BM * BK <= 32 * 32 * warps && (BK < 2 * K || BK === 64),
    prefer: ({ BM, BK, warps, M, K, processors }) => farFromBestRows({ BM, BK, warps }, { M, K }, { processors }),
    grid: ({ M, BM }) => ({ m: cdiv(M, BM) }),
  },
  ({ x, u, eps, y }, { K, BM, BK }, { m }) => {
    const m0 = m * BM;
    if (BK >= K) {
      const t = cast(x.load([m0, 0], [BM, BK]), f32);
      const rstd = rsqrt(sum(t * t, 1) / K + eps); // columns after the last are 0 in t
      y.store([m0, 0], t * col(rstd) * u.load([m0, 0], [BM, BK]));
    } else {
      let squares = zeros([BM], f32);
      for (const j of range(0, K, BK)) {
        const t = cast(x.load([m0, j], [BM, BK]), f32);
        squares += sum(t * t, 1);
      }
      const rstd = col(rsqrt(squares / K + eps));
      for (const j of range(0, K, BK)) {
        y.store([m0, j], cast(x.load([m0, j], [BM, BK]), f32) * rstd * u.load([m0, j], [BM, BK]));
      }
    }
  },
);

/**
 * Gradients of `normGate`, which needs nothing but its inputs again. With r = rsqrt(mean(x^2) + eps):
 * du = dy x r, dx = r (dy u - x r^2 mean(dy u x)).
 *
 * x, u, dy, dx, du [M, K].
 */
export const normGateBwd = kernel(
  {
    args: {
      x: input(T, ['M', 'K']),
      u: input(T, ['M', 'K']),
      eps: scalar(f32),
      dy: input(T, ['M', 'K']),
      dx: output(T, ['M', 'K']),
      du: output(T, ['M', 'K']),
    },
    comptime: ['K'],
    tune: { BM: [4, 8, 2, 1], BK: [256, 512, 1024, 2048, 4096, 64], warps: [4, 8, 2, 16] },
    prune: ({ BM, BK, K, warps }) => BM * BK <= 16 * 32 * warps && (BK < 2 * K || BK === 64),
    prefer: ({ BM, BK, warps, M, K, processors }) => farFromBestRows({ BM, BK, warps }, { M, K }, { processors }),
    grid: ({ M, BM }) => ({ m: cdiv(M, BM) }),
  },
  ({ x, u, eps, dy, dx, du }, { K, BM, BK }, { m }) => {
    const m0 = m * BM;
    if (BK >= K) {
      const t = cast(x.load([m0, 0], [BM, BK]), f32);
      const d = cast(dy.load([m0, 0], [BM, BK]), f32);
      const g = d * u.load([m0, 0], [BM, BK]);
      const rstd = rsqrt(sum(t * t, 1) / K + eps);
      const along = sum(g * t, 1) / K;
      du.store([m0, 0], d * t * col(rstd));
      dx.store([m0, 0], (g - t * col(rstd * rstd * along)) * col(rstd));
    } else {
      let [squares, products] = [zeros([BM], f32), zeros([BM], f32)];
      for (const j of range(0, K, BK)) {
        const t = cast(x.load([m0, j], [BM, BK]), f32);
        squares += sum(t * t, 1);
        products += sum(cast(dy.load([m0, j], [BM, BK]), f32) * u.load([m0, j], [BM, BK]) * t, 1);
      }
      const rstd = rsqrt(squares / K + eps);
      const along = (products / K) * rstd * rstd;
      for (const j of range(0, K, BK)) {
        const t = cast(x.load([m0, j], [BM, BK]), f32);
        const d = cast(dy.load([m0, j], [BM, BK]), f32);
        du.store([m0, j], d * t * col(rstd));
        dx.store([m0, j], (d * u.load([m0, j], [BM, BK]) - t * col(along)) * col(rstd));
      }
    }
  },
);
