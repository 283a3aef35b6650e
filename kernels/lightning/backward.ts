import {
  bf16,
  cast,
  cdiv,
  dtypes,
  f16,
  f32,
  idiv,
  input,
  kernel,
  output,
  plan,
  range,
  sum,
  temp,
  trans,
  zeros,
} from '../../dsl/index.js';
import { farFromBest, farFromBestWhole, isWideOnWebgpu } from './blocks.js';
import { advanced, attend } from './chunk.js';
import { isBoundary, lightningBwdSlopeParts, lightningBwdSlopeSum, lightningBwdSpans, SPAN } from './decay-gradient.js';
import { earlierDecaysAt, laterDecaysAt } from './later-decay.js';

const T = dtypes('T', f32, f16, bf16);
/** Of the gradients of k and v: f32 where those of several query heads are still to be added up. */
const P = dtypes('P', f32, f16, bf16);

/**
 * First part of the backward pass of `lightningFwd`: dq_t = sum over j <= t of decay (dout_t . v_j) k_j, the forward pass
 * of (dout, v, k), with the transpose of its state. One program computes BD columns of dq for one head.
 *
 * For the gradients of g (lightningBwdSpans), of the columns of program p: with `tokenGradient` qdq[p, t] = q_t . dq_t and
 * flux[a, p] = <S, dL/dS> in front of token a SPAN, where dstates[a] is dL/dS (a = 0: of h0); with `stateGradient` hdh[p] = <hT, dhT>. P is
 * at least cdiv(D, BD); what lies past that is left as it was.
 * Shapes, options and source as of `lightningBwd`.
 */
export const lightningBwdDq = kernel(
  {
    args: {
      q: input(T, ['B', 'H', 'N', 'D'], { optional: true }),
      k: input(T, ['B', 'HK', 'N', 'D']),
      v: input(T, ['B', 'HK', 'N', 'E']),
      dout: input(T, ['B', 'H', 'N', 'E']),
      slope: input(f32, ['H'], { optional: true }),
      g: input(f32, ['B', 'H', 'N'], { optional: true }),
      h0: input(f32, ['B', 'H', 'D', 'E'], { optional: true }),
      dhT: input(f32, ['B', 'H', 'D', 'E'], { optional: true }),
      dq: output(T, ['B', 'H', 'N', 'D']),
      qdq: output(f32, ['B', 'H', 'P', 'N'], { optional: true }),
      hdh: output(f32, ['B', 'H', 'P'], { optional: true }),
      dstates: input(T, ['B', 'H', 'A', 'D', 'E'], { optional: true }),
      flux: output(f32, ['B', 'H', 'A', 'P'], { optional: true }),
    },
    comptime: ['D', 'E'],
    options: {
      precise: false,
      initialState: false,
      stateGradient: false,
      tokenDecay: false,
      noDecay: false,
      reverse: false,
      tokenGradient: false,
    },
    tune: { C: [32, 64, 16, 8], BD: [32, 64, 128, 16, 8], warps: [4, 8, 2], stages: [2, 1] },
    prune: ({ BD, D }) => BD < 2 * D || BD === 8,
    prefer: ({ C, BD, warps, stages, B, H, N, D, E, processors, sharedBytes, elementBytes }) =>
      farFromBest(
        { C, columns: BD, warps, stages, G: 1 },
        { rows: E, total: D, heads: B * H, N, isSplit: false, isReverse: false },
        { processors, sharedBytes, elementBytes },
      ),
    tuneKey: ({ B, H, N }) => [B * H, N],
    grid: ({ B, H, D, BD }) => ({ d: cdiv(D, BD), h: H, b: B }),
  },
  (
    { q, k, v, dout, slope, g, h0, dhT, dq, qdq, hdh, dstates, flux },
    { H, HK, N, E, C, BD, precise, initialState, stateGradient, tokenDecay, noDecay, reverse, tokenGradient },
    { b, h, d },
  ) => {
    const X = precise ? f32 : T; // of what is computed here and multiplied again
    const kvHead = idiv(h, idiv(H, HK));
    const [K, V, DO, DQ] = [k.at(b, kvHead), v.at(b, kvHead), dout.at(b, h), dq.at(b, h)];
    const isPartial = reverse ? initialState : stateGradient; // a chunk that is not whole: the first, or the last
    const s = noDecay || tokenDecay ? 0 : slope.get(h);
    const of = { tokenDecay, noDecay, reverse, isPartial };

    let state = zeros([E, BD], f32); // sum over earlier j of decay v_j^T k_j
    if (initialState) state = trans(h0.at(b, h).load([d * BD, 0], [BD, E]));
    if (tokenGradient && initialState) {
      const gradient = dstates.at(b, h, 0).load([d * BD, 0], [BD, E]);
      flux.scatter([b, h, 0, d], sum(sum(gradient * trans(state), 1), 0));
    }
    for (const n of range(0, N, C, { reverse })) {
      if (tokenGradient) {
        const at = reverse ? n + C : n;
        if (isBoundary(at, N)) {
          const gradient = dstates.at(b, h, idiv(at, SPAN)).load([d * BD, 0], [BD, E]);
          flux.scatter([b, h, idiv(at, SPAN), d], sum(sum(gradient * trans(state), 1), 0));
        }
      }
      const ki = K.load([n, d * BD], [C, BD]);
      const vi = V.load([n, 0], [C, E]);
      const doi = DO.load([n, 0], [C, E]);
      const decay = earlierDecaysAt(n, C, N, s, g.at(b, h), of);
      const dqi = attend(doi, vi, ki, state, decay, X);
      DQ.store([n, d * BD], dqi);
      if (tokenGradient) qdq.at(b, h, d).store([n], sum(q.at(b, h).load([n, d * BD], [C, BD]) * dqi, 1));
      state = advanced(state, vi, ki, decay, X);
    }
    if (stateGradient)
      hdh.at(b, h).scatter([d], sum(sum(dhT.at(b, h).load([d * BD, 0], [BD, E]) * trans(state), 1), 0));
  },
);

