import {
  bf16,
  cdiv,
  col,
  dot,
  dtypes,
  exp,
  f16,
  f32,
  idiv,
  input,
  iota,
  kernel,
  minimum,
  output,
  plan,
  range,
  row,
  temp,
  trans,
  where,
  zeros,
} from '../../dsl/index.js';
import { doublings, type On, WEBGPU_BYTES } from '../blocks.js';

const T = dtypes('T', f32, f16, bf16);

/**
 * Scores of causal linear attention, the whole matrix: p_ij = exp(-slope (i - j)) (q_i . k_j) for j <= i, else 0.
 *
 * q [B, H, N, D], k [B, HK, N, D]; slope [H] >= 0, in 1/token; p [B, H, N, N].
 */
export const linearScores = kernel(
  {
    args: {
      q: input(T, ['B', 'H', 'N', 'D']),
      k: input(T, ['B', 'HK', 'N', 'D']),
      slope: input(f32, ['H']),
      p: output(T, ['B', 'H', 'N', 'N']),
    },
    comptime: ['D'],
    tune: { BM: [64, 128, 32, 16, 8], BN: [64, 128, 32, 16, 8], warps: [4, 8, 2] },
    prune: ({ BM, BN, D }) => (BM + BN) * D * 2 <= 96 * 1024,
    prefer: ({ warps, processors, sharedBytes }) =>
      processors > 1 && sharedBytes <= WEBGPU_BYTES ? doublings(warps, 8) : 0,
    grid: ({ B, H, N, BM, BN }) => ({ n: cdiv(N, BN), m: cdiv(N, BM) * H, b: B }),
  },
  ({ q, k, slope, p }, { H, HK, N, D, BM, BN }, { b, m, n }) => {
    const h = m % H;
    const m0 = idiv(m, H) * BM;
    const n0 = n * BN;
    const P = p.at(b, h);
    if (n0 < minimum(N, m0 + BM)) {
      const qi = q.at(b, h).load([m0, 0], [BM, D]);
      const kj = k.at(b, idiv(h, idiv(H, HK))).load([n0, 0], [BN, D]);
      const apart = col(m0 + iota(BM)) - row(n0 + iota(BN));
      const decay = exp(where(apart >= 0, -slope.get(h) * apart, -Infinity));
      P.store([m0, n0], dot(qi, trans(kj)) * decay);
    } else P.store([m0, n0], zeros([BM, BN], f32));
  },
);

/** o = p v, for p that is 0 above the diagonal: blocks there are not read. p [B, H, N, N], v [B, HK, N, E], o [B, H, N, E]. */
export const lowerProduct = kernel(
  {
    args: {
      p: input(T, ['B', 'H', 'N', 'N']),
      v: input(T, ['B', 'HK', 'N', 'E']),
      o: output(T, ['B', 'H', 'N', 'E']),
    },
    tune: { BM: [64, 128, 32, 16, 8], BE: [64, 128, 32, 16, 8], BN: [32, 64, 16], warps: [4, 8, 2], stages: [2, 1, 3] },
    prune: ({ BM, BE, BN }) => 2 * (BM + BE) * BN * 2 <= 96 * 1024,
    // On a CPU, where fewer programs are better, no more rows: half of a wide block lies above the diagonal.
    prefer: ({ BM, BE, BN, stages, processors, sharedBytes, elementBytes }) =>
      processors === 1 ? Math.max(BM, 64) : farFromBest({ BM, BE, BN, stages }, { sharedBytes, elementBytes }),
    tuneKey: ({ N }) => [N],
    grid: ({ B, H, N, E, BM, BE }) => ({ e: cdiv(E, BE), m: cdiv(N, BM) * H, b: B }),
  },
  ({ p, v, o }, { H, HK, N, BM, BE, BN }, { b, m, e }) => {
    const h = m % H;
    const m0 = (cdiv(N, BM) - 1 - idiv(m, H)) * BM; // those with the longest rows first
    const V = v.at(b, idiv(h, idiv(H, HK)));
    let acc = zeros([BM, BE], f32);
    for (const n of range(0, minimum(N, m0 + BM), BN))
      acc = dot(p.at(b, h).load([m0, n], [BM, BN]), V.load([n, e * BE], [BN, BE]), acc);
    o.at(b, h).store([m0, e * BE], acc);
  },
);

/** How far the blocks of the second product are, in doublings, from what was best where it was measured. */
function farFromBest(
  { BM, BE, BN, stages }: { BM: number; BE: number; BN: number; stages: number },
  { sharedBytes, elementBytes }: Pick<On, 'sharedBytes' | 'elementBytes'>,
): number {
  const isWebgpu = sharedBytes <= WEBGPU_BYTES;
  const far = doublings(BM, 64) + doublings(BE, isWebgpu ? 32 : 64) + doublings(BN, isWebgpu ? 64 : 128 / elementBytes);
  return far + (isWebgpu || stages === 3 ? 0 : 1);
}

/**
 * Causal linear attention by the left product, O = (Q K^T * M) V with the N x N scores stored between two launches: time
 * and memory quadratic in N. The baseline that tiled and linear forms are compared with.
 *
 * q [B, H, N, D], k [B, HK, N, D], v [B, HK, N, E], o [B, H, N, E]: head h of q reads head floor(h HK / H) of k and v;
 * slope [H] >= 0, in 1/token: 0 is no decay.
 * Source: Qin et al. 2024, "Lightning Attention-2", arXiv 2401.04658, equation 3 (left product).
 */
export const leftProduct = plan(
  {
    args: {
      q: input(T, ['B', 'H', 'N', 'D']),
      k: input(T, ['B', 'HK', 'N', 'D']),
      v: input(T, ['B', 'HK', 'N', 'E']),
      slope: input(f32, ['H']),
      o: output(T, ['B', 'H', 'N', 'E']),
    },
    temps: ({ B, H, N }) => ({ p: temp(T, [B, H, N, N]) }),
  },
  ({ q, k, v, slope, o, p }, _sizes, run) => {
    run(linearScores, { q, k, slope, p });
    run(lowerProduct, { p, v, o });
  },
);
