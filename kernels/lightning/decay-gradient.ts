import {
  bf16,
  cast,
  cdiv,
  cumsum,
  dtypes,
  f16,
  f32,
  idiv,
  input,
  iota,
  kernel,
  minimum,
  output,
  range,
  sum,
  zeros,
} from '../../dsl/index.js';
import { farFromBestTwo } from './blocks.js';
import { agedBy, outputLoss } from './chunk.js';
import { headDecays, partialHeadDecays } from './decay.js';

const T = dtypes('T', f32, f16, bf16);

/** Tokens between boundaries where the flux of gradients is formed from states: a multiple of every chunk. */
export const SPAN = 64;
/** Whether a sequence of N tokens has a boundary in front of token n. */
export const isBoundary = (n: number, N: number): boolean => n % SPAN === 0 && n > 0 && n < N;

/**
 * Gradient of the log-decays, from what `lightningBwdDq` and `lightningBwdDk` leave. With b_t the sum of g up to token t,
 * dL/db_t = q_t . dq_t - k_t . dk_t, and <hT, dhT> more at the last token; dg_t is the sum of it from t on. It is formed in
 * spans of tokens, so that errors of 16-bit products do not add up over the sequence: dg at the last token of
 * a span is the flux through the boundary behind it, <S, dL/dS> of the state there, which `lightningBwdDq` forms. dg at
 * its first token is the flux through the boundary before it: by how much it is missed is taken off on the way there.
 *
 * qdq [B, H, P, N], kdk [B, H, R, N], hdh [B, H, P], flux [B, H, A, P] in parts that are added up, boundary a in front of
 * token a SPAN, 0 where time begins; dg [B, H, N]. `reverse` as in `lightningFwd`.
 */
export const lightningBwdSpans = kernel(
  {
    args: {
      qdq: input(f32, ['B', 'H', 'P', 'N']),
      kdk: input(f32, ['B', 'H', 'R', 'N']),
      hdh: input(f32, ['B', 'H', 'P']),
      flux: input(f32, ['B', 'H', 'A', 'P']),
      dg: output(f32, ['B', 'H', 'N']),
    },
    options: { reverse: false },
    tune: { warps: [2, 1] },
    grid: ({ B, H, N }) => ({ n: cdiv(N, SPAN), h: H, b: B }),
  },
  ({ qdq, kdk, hdh, flux, dg }, { N, P, R, reverse }, { b, h, n: span }) => {
    const n = span * SPAN;
    const [start, end] = reverse ? [n + SPAN, n] : [n, n + SPAN];
    let after = zeros([1], f32);
    let before = zeros([1], f32);
    for (const p of range(P)) {
      after += isBoundary(end, N) ? flux.get(b, h, idiv(end, SPAN), p) : hdh.get(b, h, p);
      before += flux.get(b, h, isBoundary(start, N) ? idiv(start, SPAN) : 0, p);
    }
    let db = zeros([SPAN], f32);
    for (const p of range(P)) db += qdq.at(b, h, p).load([n], [SPAN]);
    for (const r of range(R)) db -= kdk.at(b, h, r).load([n], [SPAN]);
    const missed = after + sum(db, 0) - before;
    const rows = minimum(N - n, SPAN);
    const i = iota(SPAN);
    const onTheWay = cast(reverse ? i + 1 : rows - i, f32) / rows;
    dg.at(b, h).store([n], after + cumsum(db, 0, { reverse: !reverse }) - missed * onTheWay);
  },
);

/**
 * Gradient of the slopes, not from dg, whose errors would add up over the sequence, but from what each o_t loses:
 * dslope = -sum over t of dout_t . o'_t, o'_t = sum over j <= t of (t - j) decay (q_t . k_j) v_j, and <hT', dhT> more. The
 * state S' = sum over j of steps since j times decay k_j^T v_j is carried beside S. One program computes BE columns of
 * one head, and its part of the sum; P is at least cdiv(E, BE), and what lies past that is left as it was.
 *
 * Options and the other arguments as of `lightningBwd`; parts [B, H, P].
 */
