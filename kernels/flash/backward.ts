import {
  bf16,
  cast,
  cdiv,
  col,
  dot,
  dtypes,
  exp2,
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
  scalar,
  sum,
  type Tile,
  temp,
  trans,
  where,
  zeros,
} from '../../dsl/index.js';
import { farFromBestKeys, farFromBestQueries } from './blocks.js';
import { alibi, identity, unchanged } from './score.js';

const T = dtypes('T', f32, f16, bf16);
const LOG2E = Math.LOG2E;

/** What an lse of -Infinity becomes: no weight is left of any score. Finite, as WebGPU wants it. */
const ABOVE_ALL = 2 ** 100;

/** lse as exponents of 2, to subtract from scores; tokens after the last read 0. */
function levels<A>(lse: Tile<'f32', [A]>): Tile<'f32', [A]> {
  return where(lse > -Infinity, lse * LOG2E, ABOVE_ALL);
}

/**
 * First of the three launches of FlashAttention's backward pass: delta_i = o_i . dout_i, what the softmax takes from every
 * gradient of row i.
 *
 * o, dout [B, H, M, D]; delta [B, H, M].
 * Source: Dao 2023, "FlashAttention-2", arXiv 2307.08691, algorithm 2, line 4.
 */
export const flashDelta = kernel(
  {
    args: {
      o: input(T, ['B', 'H', 'M', 'D']),
      dout: input(T, ['B', 'H', 'M', 'D']),
      delta: output(f32, ['B', 'H', 'M']),
    },
    comptime: ['D'],
    tune: { BM: [32, 64, 16, 8], warps: [4, 8, 2] },
    prune: ({ BM, D, warps }) => BM * D <= 64 * 32 * warps || BM === 8,
    prefer: ({ BM, M, processors }) => (processors === 1 ? cdiv(M, BM) : 0),
    grid: ({ B, H, M, BM }) => ({ m: cdiv(M, BM), h: H, b: B }),
  },
  ({ o, dout, delta }, { D, BM }, { m, h, b }) => {
    const oi = cast(o.at(b, h).load([m * BM, 0], [BM, D]), f32);
    const di = cast(dout.at(b, h).load([m * BM, 0], [BM, D]), f32);
    delta.at(b, h).store([m * BM], sum(oi * di, 1));
  },
);

/**
 * Gradient of keys and values, one program for BN keys of one head: with the weights P_ij = exp(s_ij - lse_i) made anew,
 * dv_j = sum over i of P_ij dout_i, dS_ij = P_ij (dout_i . v_j - delta_i), dk_j = scale sum over i of dS_ij q_i.
 * Scores are computed transposed, so that what they become is the left operand of both sums.
 *
 * Shapes, options and source as of `flashBwd`; delta as `flashDelta` leaves it.
 */
