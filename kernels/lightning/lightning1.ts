import {
  bf16,
  cast,
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
  type Scalar,
  type Tile,
  trans,
  where,
  zeros,
} from '../../dsl/index.js';
import { farFromBestForward, farFromBestKeys } from '../flash/blocks.js';

const T = dtypes('T', f32, f16, bf16);

/** M_ij = exp(-slope (i - j)) where query i sees key j, else 0; i and j broadcast, whichever axis they lie along. */
const decayMask = (slope: Scalar<'f32'>, i: Tile<'i32'>, j: Tile<'i32'>): Tile<'f32'> =>
  exp(where(i >= j, -slope * (i - j), -Infinity));

/**
 * Lightning Attention-1, forward: O_i = sum over blocks j <= i of (Q_i K_j^T * M) V_j, M the causal mask with its decay,
 * exp(-slope (i - j)). Tiled like FlashAttention, so that nothing of size N x N is stored, and quadratic in N: what
 * Lightning Attention-2 (`lightningFwd`) is compared with. Tokens before the block of queries are all read.
 *
 * q [B, H, N, D], k [B, HK, N, D], v [B, HK, N, E], o [B, H, N, E]: head h of q reads head floor(h HK / H) of k and v;
 * slope [H] >= 0, in 1/token.
 * Source: Qin et al. 2023, "TransNormerLLM", arXiv 2307.14995, algorithm 1.
 */
export const lightning1Fwd = kernel(
  {
    args: {
      q: input(T, ['B', 'H', 'N', 'D']),
      k: input(T, ['B', 'HK', 'N', 'D']),
      v: input(T, ['B', 'HK', 'N', 'E']),
      slope: input(f32, ['H']),
      o: output(T, ['B', 'H', 'N', 'E']),
    },
    comptime: ['D', 'E'],
    tune: { BM: [32, 64, 128, 16, 8], BN: [32, 64, 128, 16, 8], warps: [4, 8, 2], stages: [2, 1, 3] },
    prune: ({ BM, BN, D, E }) => (BM * D + 2 * BN * (D + E)) * 2 <= 160 * 1024,
    prefer: ({ BM, BN, warps, stages, B, H, N, D, E, processors, sharedBytes, elementBytes }) =>
      processors === 1
        ? 0
        : farFromBestForward(
            { rows: BM, others: BN, warps, stages },
            { total: N, heads: B * H, width: Math.max(D, E) },
            { processors, sharedBytes, elementBytes },
          ),
    tuneKey: ({ N }) => [N],
    grid: ({ B, H, N, BM }) => ({ h: H, m: cdiv(N, BM), b: B }),
  },
  ({ q, k, v, slope, o }, { H, HK, N, D, E, BM, BN }, { b, h, m }) => {
    const m0 = (cdiv(N, BM) - 1 - m) * BM; // those that see the most keys first
    const end = minimum(N, m0 + BM);
    const K = k.at(b, idiv(h, idiv(H, HK))).slice(0, end);
    const V = v.at(b, idiv(h, idiv(H, HK))).slice(0, end);
    const s = slope.get(h);
    const qi = q.at(b, h).load([m0, 0], [BM, D]);
    const i = col(m0 + iota(BM));

    let acc = zeros([BM, E], f32);
    for (const n of range(0, end, BN)) {
      const kj = K.load([n, 0], [BN, D]);
      const vj = V.load([n, 0], [BN, E]);
      const p = dot(qi, trans(kj)) * decayMask(s, i, row(n + iota(BN)));
      acc = dot(cast(p, T), vj, acc);
    }
    o.at(b, h).store([m0, 0], acc);
  },
);

/**
 * Gradients of keys and values of Lightning Attention-1, one program for BN tokens of one head of k and v:
 * dV_j = sum over i of (Q_i K_j^T * M)^T dO_i, dK_j = sum over i of (dO_i V_j^T * M)^T Q_i, over all heads of the group.
 *
 * Shapes as of `lightning1Bwd`. Source: arXiv 2307.14995, algorithm 2.
 */