/**
 * Second part, both gradients in one pass: dk_j = sum over t >= j of decay (v_j . dout_t) q_t, dv_j = sum over t >= j of
 * decay (k_j . q_t) dout_t. They share the state G_j = dL/dS_j = sum over t >= j of decay q_t^T dout_t: dv_j = k_j G_j and
 * dk_j = v_j G_j^T. One program computes a head: the whole of G, D x E, has to fit.
 *
 * dk and dv have the query's heads, HG = H, in f32 where several of them share a head of k and v. With `tokenGradient`,
 * kdk[0, j] = k_j . dk_j, and dstates[a] = dL/dS in front of token a SPAN. Shapes, options and source as of `lightningBwd`.
 */
export const lightningBwdDkDv = kernel(
  {
    args: {
      q: input(T, ['B', 'H', 'N', 'D']),
      k: input(T, ['B', 'HK', 'N', 'D']),
      v: input(T, ['B', 'HK', 'N', 'E']),
      dout: input(T, ['B', 'H', 'N', 'E']),
      slope: input(f32, ['H'], { optional: true }),
      g: input(f32, ['B', 'H', 'N'], { optional: true }),
      dhT: input(f32, ['B', 'H', 'D', 'E'], { optional: true }),
      dk: output(P, ['B', 'HG', 'N', 'D']),
      dv: output(P, ['B', 'HG', 'N', 'E']),
      dh0: output(f32, ['B', 'H', 'D', 'E'], { optional: true }),
      kdk: output(f32, ['B', 'H', 'P', 'N'], { optional: true }),
      dstates: output(T, ['B', 'H', 'A', 'D', 'E'], { optional: true }),
    },
    comptime: ['D', 'E'],
    options: {
      precise: false,
      initialState: false,
      stateGradient: false,
      tokenDecay: false,
      noDecay: false,
      reverse: false,
      tokenGradient: false,
    },
    tune: { C: [32, 64, 16, 8], warps: [4, 8, 2], stages: [2, 1] },
    prefer: ({ C, warps, stages, B, H, N, D, E, processors, sharedBytes, elementBytes }) =>
      farFromBestWhole(
        { C, warps, stages },
        { rows: D, total: E, heads: B * H, N },
        { processors, sharedBytes, elementBytes },
      ),
    tuneKey: ({ B, H, N }) => [B * H, N],
    grid: ({ B, H }) => ({ h: H, b: B }),
  },
  (
    { q, k, v, dout, slope, g, dhT, dk, dv, dh0, kdk, dstates },
    { H, HK, N, D, E, C, precise, initialState, stateGradient, tokenDecay, noDecay, reverse, tokenGradient },
    { b, h },
  ) => {
    const X = precise ? f32 : T;
    const kvHead = idiv(h, idiv(H, HK));
    const [Q, K, V, DO] = [q.at(b, h), k.at(b, kvHead), v.at(b, kvHead), dout.at(b, h)];
    const isPartial = reverse ? initialState : stateGradient; // a chunk that is not whole: the last, or the first
    const s = noDecay || tokenDecay ? 0 : slope.get(h);
    const of = { tokenDecay, noDecay, reverse, isPartial };

    let state = zeros([D, E], f32);
    if (stateGradient) state = dhT.at(b, h).load([0, 0], [D, E]);
    for (const n of range(0, N, C, { reverse: !reverse })) {
      if (tokenGradient) {
        const at = reverse ? n : n + C;
        if (isBoundary(at, N)) dstates.at(b, h, idiv(at, SPAN)).store([0, 0], state);
      }
      const qi = Q.load([n, 0], [C, D]);
      const ki = K.load([n, 0], [C, D]);
      const vi = V.load([n, 0], [C, E]);
      const doi = DO.load([n, 0], [C, E]);
      const decay = laterDecaysAt(n, C, N, s, g.at(b, h), of);
      const copy = cast(state, X);
      dv.at(b, h).store([n, 0], attend(ki, qi, doi, copy, decay, X));
      const dki = attend(vi, doi, qi, trans(copy), decay, X);
      dk.at(b, h).store([n, 0], dki);
      if (tokenGradient) kdk.at(b, h, 0).store([n], sum(ki * dki, 1));
      state = advanced(state, qi, doi, decay, X);
    }
    if (initialState) dh0.at(b, h).store([0, 0], state);
    if (tokenGradient) dstates.at(b, h, 0).store([0, 0], state);
  },
);