export const flashBwdKeys = kernel(
  {
    args: {
      q: input(T, ['B', 'H', 'M', 'D']),
      k: input(T, ['B', 'H', 'N', 'D']),
      v: input(T, ['B', 'H', 'N', 'D']),
      dout: input(T, ['B', 'H', 'M', 'D']),
      lse: input(f32, ['B', 'H', 'M']),
      delta: input(f32, ['B', 'H', 'M']),
      scale: scalar(f32),
      dk: output(T, ['B', 'H', 'N', 'D']),
      dv: output(T, ['B', 'H', 'N', 'D']),
    },
    comptime: ['D'],
    options: { causal: false, scoreMod: identity, scoreGradient: unchanged },
    tune: { BN: [32, 64, 128, 16, 8], BM: [32, 64, 128, 16, 8], warps: [4, 8, 2], stages: [2, 1, 3] },
    prune: ({ BM, BN, D }) => (2 * BN + 2 * BM) * D * 2 <= 160 * 1024,
    prefer: ({ BN, BM, warps, stages, B, H, N, D, processors, sharedBytes, elementBytes }) =>
      processors === 1
        ? 0
        : farFromBestKeys(
            { rows: BN, others: BM, warps, stages },
            { total: N, heads: B * H, width: D },
            { processors, sharedBytes, elementBytes },
          ),
    tuneKey: ({ M, N }) => [M, N],
    grid: ({ B, H, N, BN }) => ({ h: H, n: cdiv(N, BN), b: B }),
  },
  ({ q, k, v, dout, lse, delta, scale, dk, dv }, { M, D, BM, BN, causal, scoreMod, scoreGradient }, { b, h, n }) => {
    const n0 = n * BN;
    const Q = q.at(b, h);
    const DO = dout.at(b, h);
    const kj = k.at(b, h).load([n0, 0], [BN, D]);
    const vj = v.at(b, h).load([n0, 0], [BN, D]);
    const j = col(n0 + iota(BN));
    const plain = scoreMod === identity;

    let dkj = zeros([BN, D], f32);
    let dvj = zeros([BN, D], f32);
    // The first keys are seen by the most queries: programs start with them, and short ones fill the end.
    for (const m of range(causal ? idiv(n0, BM) * BM : 0, M, BM)) {
      const qi = Q.load([m, 0], [BM, D]);
      const di = DO.load([m, 0], [BM, D]);
      const level = row(levels(lse.at(b, h).load([m], [BM])));
      const deltaI = row(delta.at(b, h).load([m], [BM]));
      const i = row(m + iota(BM));
      // A query after the last has q, dout, lse and delta 0: it adds nothing, unless its score overflows.
      const seen = (plain || i < M) && (!causal || i >= j);

      const x = dot(kj, trans(qi));
      const s = x * scale;
      const exponent = (plain ? x * (scale * LOG2E) : scoreMod(s, h, i, j) * LOG2E) - level;
      const p = exp2(where(seen, exponent, -Infinity));
      dvj = dot(cast(p, T), di, dvj);
      const dp = p * (dot(vj, trans(di)) - deltaI);
      const ds = where(seen, plain ? dp : scoreGradient(dp, s, h, i, j), 0);
      dkj = dot(cast(ds, T), qi, dkj);
    }
    dk.at(b, h).store([n0, 0], dkj * scale);
    dv.at(b, h).store([n0, 0], dvj);
  },
);

/**
 * Gradient of queries, one program for BM queries of one head: dq_i = scale sum over j of dS_ij k_j.
 *
 * Shapes, options and source as of `flashBwd`; delta as `flashDelta` leaves it.
 */
export const flashBwdQueries = kernel(
  {
    args: {
      q: input(T, ['B', 'H', 'M', 'D']),
      k: input(T, ['B', 'H', 'N', 'D']),
      v: input(T, ['B', 'H', 'N', 'D']),
      dout: input(T, ['B', 'H', 'M', 'D']),
      lse: input(f32, ['B', 'H', 'M']),
      delta: input(f32, ['B', 'H', 'M']),
      scale: scalar(f32),
      dq: output(T, ['B', 'H', 'M', 'D']),
    },
    comptime: ['D'],
    options: { causal: false, scoreMod: identity, scoreGradient: unchanged },
    tune: { BM: [32, 64, 128, 16, 8], BN: [32, 64, 128, 16, 8], warps: [4, 8, 2], stages: [2, 1, 3] },
    prune: ({ BM, BN, D }) => (2 * BN + 2 * BM) * D * 2 <= 160 * 1024,
    prefer: ({ BM, BN, warps, stages, B, H, M, D, processors, sharedBytes, elementBytes }) =>
      processors === 1
        ? 0
        : farFromBestQueries(
            { rows: BM, others: BN, warps, stages },
            { total: M, heads: B * H, width: D },
            { processors, sharedBytes, elementBytes },
          ),
    tuneKey: ({ M, N }) => [M, N],
    grid: ({ B, H, M, BM }) => ({ h: H, m: cdiv(M, BM), b: B }),
  },
  ({ q, k, v, dout, lse, delta, scale, dq }, { M, N, D, BM, BN, causal, scoreMod, scoreGradient }, { b, h, m }) => {
    const m0 = (causal ? cdiv(M, BM) - 1 - m : m) * BM; // those that see the most keys first
    const end = causal ? minimum(N, m0 + BM) : N;
    const K = k.at(b, h).slice(0, end);
    const V = v.at(b, h).slice(0, end);
    const qi = q.at(b, h).load([m0, 0], [BM, D]);
    const di = dout.at(b, h).load([m0, 0], [BM, D]);
    const level = col(levels(lse.at(b, h).load([m0], [BM])));
    const deltaI = col(delta.at(b, h).load([m0], [BM]));
    const i = col(m0 + iota(BM));
    const plain = scoreMod === identity;

    let dqi = zeros([BM, D], f32);
    for (const n of range(0, end, BN)) {
      const kj = K.load([n, 0], [BN, D]);
      const vj = V.load([n, 0], [BN, D]);
      const j = row(n + iota(BN));
      const seen = j < N && (!causal || i >= j);

      const x = dot(qi, trans(kj));
      const s = x * scale;
      const exponent = (plain ? x * (scale * LOG2E) : scoreMod(s, h, i, j) * LOG2E) - level;
      const dp = exp2(where(seen, exponent, -Infinity)) * (dot(di, trans(vj)) - deltaI);
      const ds = where(seen, plain ? dp : scoreGradient(dp, s, h, i, j), 0);
      dqi = dot(cast(ds, T), kj, dqi);
    }
    dq.at(b, h).store([m0, 0], dqi * scale);
  },
);

