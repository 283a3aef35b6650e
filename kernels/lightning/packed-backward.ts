import {
  all,
  bf16,
  cdiv,
  cumsum,
  dtypes,
  f16,
  f32,
  i32,
  idiv,
  input,
  kernel,
  minimum,
  output,
  plan,
  range,
  sum,
  temp,
  zeros,
} from '../../dsl/index.js';
import { WEBGPU_BYTES } from '../blocks.js';
import { lightningBwdGroups } from './backward.js';
import { farFromBestTwo } from './blocks.js';
import { advanced, agedBy, attend, outputLoss } from './chunk.js';
import { headDecays, partialHeadDecays } from './decay.js';
import { lightningBwdSlopeSum } from './decay-gradient.js';
import { earlierDecaysAt, laterDecaysAt } from './later-decay.js';

const T = dtypes('T', f32, f16, bf16);
/** Of a gradient: f32 where those of several query heads are still to be added up. */
const P = dtypes('P', f32, f16, bf16);

/**
 * One gradient of packed sequences, a pass over each of them: out_t = sum over seen j of decay (x_t . y_j) z_j, and x_t
 * times the state behind. `later`: a token sees itself and later ones, the state begins as that of `before` after the last
 * token. dq is the pass of (dout, v, k), with h0 transposed; dk that of (v, dout, q) and dv of (k, q, dout), `later`, with
 * dhT, for dk transposed. One program computes BW columns of one sequence and head.
 *
 * For gradients of the decay, of the columns of program p: with `products` parts[p, n, h] = w_n . out_n; with
 * `stateProduct` ends[s, h, p] = <the last state, against>. What lies past the programs is left as it was.
 *
 * x [N, HX, A]; y [N, HY, A]; z [N, HY, W]; out [N, HG, W], HG = H, the heads of the query; w [N, HW, W]; before, against, after [S, H, A, W]; the rest as
 * of `lightningPackedBwd`.
 */
export const lightningPackedPass = kernel(
  {
    args: {
      x: input(T, ['N', 'HX', 'A']),
      y: input(T, ['N', 'HY', 'A']),
      z: input(T, ['N', 'HY', 'W']),
      w: input(T, ['N', 'HW', 'W'], { optional: true }),
      offset: input(i32, ['S1']),
      slope: input(f32, ['H'], { optional: true }),
      g: input(f32, ['N', 'H'], { optional: true }),
      before: input(f32, ['S', 'H', 'A', 'W'], { optional: true }),
      against: input(f32, ['S', 'H', 'A', 'W'], { optional: true }),
      out: output(P, ['N', 'HG', 'W']),
      after: output(f32, ['S', 'H', 'A', 'W'], { optional: true }),
      parts: output(f32, ['Q', 'N', 'H'], { optional: true }),
      ends: output(f32, ['S', 'H', 'Q'], { optional: true }),
    },
    comptime: ['A', 'W'],
    options: {
      precise: false,
      later: false,
      stateBefore: false,
      stateAfter: false,
      tokenDecay: false,
      noDecay: false,
      reverse: false,
      products: false,
      stateProduct: false,
    },
    tune: { C: [32, 64, 16, 8], BW: [64, 32, 16, 8], warps: [4, 8, 2], stages: [2, 1] },
    prune: ({ C, BW, A, W }) => (BW < 2 * W || BW === 8) && C * (2 * A + BW) * 2 + A * BW * 4 <= 96 * 1024,
    // On a CPU, no more tokens at once than a sequence has on average; through WebGPU nothing loaded ahead.
    prefer: ({ C, stages, N, S1, processors, sharedBytes }) =>
      processors === 1 ? Math.max(C, cdiv(N, S1 - 1)) : sharedBytes <= WEBGPU_BYTES ? stages : 0,
    grid: ({ S1, HG, W, BW }) => ({ p: cdiv(W, BW), h: HG, s: S1 - 1 }),
  },
  ({ x, y, z, w, offset, slope, g, before, against, out, after, parts, ends }, env, { s, h, p }) => {
    const { N, HG, HX, HY, A, C, BW, precise, later, stateBefore, stateAfter } = env;
    const { tokenDecay, noDecay, reverse, products, stateProduct } = env;
    const X = precise ? f32 : T; // of what is computed here and multiplied again
    const begin = offset.get(s);
    const end = minimum(offset.get(s + 1), N);
    const xs = x.at(all, idiv(h * HX, HG)).slice(begin, end);
    const ys = y.at(all, idiv(h * HY, HG)).slice(begin, end);
    const zs = z.at(all, idiv(h * HY, HG)).slice(begin, end);
    const gs = g.at(all, h).slice(begin, end);
    const rate = noDecay || tokenDecay ? 0 : slope.get(h);
    const isBackward = later !== reverse;
    const isPartial = isBackward ? stateBefore : stateAfter || stateProduct;
    const of = { tokenDecay, noDecay, reverse, isPartial };

    let state = zeros([A, BW], f32);
    if (stateBefore) state = before.at(s, h).load([0, p * BW], [A, BW]);
    for (const n of range(0, end - begin, C, { reverse: isBackward })) {
      const xi = xs.load([n, 0], [C, A]);
      const yi = ys.load([n, 0], [C, A]);
      const zi = zs.load([n, p * BW], [C, BW]);
      const decay = later
        ? laterDecaysAt(n, C, end - begin, rate, gs, of)
        : earlierDecaysAt(n, C, end - begin, rate, gs, of);
      const oi = attend(xi, yi, zi, state, decay, X);
      out
        .at(all, h)
        .slice(begin, end)
        .store([n, p * BW], oi);
      if (products) {
        const wi = w
          .at(all, idiv(h * env.HW, HG))
          .slice(begin, end)
          .load([n, p * BW], [C, BW]);
        parts
          .at(p, all, h)
          .slice(begin, end)
          .store([n], sum(wi * oi, 1));
      }
      state = advanced(state, yi, zi, decay, X);
    }
    if (stateAfter) after.at(s, h).store([0, p * BW], state);
    if (stateProduct) ends.at(s, h).scatter([p], sum(sum(state * against.at(s, h).load([0, p * BW], [A, BW]), 1), 0));
  },
);

