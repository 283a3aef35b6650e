import {
  abs,
  bf16,
  cast,
  cdiv,
  col,
  dot,
  dtypes,
  exp2,
  f16,
  f32,
  full,
  input,
  iota,
  kernel,
  log2,
  max,
  minimum,
  output,
  range,
  row,
  scalar,
  sum,
  trans,
  where,
  zeros,
} from '../../dsl/index.js';
import { farFromBestForward } from './blocks.js';
import { alibi, identity } from './score.js';

const T = dtypes('T', f32, f16, bf16);
const LOG2E = Math.LOG2E;

/**
 * FlashAttention-2, forward, with a score function: o_i = softmax over j of scoreMod(scale q_i . k_j) times v.
 *
 * One program computes BM queries of one head and walks over the keys in blocks of BN with a running maximum and sum.
 * `causal`: key j is seen by queries i >= j, counted from the first token of both; keys after the block of queries are
 * not read at all. A query whose scores are all -Infinity gets o = 0 and lse = -Infinity.
 *
 * q, o [B, H, M, D]; k, v [B, H, N, D]; scale multiplies the products (usually D^-1/2); lse [B, H, M], natural log of
 * the sum of exp(scores).
 * Source: Dao 2023, "FlashAttention-2", arXiv 2307.08691, algorithm 1; score functions as in FlexAttention (Dong et al.
 * 2024, arXiv 2412.05496).
 */
export const flashFwd = kernel(
  {
    args: {
      q: input(T, ['B', 'H', 'M', 'D']),
      k: input(T, ['B', 'H', 'N', 'D']),
      v: input(T, ['B', 'H', 'N', 'D']),
      scale: scalar(f32),
      o: output(T, ['B', 'H', 'M', 'D']),
      lse: output(f32, ['B', 'H', 'M']),
    },
    comptime: ['D'],
    options: { causal: false, scoreMod: identity },
    tune: { BM: [32, 64, 128, 16, 8], BN: [32, 64, 128, 16, 8], warps: [4, 8, 2], stages: [2, 1, 3, 4] },
    prune: ({ BM, BN, D }) => (BM + 2 * BN) * D * 2 <= 160 * 1024,
    prefer: ({ BM, BN, warps, stages, B, H, M, D, processors, sharedBytes, elementBytes }) =>
      processors === 1
        ? 0
        : farFromBestForward(
            { rows: BM, others: BN, warps, stages },
            { total: M, heads: B * H, width: D },
            { processors, sharedBytes, elementBytes },
          ),
    tuneKey: ({ M, N }) => [M, N],
    // Heads first, so that the programs at work at one time read the same few blocks of keys of each.
    grid: ({ B, H, M, BM }) => ({ h: H, m: cdiv(M, BM), b: B }),
  },
  ({ q, k, v, scale, o, lse }, { M, N, D, BM, BN, causal, scoreMod }, { b, h, m }) => {
    // The last queries see the most keys: they start first, and short programs fill the end.
    const m0 = (causal ? cdiv(M, BM) - 1 - m : m) * BM;
    const end = causal ? minimum(N, m0 + BM) : N;
    const K = k.at(b, h).slice(0, end); // keys from `end` on read 0, whatever memory holds
    const V = v.at(b, h).slice(0, end);
    const i = col(m0 + iota(BM));
    const qi = q.at(b, h).load([m0, 0], [BM, D]);
    const size = abs(scale);

    // Scores over ln 2, what exp2 takes, are s * unit. As unit >= 0, the largest s is that of the largest score.
    const plain = scoreMod === identity;
    const unit = plain ? size * LOG2E : 1;

    let mi = full([BM], -Infinity, f32);
    let li = zeros([BM], f32);
    let acc = zeros([BM, D], f32);

    for (const n of range(0, end, BN)) {
      const kj = K.load([n, 0], [BN, D]);
      const vj = V.load([n, 0], [BN, D]);
      const j = row(n + iota(BN));

      let x = dot(qi, trans(kj));
      if (scale < 0) x = -x;
      let s = plain ? x : scoreMod(x * size, h, i, j) * LOG2E;
      s = where(j < N && (!causal || i >= j), s, -Infinity);

      // What is subtracted need not be the maximum: it stays until scores are 2^8 times above it, so that the sums are
      // hardly ever scaled anew.
      const top = max(s, 1) * unit;
      const mNew = where(top - mi > 8, top, mi);
      const shift = where(mNew === -Infinity, 0, mNew); // a row that has seen no score yet
      const p = exp2(s * unit - col(shift));
      const alpha = exp2(mi - shift);
      li = li * alpha + sum(p, 1);
      acc = dot(cast(p, T), vj, acc * col(alpha));
      mi = mNew;
    }
    o.at(b, h).store([m0, 0], where(col(li) > 0, acc * col(1 / li), 0));
    lse.at(b, h).store([m0], where(li > 0, (mi + log2(li)) / LOG2E, -Infinity));
  },
);

/** Causal attention with linear biases: a variant is one function and one line. */
export const alibiFwd = flashFwd.with({ causal: true, scoreMod: alibi });