const COLUMNS = { C: [32, 64, 16, 8], warps: [4, 8, 2], stages: [2, 1] };

/**
 * `lightningBwdDkDv` for heads of any size, dk alone: one program computes BD columns of it, with BD columns of the
 * transpose of the state. kdk[p, j] is of the columns of program p. Shapes, options and source as of `lightningBwd`.
 */
export const lightningBwdDk = kernel(
  {
    args: {
      q: input(T, ['B', 'H', 'N', 'D']),
      k: input(T, ['B', 'HK', 'N', 'D'], { optional: true }),
      v: input(T, ['B', 'HK', 'N', 'E']),
      dout: input(T, ['B', 'H', 'N', 'E']),
      slope: input(f32, ['H'], { optional: true }),
      g: input(f32, ['B', 'H', 'N'], { optional: true }),
      dhT: input(f32, ['B', 'H', 'D', 'E'], { optional: true }),
      dk: output(P, ['B', 'HG', 'N', 'D']),
      kdk: output(f32, ['B', 'H', 'P', 'N'], { optional: true }),
      dstates: output(T, ['B', 'H', 'A', 'D', 'E'], { optional: true }),
    },
    comptime: ['D', 'E'],
    options: {
      precise: false,
      stateGradient: false,
      tokenDecay: false,
      noDecay: false,
      reverse: false,
      tokenGradient: false,
    },
    tune: { ...COLUMNS, BD: [32, 64, 128, 16, 8] },
    prune: ({ BD, D }) => BD < 2 * D || BD === 8,
    // Through WebGPU half of the warps are best beside a large block of the state.
    prefer: ({ C, BD, warps, stages, B, H, N, D, E, processors, sharedBytes, elementBytes }) =>
      farFromBest(
        {
          C,
          columns: BD,
          warps: isWideOnWebgpu(E, BD, { processors, sharedBytes, elementBytes }) ? 2 * warps : warps,
          stages,
          G: 1,
        },
        { rows: E, total: D, heads: B * H, N, isSplit: false, isReverse: true },
        { processors, sharedBytes, elementBytes },
      ),
    tuneKey: ({ B, H, N }) => [B * H, N],
    grid: ({ B, H, D, BD }) => ({ d: cdiv(D, BD), h: H, b: B }),
  },
  (
    { q, k, v, dout, slope, g, dhT, dk, kdk, dstates },
    { H, HK, N, E, C, BD, precise, stateGradient, tokenDecay, noDecay, reverse, tokenGradient },
    { b, h, d },
  ) => {
    const X = precise ? f32 : T;
    const kvHead = idiv(h, idiv(H, HK));
    const [Q, V, DO, DK] = [q.at(b, h), v.at(b, kvHead), dout.at(b, h), dk.at(b, h)];
    // A chunk that is not whole: the last, which dstates wants, or the first.
    const isPartial = reverse ? tokenGradient : stateGradient;
    const s = noDecay || tokenDecay ? 0 : slope.get(h);
    const of = { tokenDecay, noDecay, reverse, isPartial };

    let state = zeros([E, BD], f32);
    if (stateGradient) state = trans(dhT.at(b, h).load([d * BD, 0], [BD, E]));
    for (const n of range(0, N, C, { reverse: !reverse })) {
      if (tokenGradient) {
        const at = reverse ? n : n + C;
        if (isBoundary(at, N)) dstates.at(b, h, idiv(at, SPAN)).store([d * BD, 0], trans(state));
      }
      const qi = Q.load([n, d * BD], [C, BD]);
      const vi = V.load([n, 0], [C, E]);
      const doi = DO.load([n, 0], [C, E]);
      const decay = laterDecaysAt(n, C, N, s, g.at(b, h), of);
      const dki = attend(vi, doi, qi, state, decay, X);
      DK.store([n, d * BD], dki);
      if (tokenGradient) kdk.at(b, h, d).store([n], sum(k.at(b, kvHead).load([n, d * BD], [C, BD]) * dki, 1));
      state = advanced(state, doi, qi, decay, X);
    }
    if (tokenGradient) dstates.at(b, h, 0).store([d * BD, 0], trans(state));
  },
);