export const flashBwdKeysCausal = flashBwdKeys.with({ causal: true });
export const flashBwdQueriesCausal = flashBwdQueries.with({ causal: true });
const alibiBwdKeys = flashBwdKeys.with({ causal: true, scoreMod: alibi });
const alibiBwdQueries = flashBwdQueries.with({ causal: true, scoreMod: alibi });

const ARGUMENTS = {
  q: input(T, ['B', 'H', 'M', 'D']),
  k: input(T, ['B', 'H', 'N', 'D']),
  v: input(T, ['B', 'H', 'N', 'D']),
  o: input(T, ['B', 'H', 'M', 'D']),
  dout: input(T, ['B', 'H', 'M', 'D']),
  lse: input(f32, ['B', 'H', 'M']),
  scale: scalar(f32),
  dq: output(T, ['B', 'H', 'M', 'D']),
  dk: output(T, ['B', 'H', 'N', 'D']),
  dv: output(T, ['B', 'H', 'N', 'D']),
};

/**
 * FlashAttention-2, backward, in three launches: gradients of o = softmax over j of (scale q_i . k_j) times v. Nothing of
 * size M x N is stored: weights are made anew from lse. A query without a score (lse = -Infinity) gives no gradient.
 *
 * q, o, dout, dq [B, H, M, D]; k, v, dk, dv [B, H, N, D]; lse [B, H, M] and o as `flashFwd` leaves them, with the same
 * scale. `causal`: key j is seen by queries i >= j, counted from the first token of both. `flashBwdKeys` and `flashBwdQueries` take score functions as the forward pass does, with `scoreGradient` for
 * those that do more than add to the score.
 * Source: Dao 2023, "FlashAttention-2", arXiv 2307.08691, algorithm 2, with dq in a launch of its own instead of atomics:
 * equal inputs give equal bits.
 */
export const flashBwd = plan(
  { args: ARGUMENTS, options: { causal: false }, temps: ({ B, H, M }) => ({ delta: temp(f32, [B, H, M]) }) },
  ({ q, k, v, o, dout, lse, scale, dq, dk, dv, delta }, { causal }, run) => {
    run(flashDelta, { o, dout, delta });
    run(causal ? flashBwdKeysCausal : flashBwdKeys, { q, k, v, dout, lse, delta, scale, dk, dv });
    run(causal ? flashBwdQueriesCausal : flashBwdQueries, { q, k, v, dout, lse, delta, scale, dq });
  },
);

/** Gradients of `alibiFwd`: causal, with linear biases. */
export const alibiBwd = plan(
  { args: ARGUMENTS, temps: ({ B, H, M }) => ({ delta: temp(f32, [B, H, M]) }) },
  ({ q, k, v, o, dout, lse, scale, dq, dk, dv, delta }, _sizes, run) => {
    run(flashDelta, { o, dout, delta });
    run(alibiBwdKeys, { q, k, v, dout, lse, delta, scale, dk, dv });
    run(alibiBwdQueries, { q, k, v, dout, lse, delta, scale, dq });
  },
);