export const lightning1BwdKeys = kernel(
  {
    args: {
      q: input(T, ['B', 'H', 'N', 'D']),
      k: input(T, ['B', 'HK', 'N', 'D']),
      v: input(T, ['B', 'HK', 'N', 'E']),
      slope: input(f32, ['H']),
      dout: input(T, ['B', 'H', 'N', 'E']),
      dk: output(T, ['B', 'HK', 'N', 'D']),
      dv: output(T, ['B', 'HK', 'N', 'E']),
    },
    comptime: ['D', 'E'],
    tune: { BN: [32, 64, 128, 16, 8], BM: [32, 64, 128, 16, 8], warps: [4, 8, 2], stages: [2, 1, 3] },
    prune: ({ BM, BN, D, E }) => (BN + 2 * BM) * (D + E) * 2 <= 160 * 1024,
    prefer: ({ BN, BM, warps, stages, B, HK, N, D, E, processors, sharedBytes, elementBytes }) =>
      processors === 1
        ? 0
        : farFromBestKeys(
            { rows: BN, others: BM, warps, stages },
            { total: N, heads: B * HK, width: Math.max(D, E) },
            { processors, sharedBytes, elementBytes },
          ),
    tuneKey: ({ N }) => [N],
    grid: ({ B, HK, N, BN }) => ({ h: HK, n: cdiv(N, BN), b: B }),
  },
  ({ q, k, v, slope, dout, dk, dv }, { H, HK, N, D, E, BM, BN }, { b, h: group, n }) => {
    const n0 = n * BN;
    const heads = idiv(H, HK);
    const kj = k.at(b, group).load([n0, 0], [BN, D]);
    const vj = v.at(b, group).load([n0, 0], [BN, E]);
    const j = col(n0 + iota(BN));

    let dkj = zeros([BN, D], f32);
    let dvj = zeros([BN, E], f32);
    for (const h of range(group * heads, (group + 1) * heads)) {
      const s = slope.get(h);
      for (const m of range(idiv(n0, BM) * BM, N, BM)) {
        const qi = q.at(b, h).load([m, 0], [BM, D]); // tokens after the last read 0
        const di = dout.at(b, h).load([m, 0], [BM, E]);
        const decay = decayMask(s, row(m + iota(BM)), j);
        dvj = dot(cast(dot(kj, trans(qi)) * decay, T), di, dvj);
        dkj = dot(cast(dot(vj, trans(di)) * decay, T), qi, dkj);
      }
    }
    dk.at(b, group).store([n0, 0], dkj);
    dv.at(b, group).store([n0, 0], dvj);
  },
);

/**
 * Lightning Attention-1, backward, in two launches: dq is the forward pass of (dout, v, k), dk and dv come of one more.
 *
 * q, dq [B, H, N, D], k, dk [B, HK, N, D], v, dv [B, HK, N, E], dout [B, H, N, E]; slope [H] >= 0, in 1/token.
 * Source: arXiv 2307.14995, algorithm 2, without its atomic sums.
 */
export const lightning1Bwd = plan(
  {
    args: {
      q: input(T, ['B', 'H', 'N', 'D']),
      k: input(T, ['B', 'HK', 'N', 'D']),
      v: input(T, ['B', 'HK', 'N', 'E']),
      slope: input(f32, ['H']),
      dout: input(T, ['B', 'H', 'N', 'E']),
      dq: output(T, ['B', 'H', 'N', 'D']),
      dk: output(T, ['B', 'HK', 'N', 'D']),
      dv: output(T, ['B', 'HK', 'N', 'E']),
    },
  },
  ({ q, k, v, slope, dout, dq, dk, dv }, _sizes, run) => {
    run(lightning1Fwd, { q: dout, k: v, v: k, slope, o: dq });
    run(lightning1BwdKeys, { q, k, v, slope, dout, dk, dv });
  },
);