/**
 * `lightningBwdDkDv` for heads of any size, dv and dh0: one program computes BE columns of both. Shapes, options and
 * source as of `lightningBwd`.
 */
export const lightningBwdDv = kernel(
  {
    args: {
      q: input(T, ['B', 'H', 'N', 'D']),
      k: input(T, ['B', 'HK', 'N', 'D']),
      dout: input(T, ['B', 'H', 'N', 'E']),
      slope: input(f32, ['H'], { optional: true }),
      g: input(f32, ['B', 'H', 'N'], { optional: true }),
      dhT: input(f32, ['B', 'H', 'D', 'E'], { optional: true }),
      dv: output(P, ['B', 'HG', 'N', 'E']),
      dh0: output(f32, ['B', 'H', 'D', 'E'], { optional: true }),
    },
    comptime: ['D', 'E'],
    options: {
      precise: false,
      initialState: false,
      stateGradient: false,
      tokenDecay: false,
      noDecay: false,
      reverse: false,
    },
    tune: { ...COLUMNS, BE: [32, 64, 128, 16, 8] },
    prune: ({ BE, E }) => BE < 2 * E || BE === 8,
    prefer: ({ C, BE, warps, stages, B, H, N, D, E, processors, sharedBytes, elementBytes }) =>
      farFromBest(
        { C, columns: BE, warps, stages, G: 1 },
        { rows: D, total: E, heads: B * H, N, isSplit: false, isReverse: true },
        { processors, sharedBytes, elementBytes },
      ),
    tuneKey: ({ B, H, N }) => [B * H, N],
    grid: ({ B, H, E, BE }) => ({ e: cdiv(E, BE), h: H, b: B }),
  },
  (
    { q, k, dout, slope, g, dhT, dv, dh0 },
    { H, HK, N, D, C, BE, precise, initialState, stateGradient, tokenDecay, noDecay, reverse },
    { b, h, e },
  ) => {
    const X = precise ? f32 : T;
    const kvHead = idiv(h, idiv(H, HK));
    const [Q, K, DO, DV] = [q.at(b, h), k.at(b, kvHead), dout.at(b, h), dv.at(b, h)];
    const isPartial = reverse ? initialState : stateGradient;
    const s = noDecay || tokenDecay ? 0 : slope.get(h);
    const of = { tokenDecay, noDecay, reverse, isPartial };

    let state = zeros([D, BE], f32);
    if (stateGradient) state = dhT.at(b, h).load([0, e * BE], [D, BE]);
    for (const n of range(0, N, C, { reverse: !reverse })) {
      const qi = Q.load([n, 0], [C, D]);
      const ki = K.load([n, 0], [C, D]);
      const doi = DO.load([n, e * BE], [C, BE]);
      const decay = laterDecaysAt(n, C, N, s, g.at(b, h), of);
      DV.store([n, e * BE], attend(ki, qi, doi, state, decay, X));
      state = advanced(state, qi, doi, decay, X);
    }
    if (initialState) dh0.at(b, h).store([0, e * BE], state);
  },
);