/**
 * Gradient of the log-decays of packed sequences: with b_t the sum of g up to token t of a sequence, dL/db_t = q_t . dq_t -
 * k_t . dk_t, and <hT, dhT> more at the last token in time; dg_t is the sum of it from t on.
 *
 * qdq [P, N, H], kdk [R, N, H], ends [S, H, P] in parts that are added up; dg [N, H]. Options as of `lightningPackedBwd`.
 */
export const lightningPackedBwdG = kernel(
  {
    args: {
      qdq: input(f32, ['P', 'N', 'H']),
      kdk: input(f32, ['R', 'N', 'H']),
      ends: input(f32, ['S', 'H', 'P'], { optional: true }),
      offset: input(i32, ['S1']),
      dg: output(f32, ['N', 'H']),
    },
    options: { stateGradient: false, reverse: false },
    tune: { C: [256, 128, 64], warps: [4, 2] },
    grid: ({ S1, H }) => ({ h: H, s: S1 - 1 }),
  },
  ({ qdq, kdk, ends, offset, dg }, { N, P, R, C, stateGradient, reverse }, { s, h }) => {
    const begin = offset.get(s);
    const end = minimum(offset.get(s + 1), N);
    let after = zeros([1], f32);
    if (stateGradient) for (const p of range(P)) after += ends.get(s, h, p);
    for (const n of range(0, end - begin, C, { reverse: !reverse })) {
      let db = zeros([C], f32);
      for (const p of range(P)) db += qdq.at(p, all, h).slice(begin, end).load([n], [C]);
      for (const r of range(R)) db -= kdk.at(r, all, h).slice(begin, end).load([n], [C]);
      dg.at(all, h)
        .slice(begin, end)
        .store([n], after + cumsum(db, 0, { reverse: !reverse }));
      after += sum(db, 0);
    }
  },
);

/**
 * Gradient of the slopes, as `lightningBwdSlopeParts` forms it: parts [S, H, P] of one sequence, head and BE columns, what
 * lies past the columns left as it was. Options and the other arguments as of `lightningPackedBwd`.
 */