export const lightningBwdSlopeParts = kernel(
  {
    args: {
      q: input(T, ['B', 'H', 'N', 'D']),
      k: input(T, ['B', 'HK', 'N', 'D']),
      v: input(T, ['B', 'HK', 'N', 'E']),
      dout: input(T, ['B', 'H', 'N', 'E']),
      slope: input(f32, ['H']),
      h0: input(f32, ['B', 'H', 'D', 'E'], { optional: true }),
      dhT: input(f32, ['B', 'H', 'D', 'E'], { optional: true }),
      parts: output(f32, ['B', 'H', 'P']),
    },
    comptime: ['D', 'E'],
    options: { precise: false, initialState: false, stateGradient: false, reverse: false },
    tune: { C: [32, 64, 16, 8], BE: [32, 64, 16, 8], warps: [4, 8, 2], stages: [2, 1] },
    prune: ({ C, BE, D, E, P }) =>
      cdiv(E, BE) <= P && (BE < 2 * E || BE === 8) && C * (2 * D + BE) * 2 + D * BE * 8 <= 96 * 1024,
    prefer: ({ C, BE, warps, stages, N, D, E, processors, sharedBytes, elementBytes }) =>
      processors === 1
        ? 0
        : farFromBestTwo({ C, columns: BE, warps, stages }, { rows: D, total: E, N }, { sharedBytes, elementBytes }),
    tuneKey: ({ B, H, N }) => [B * H, N],
    grid: ({ B, H, E, BE }) => ({ e: cdiv(E, BE), h: H, b: B }),
  },
  (
    { q, k, v, dout, slope, h0, dhT, parts },
    { H, HK, N, D, C, BE, precise, initialState, stateGradient, reverse },
    { b, h, e },
  ) => {
    const X = precise ? f32 : T;
    const kvHead = idiv(h, idiv(H, HK));
    const [Q, K, V, DO] = [q.at(b, h), k.at(b, kvHead), v.at(b, kvHead), dout.at(b, h)];
    const s = slope.get(h);
    const isPartial = reverse ? initialState : stateGradient;

    let state = zeros([D, BE], f32);
    let aged = zeros([D, BE], f32); // S'
    if (initialState) state = h0.at(b, h).load([0, e * BE], [D, BE]);
    let total = zeros([C, BE], f32);
    for (const n of range(0, N, C, { reverse })) {
      const qi = Q.load([n, 0], [C, D]);
      const ki = K.load([n, 0], [C, D]);
      const vi = V.load([n, e * BE], [C, BE]);
      const doi = DO.load([n, e * BE], [C, BE]);
      const rows = isPartial ? minimum(N - n, C) : C;
      const decay = isPartial ? partialHeadDecays(s, C, rows, reverse) : headDecays(s, C, reverse);
      const chunk = { C, rows, reverse };
      total += outputLoss([qi, ki, vi], { state, aged }, decay, chunk, X) * doi;
      const next = agedBy([ki, vi], { state, aged }, decay, chunk, X);
      state = next.state;
      aged = next.aged;
    }
    let all = sum(sum(total, 1), 0);
    if (stateGradient) all += sum(sum(aged * dhT.at(b, h).load([0, e * BE], [D, BE]), 1), 0);
    parts.scatter([b, h, e], -all);
  },
);

/** dslope_h = the sum of parts [B, H, P] over batches and parts. */
export const lightningBwdSlopeSum = kernel(
  {
    args: { parts: input(f32, ['B', 'H', 'P']), dslope: output(f32, ['H']) },
    grid: ({ H }) => ({ h: H }),
  },
  ({ parts, dslope }, { B, P }, { h }) => {
    let total = zeros([1], f32);
    for (const b of range(B)) for (const p of range(P)) total += parts.get(b, h, p);
    dslope.store([h], total);
  },
);