/** dk and dv of every query head, in one launch where the state of a head fits a program, else in two. */
export const lightningBwdKeys = plan(
  {
    args: {
      q: input(T, ['B', 'H', 'N', 'D']),
      k: input(T, ['B', 'HK', 'N', 'D']),
      v: input(T, ['B', 'HK', 'N', 'E']),
      dout: input(T, ['B', 'H', 'N', 'E']),
      slope: input(f32, ['H'], { optional: true }),
      g: input(f32, ['B', 'H', 'N'], { optional: true }),
      dhT: input(f32, ['B', 'H', 'D', 'E'], { optional: true }),
      dk: output(P, ['B', 'HG', 'N', 'D']),
      dv: output(P, ['B', 'HG', 'N', 'E']),
      dh0: output(f32, ['B', 'H', 'D', 'E'], { optional: true }),
      kdk: output(f32, ['B', 'H', 'P', 'N'], { optional: true }),
      dstates: output(T, ['B', 'H', 'A', 'D', 'E'], { optional: true }),
    },
    options: {
      precise: false,
      initialState: false,
      stateGradient: false,
      tokenDecay: false,
      noDecay: false,
      reverse: false,
      tokenGradient: false,
    },
    tune: { launches: [2, 1] },
    prune: ({ launches, D, E }) => launches === 2 || (D <= 128 && E <= 128),
    tuneKey: ({ B, H, N }) => [B * H, N],
  },
  (
    { q, k, v, dout, slope, g, dhT, dk, dv, dh0, kdk, dstates },
    { launches, precise, initialState, stateGradient, tokenDecay, noDecay, reverse, tokenGradient },
    run,
  ) => {
    const own = { precise, stateGradient, tokenDecay, noDecay, reverse };
    if (launches === 1)
      run(lightningBwdDkDv.with({ ...own, initialState, tokenGradient }), {
        q,
        k,
        v,
        dout,
        slope,
        g,
        dhT,
        dk,
        dv,
        dh0,
        kdk,
        dstates,
      });
    else {
      run(lightningBwdDk.with({ ...own, tokenGradient }), { q, k, v, dout, slope, g, dhT, dk, kdk, dstates });
      run(lightningBwdDv.with({ ...own, initialState }), { q, k, dout, slope, g, dhT, dv, dh0 });
    }
  },
);

/** Sums over the query heads that share a head of k and v: total_h = sum of parts of heads h H/HK .. (h + 1) H/HK - 1. */
export const lightningBwdGroups = kernel(
  {
    args: { parts: input(f32, ['B', 'H', 'N', 'D']), total: output(T, ['B', 'HK', 'N', 'D']) },
    comptime: ['D'],
    tune: { C: [32, 16, 8], warps: [4, 8, 2] },
    grid: ({ B, HK, N, C }) => ({ n: cdiv(N, C), h: HK, b: B }),
  },
  ({ parts, total }, { H, HK, D, C }, { n, h, b }) => {
    const group = idiv(H, HK);
    let all = zeros([C, D], f32);
    for (const r of range(group)) all += parts.at(b, h * group + r).load([n * C, 0], [C, D]);
    total.at(b, h).store([n * C, 0], all);
  },
);

/**
 * The backward pass of `lightningFwd`: from dout, the gradient of the loss by o, and with `stateGradient` dhT, that by hT,
 * the gradients dq, dk and dv; with `initialState` dh0; with `tokenGradient` dg, that
 * by the log-decay at each token, and with `slopeGradient` dslope. Nothing of the forward pass is kept: states are formed anew. No atomic additions: the same
 * bits every time.
 *
 * With G_t = dL/dS_t: dq_t = dout_t S_t^T, G_t = a_{t+1} G_{t+1} + q_t^T dout_t, and dhT more at the last token,
 * dk_t = v_t G_t^T, dv_t = k_t G_t, dh0 = a_0 G_0. All of them are the forward pass again, of (dout, v, k), and in reverse
 * time of (v, dout, q) and of (k, q, dout).
 *
 * q, dq [B, H, N, D]; k, dk [B, HK, N, D]; v, dv [B, HK, N, E]; dout [B, H, N, E]; slope, dslope [H]; g, dg [B, H, N];
 * h0, dhT, dh0 [B, H, D, E]. Options as of `lightningFwd`.
 * Source: Qin et al. 2024, "Lightning Attention-2", arXiv 2401.04658, algorithm 2; for g Yang et al. 2024, arXiv 2312.06635.
 */