export const lightningPackedBwdSlopeParts = kernel(
  {
    args: {
      q: input(T, ['N', 'H', 'D']),
      k: input(T, ['N', 'HK', 'D']),
      v: input(T, ['N', 'HK', 'E']),
      dout: input(T, ['N', 'H', 'E']),
      offset: input(i32, ['S1']),
      slope: input(f32, ['H']),
      h0: input(f32, ['S', 'H', 'D', 'E'], { optional: true }),
      dhT: input(f32, ['S', 'H', 'D', 'E'], { optional: true }),
      parts: output(f32, ['S', 'H', 'P']),
    },
    comptime: ['D', 'E'],
    options: { precise: false, initialState: false, stateGradient: false, reverse: false },
    tune: { C: [32, 64, 16, 8], BE: [32, 64, 16, 8], warps: [4, 8, 2], stages: [2, 1] },
    prune: ({ C, BE, D, E, P }) =>
      cdiv(E, BE) <= P && (BE < 2 * E || BE === 8) && C * (2 * D + BE) * 2 + D * BE * 8 <= 96 * 1024,
    // On a CPU, no more tokens at once than a sequence has on average.
    prefer: ({ C, BE, warps, stages, N, S1, D, E, processors, sharedBytes, elementBytes }) =>
      processors === 1
        ? Math.max(C, cdiv(N, S1 - 1))
        : farFromBestTwo(
            { C, columns: BE, warps, stages },
            { rows: D, total: E, N: cdiv(N, S1 - 1) },
            { sharedBytes, elementBytes },
          ),
    grid: ({ S1, H, E, BE }) => ({ e: cdiv(E, BE), h: H, s: S1 - 1 }),
  },
  (
    { q, k, v, dout, offset, slope, h0, dhT, parts },
    { H, HK, N, D, C, BE, precise, initialState, stateGradient, reverse },
    { s, h, e },
  ) => {
    const X = precise ? f32 : T;
    const begin = offset.get(s);
    const end = minimum(offset.get(s + 1), N);
    const kvHead = idiv(h, idiv(H, HK));
    const Q = q.at(all, h).slice(begin, end);
    const K = k.at(all, kvHead).slice(begin, end);
    const V = v.at(all, kvHead).slice(begin, end);
    const DO = dout.at(all, h).slice(begin, end);
    const rate = slope.get(h);
    const isPartial = reverse ? initialState : stateGradient;

    let state = zeros([D, BE], f32);
    let aged = zeros([D, BE], f32);
    if (initialState) state = h0.at(s, h).load([0, e * BE], [D, BE]);
    let total = zeros([C, BE], f32);
    for (const n of range(0, end - begin, C, { reverse })) {
      const qi = Q.load([n, 0], [C, D]);
      const ki = K.load([n, 0], [C, D]);
      const vi = V.load([n, e * BE], [C, BE]);
      const rows = isPartial ? minimum(end - begin - n, C) : C;
      const decay = isPartial ? partialHeadDecays(rate, C, rows, reverse) : headDecays(rate, C, reverse);
      const chunk = { C, rows, reverse };
      total += outputLoss([qi, ki, vi], { state, aged }, decay, chunk, X) * DO.load([n, e * BE], [C, BE]);
      const next = agedBy([ki, vi], { state, aged }, decay, chunk, X);
      state = next.state;
      aged = next.aged;
    }
    let loss = sum(sum(total, 1), 0);
    if (stateGradient) loss += sum(sum(aged * dhT.at(s, h).load([0, e * BE], [D, BE]), 1), 0);
    parts.scatter([s, h, e], -loss);
  },
);

/**
 * The backward pass of `lightningPacked`: `lightningBwd` of each of the sequences. Of an empty one dh0 is dhT, or 0.
 *
 * q, dq [N, H, D]; k, dk [N, HK, D]; v, dv [N, HK, E]; dout [N, H, E]; offset [S1], S1 = S + 1, ascending; slope, dslope
 * [H]; g, dg [N, H]; h0, dhT, dh0 [S, H, D, E]. Options as of `lightningBwd`.
 */