export const lightningBwd = plan(
  {
    args: {
      q: input(T, ['B', 'H', 'N', 'D']),
      k: input(T, ['B', 'HK', 'N', 'D']),
      v: input(T, ['B', 'HK', 'N', 'E']),
      dout: input(T, ['B', 'H', 'N', 'E']),
      slope: input(f32, ['H'], { optional: true }),
      g: input(f32, ['B', 'H', 'N'], { optional: true }),
      h0: input(f32, ['B', 'H', 'D', 'E'], { optional: true }),
      dhT: input(f32, ['B', 'H', 'D', 'E'], { optional: true }),
      dq: output(T, ['B', 'H', 'N', 'D']),
      dk: output(T, ['B', 'HK', 'N', 'D']),
      dv: output(T, ['B', 'HK', 'N', 'E']),
      dh0: output(f32, ['B', 'H', 'D', 'E'], { optional: true }),
      dslope: output(f32, ['H'], { optional: true }),
      dg: output(f32, ['B', 'H', 'N'], { optional: true }),
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
    temps: ({ B, H, N, D, E }) => ({
      dkEach: temp(f32, [B, H, N, D]),
      dvEach: temp(f32, [B, H, N, E]),
      // At most so many programs compute parts of a row.
      qdq: temp(f32, [B, H, cdiv(D, 8), N], { fill: 0 }),
      kdk: temp(f32, [B, H, cdiv(D, 8), N], { fill: 0 }),
      dstates: temp(T, [B, H, idiv(N, SPAN) + 1, D, E]),
      flux: temp(f32, [B, H, idiv(N, SPAN) + 1, cdiv(D, 8)], { fill: 0 }),
      hdh: temp(f32, [B, H, cdiv(D, 8)], { fill: 0 }),
      slopes: temp(f32, [B, H, cdiv(E, 8)], { fill: 0 }),
    }),
  },
  (
    {
      q,
      k,
      v,
      dout,
      slope,
      g,
      h0,
      dhT,
      dq,
      dk,
      dv,
      dh0,
      dslope,
      dg,
      dkEach,
      dvEach,
      qdq,
      kdk,
      dstates,
      flux,
      hdh,
      slopes,
    },
    { H, HK, precise, initialState, stateGradient, tokenDecay, noDecay, reverse, tokenGradient, slopeGradient },
    run,
  ) => {
    const own = { precise, initialState, tokenDecay, noDecay, reverse };
    const queries = lightningBwdDq.with({ ...own, tokenGradient, stateGradient: tokenGradient && stateGradient });
    const keys = lightningBwdKeys.with({ ...own, tokenGradient, stateGradient });
    const given = { q, k, v, dout, slope, g, dhT };
    const ofKeys = tokenGradient ? { kdk, dstates } : { kdk: null, dstates: null };
    const ofQueries = tokenGradient ? { qdq, dstates, flux } : { qdq: null, dstates: null, flux: null };

    if (H === HK) run(keys, { ...given, dk, dv, dh0, ...ofKeys });
    else {
      run(keys, { ...given, dk: dkEach, dv: dvEach, dh0, ...ofKeys });
      run(lightningBwdGroups, { parts: dkEach, total: dk });
      run(lightningBwdGroups, { parts: dvEach, total: dv });
    }
    run(queries, { ...given, h0, dq, ...ofQueries, hdh: tokenGradient && stateGradient ? hdh : null });
    if (tokenGradient) run(lightningBwdSpans.with({ reverse }), { qdq, kdk, hdh, flux, dg });
    if (slopeGradient) {
      const ofSlope = lightningBwdSlopeParts.with({ precise, initialState, stateGradient, reverse });
      run(ofSlope, { q, k, v, dout, slope, h0, dhT, parts: slopes });
      run(lightningBwdSlopeSum, { parts: slopes, dslope });
    }
  },
);