export const lightningPackedBwd = plan(
  {
    args: {
      q: input(T, ['N', 'H', 'D']),
      k: input(T, ['N', 'HK', 'D']),
      v: input(T, ['N', 'HK', 'E']),
      dout: input(T, ['N', 'H', 'E']),
      offset: input(i32, ['S1']),
      slope: input(f32, ['H'], { optional: true }),
      g: input(f32, ['N', 'H'], { optional: true }),
      h0: input(f32, ['S', 'H', 'D', 'E'], { optional: true }),
      dhT: input(f32, ['S', 'H', 'D', 'E'], { optional: true }),
      dq: output(T, ['N', 'H', 'D']),
      dk: output(T, ['N', 'HK', 'D']),
      dv: output(T, ['N', 'HK', 'E']),
      dh0: output(f32, ['S', 'H', 'D', 'E'], { optional: true }),
      dslope: output(f32, ['H'], { optional: true }),
      dg: output(f32, ['N', 'H'], { optional: true }),
    },
    options: {
      precise: false,
      initialState: false,
      stateGradient: false,
      tokenDecay: false,
      noDecay: false,
      reverse: false,
      tokenGradient: false,
      slopeGradient: false,
    },
    temps: ({ S1, H, N, D, E }) => ({
      dkEach: temp(f32, [N, H, D]),
      dvEach: temp(f32, [N, H, E]),
      // At most so many programs compute parts of a row.
      qdq: temp(f32, [cdiv(D, 8), N, H], { fill: 0 }),
      kdk: temp(f32, [cdiv(D, 8), N, H], { fill: 0 }),
      ends: temp(f32, [S1 - 1, H, cdiv(D, 8)], { fill: 0 }),
      slopes: temp(f32, [S1 - 1, H, cdiv(E, 8)], { fill: 0 }),
    }),
  },
  (
    { q, k, v, dout, offset, slope, g, h0, dhT, dq, dk, dv, dh0, dslope, dg, dkEach, dvEach, qdq, kdk, ends, slopes },
    {
      N,
      H,
      HK,
      D,
      E,
      precise,
      initialState,
      stateGradient,
      tokenDecay,
      noDecay,
      reverse,
      tokenGradient,
      slopeGradient,
    },
    run,
  ) => {
    const own = { precise, tokenDecay, noDecay, reverse };
    const given = { offset, slope, g };
    const stateProduct = tokenGradient && stateGradient;
    const ofQueries = lightningPackedPass.with({
      ...own,
      stateBefore: initialState,
      products: tokenGradient,
      stateProduct,
    });
    const ofKeys = lightningPackedPass.with({
      ...own,
      later: true,
      stateBefore: stateGradient,
      products: tokenGradient,
    });
    const ofValues = lightningPackedPass.with({
      ...own,
      later: true,
      stateBefore: stateGradient,
      stateAfter: initialState,
    });

    run(ofQueries, {
      ...given,
      x: dout,
      y: v,
      z: k,
      w: q,
      before: initialState ? h0.permute([0, 1, 3, 2]) : null,
      against: stateProduct ? dhT.permute([0, 1, 3, 2]) : null,
      out: dq,
      parts: tokenGradient ? qdq : null,
      ends: tokenGradient ? ends : null,
    });
    const keys = { x: v, y: dout, z: q, w: k, before: stateGradient ? dhT.permute([0, 1, 3, 2]) : null };
    const values = { x: k, y: q, z: dout, before: dhT, after: dh0 };
    const parts = tokenGradient ? kdk : null;
    if (H === HK) {
      run(ofKeys, { ...given, ...keys, out: dk, parts });
      run(ofValues, { ...given, ...values, out: dv });
    } else {
      run(ofKeys, { ...given, ...keys, out: dkEach, parts });
      run(ofValues, { ...given, ...values, out: dvEach });
      run(lightningBwdGroups, {
        parts: dkEach.reshape([1, N, H, D]).permute([0, 2, 1, 3]),
        total: dk.reshape([1, N, HK, D]).permute([0, 2, 1, 3]),
      });
      run(lightningBwdGroups, {
        parts: dvEach.reshape([1, N, H, E]).permute([0, 2, 1, 3]),
        total: dv.reshape([1, N, HK, E]).permute([0, 2, 1, 3]),
      });
    }
    if (tokenGradient)
      run(lightningPackedBwdG.with({ stateGradient, reverse }), {
        qdq,
        kdk,
        ends,
        offset,
        dg,
      });
    if (slopeGradient) {
      const ofSlope = lightningPackedBwdSlopeParts.with({ precise, initialState, stateGradient, reverse });
      run(ofSlope, { q, k, v, dout, offset, slope, h0, dhT, parts: slopes });
      run(lightningBwdSlopeSum, { parts: slopes, dslope });
    }
  },
);
