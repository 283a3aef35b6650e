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
  maximum,
  minimum,
  output,
  plan,
  range,
  sum,
  temp,
  trans,
} from '../../dsl/index.js';
import { WEBGPU_BYTES } from '../blocks.js';
import { lightningBwdGroups } from './backward.js';
import { farFromBestHalf, farFromBestWhole } from './blocks.js';
import { advanced, attend } from './chunk.js';
import { isBoundary, lightningBwdSlopeParts, lightningBwdSlopeSum, lightningBwdSpans, SPAN } from './decay-gradient.js';
import { earlierDecaysAt, laterDecaysAt } from './later-decay.js';
import { lastOf, SEGMENTS, tokensOf } from './pieces.js';
import { segmentScan, segmentStates } from './segments.js';

const T = dtypes('T', f32, f16, bf16);
/** Of the gradients of k and v: f32 where those of several query heads are still to be added up. */
const P = dtypes('P', f32, f16, bf16);

/**
 * `lightningBwdDq` in G segments, each from the state before it: initial [B, H, G, D, E] as `segmentScan` leaves it. The
 * program of the last token writes hdh. Shapes, other options and source as there.
 */
export const segmentBwdDq = kernel(
  {
    args: {
      q: input(T, ['B', 'H', 'N', 'D'], { optional: true }),
      k: input(T, ['B', 'HK', 'N', 'D']),
      v: input(T, ['B', 'HK', 'N', 'E']),
      dout: input(T, ['B', 'H', 'N', 'E']),
      slope: input(f32, ['H'], { optional: true }),
      g: input(f32, ['B', 'H', 'N'], { optional: true }),
      initial: input(f32, ['B', 'H', 'G', 'D', 'E']),
      dhT: input(f32, ['B', 'H', 'D', 'E'], { optional: true }),
      dq: output(T, ['B', 'H', 'N', 'D']),
      qdq: output(f32, ['B', 'H', 'P', 'N'], { optional: true }),
      hdh: output(f32, ['B', 'H', 'P'], { optional: true }),
      dstates: input(T, ['B', 'H', 'A', 'D', 'E'], { optional: true }),
      flux: output(f32, ['B', 'H', 'A', 'P'], { optional: true }),
    },
    comptime: ['D', 'E'],
    options: { initialState: false, stateGradient: false, tokenDecay: false, noDecay: false, tokenGradient: false },
    tune: { C: [32, 64, 16, 8], BD: [32, 64, 128, 16, 8], warps: [4, 8, 2], stages: [2, 1] },
    prune: ({ C, BD, D, E }) => (BD < 2 * D || BD === 8) && C * (2 * E + BD) * 2 + E * BD * 4 <= 128 * 1024,
    // Through WebGPU with twice the warps of others.
    prefer: ({ C, BD, warps, stages, B, H, N, D, E, G, processors, sharedBytes, elementBytes }) =>
      processors === 1
        ? 0
        : farFromBestHalf(
            { C, columns: BD, warps: sharedBytes <= WEBGPU_BYTES ? warps / 2 : warps, stages },
            { rows: E, total: D, heads: B * H * G, N: cdiv(N, G) },
            { processors, sharedBytes, elementBytes },
          ),
    grid: ({ B, H, G, D, BD }) => ({ d: cdiv(D, BD), part: G, h: H, b: B }),
  },
  (
    { q, k, v, dout, slope, g, initial, dhT, dq, qdq, hdh, dstates, flux },
    { H, HK, N, G, E, C, BD, initialState, stateGradient, tokenDecay, noDecay, tokenGradient },
    { b, h, part, d },
  ) => {
    const from = part * tokensOf(N, G);
    const end = minimum(from + tokensOf(N, G), N);
    const kvHead = idiv(h, idiv(H, HK));
    const K = k.at(b, kvHead);
    const V = v.at(b, kvHead);
    const DO = dout.at(b, h);
    const DQ = dq.at(b, h);
    const s = noDecay || tokenDecay ? 0 : slope.get(h);
    const of = { tokenDecay, noDecay, reverse: false, isPartial: stateGradient };

    let state = trans(initial.at(b, h, part).load([d * BD, 0], [BD, E]));
    for (const n of range(from, end, C)) {
      if (tokenGradient) {
        const isCounted = initialState ? n === 0 || isBoundary(n, N) : isBoundary(n, N);
        if (isCounted) {
          const gradient = dstates.at(b, h, idiv(n, SPAN)).load([d * BD, 0], [BD, E]);
          flux.scatter([b, h, idiv(n, SPAN), d], sum(sum(gradient * trans(state), 1), 0));
        }
      }
      const ki = K.load([n, d * BD], [C, BD]);
      const vi = V.load([n, 0], [C, E]);
      const doi = DO.load([n, 0], [C, E]);
      const decay = earlierDecaysAt(n, C, N, s, g.at(b, h), of);
      const dqi = attend(doi, vi, ki, state, decay, T);
      DQ.store([n, d * BD], dqi);
      if (tokenGradient) {
        const qi = q.at(b, h).load([n, d * BD], [C, BD]);
        qdq.at(b, h, d).store([n], sum(qi * dqi, 1));
      }
      state = advanced(state, vi, ki, decay, T);
    }
    if (stateGradient)
      if (part === lastOf(N, G))
        hdh.at(b, h).scatter([d], sum(sum(dhT.at(b, h).load([d * BD, 0], [BD, E]) * trans(state), 1), 0));
  },
);

/**
 * `lightningBwdDkDv` in G segments, each from the gradient of the state after it: later [B, H, G, D, E], as `segmentScan`
 * leaves it in reverse time; without `stateGradient` 0 after the last token. The program of the first token writes dh0.
 * Shapes, other options and source as there.
 */
export const segmentBwdDkDv = kernel(
  {
    args: {
      q: input(T, ['B', 'H', 'N', 'D']),
      k: input(T, ['B', 'HK', 'N', 'D']),
      v: input(T, ['B', 'HK', 'N', 'E']),
      dout: input(T, ['B', 'H', 'N', 'E']),
      slope: input(f32, ['H'], { optional: true }),
      g: input(f32, ['B', 'H', 'N'], { optional: true }),
      later: input(f32, ['B', 'H', 'G', 'D', 'E']),
      dk: output(P, ['B', 'HG', 'N', 'D']),
      dv: output(P, ['B', 'HG', 'N', 'E']),
      dh0: output(f32, ['B', 'H', 'D', 'E'], { optional: true }),
      kdk: output(f32, ['B', 'H', 'P', 'N'], { optional: true }),
      dstates: output(T, ['B', 'H', 'A', 'D', 'E'], { optional: true }),
    },
    comptime: ['D', 'E'],
    options: { initialState: false, stateGradient: false, tokenDecay: false, noDecay: false, tokenGradient: false },
    tune: { C: [32, 64, 16, 8], warps: [4, 8, 2], stages: [2, 1] },
    prefer: ({ C, warps, stages, B, H, N, D, E, G, processors, sharedBytes, elementBytes }) =>
      processors === 1
        ? 0
        : farFromBestWhole(
            { C, warps, stages },
            { rows: D, total: E, heads: B * H * G, N: cdiv(N, G) },
            { processors, sharedBytes, elementBytes },
          ),
    grid: ({ B, H, G }) => ({ part: G, h: H, b: B }),
  },
  (
    { q, k, v, dout, slope, g, later, dk, dv, dh0, kdk, dstates },
    { H, HK, N, G, D, E, C, initialState, stateGradient, tokenDecay, noDecay, tokenGradient },
    { b, h, part },
  ) => {
    const from = part * tokensOf(N, G);
    const tokens = maximum(minimum(tokensOf(N, G), N - from), 0);
    const last = from + (cdiv(tokens, C) - 1) * C; // where the last chunk begins
    const kvHead = idiv(h, idiv(H, HK));
    const Q = q.at(b, h);
    const K = k.at(b, kvHead);
    const V = v.at(b, kvHead);
    const DO = dout.at(b, h);
    const DK = dk.at(b, h);
    const DV = dv.at(b, h);
    const s = noDecay || tokenDecay ? 0 : slope.get(h);
    const of = { tokenDecay, noDecay, reverse: false, isPartial: stateGradient };

    let state = later.at(b, h, part).load([0, 0], [D, E]);
    // Written so, and not as a range in reverse, it takes fewer registers, of which there are none to spare.
    for (const back of range(0, tokens, C)) {
      const n = last - back;
      if (tokenGradient) if (isBoundary(n + C, N)) dstates.at(b, h, idiv(n + C, SPAN)).store([0, 0], state);
      const qi = Q.load([n, 0], [C, D]);
      const ki = K.load([n, 0], [C, D]);
      const vi = V.load([n, 0], [C, E]);
      const doi = DO.load([n, 0], [C, E]);
      const decay = laterDecaysAt(n, C, N, s, g.at(b, h), of);
      const copy = cast(state, T);
      DV.store([n, 0], attend(ki, qi, doi, copy, decay, T));
      const dki = attend(vi, doi, qi, trans(copy), decay, T);
      DK.store([n, 0], dki);
      if (tokenGradient) kdk.at(b, h, 0).store([n], sum(ki * dki, 1));
      state = advanced(state, qi, doi, decay, T);
    }
    if (initialState)
      if (part === 0) {
        dh0.at(b, h).store([0, 0], state);
        if (tokenGradient) dstates.at(b, h, 0).store([0, 0], state);
      }
  },
);

/**
 * `lightningBwd` in G segments, for few heads, long sequences, and heads whose state fits a program: D and E up to 128.
 * The states of segments are formed twice: of (k, v) in the order of time for dq, and of (q, dout) in reverse for dk and dv.
 *
 * Shapes and options as of `lightningBwd`, but for `precise` and `reverse`; `pieces` as of `lightningSegments`. dslope is
 * computed without segments.
 */
export const lightningSegmentsBwd = plan(
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
      initialState: false,
      stateGradient: false,
      tokenDecay: false,
      noDecay: false,
      tokenGradient: false,
      slopeGradient: false,
    },
    tune: SEGMENTS,
    prune: ({ B, H, N, D, G, pieces }) =>
      (G === 1 || (B * H * G * cdiv(D, 64) <= 264 && N >= 512 * G)) &&
      (pieces === 1 || (G > 1 && H > 1 && N >= 2048 * G * pieces)),
    tuneKey: ({ B, H, N }) => [B * H, N],
    temps: ({ B, H, N, D, E, G, pieces }) => ({
      states: temp(f32, [B, H, (G - 1) * pieces, D, E]),
      decays: temp(f32, [B, H, (G - 1) * pieces]),
      initial: temp(f32, [B, H, G, D, E]),
      later: temp(f32, [B, H, G, D, E]),
      dkEach: temp(f32, [B, H, N, D]),
      dvEach: temp(f32, [B, H, N, E]),
      // At most so many programs compute parts of a row.
      qdq: temp(f32, [B, H, cdiv(D, 8), N], { fill: 0 }),
      kdk: temp(f32, [B, H, 1, N]),
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
      states,
      decays,
      initial,
      later,
      dkEach,
      dvEach,
      qdq,
      kdk,
      dstates,
      flux,
      hdh,
      slopes,
    },
    { H, HK, N, pieces, initialState, stateGradient, tokenDecay, noDecay, tokenGradient, slopeGradient },
    run,
  ) => {
    const decay = { tokenDecay, noDecay };
    const each = { slope, g, decays: tokenDecay ? decays : null };
    const given = { q, k, v, dout, slope, g };
    const hasEnd = tokenGradient && stateGradient;
    run(segmentStates.with(decay), { k, v, states, pieces, ...each });
    run(segmentScan.with({ ...decay, initialState }), { states, slope, decays: each.decays, h0, initial, tokens: N });

    const back = { ...decay, reverse: true };
    const keys = segmentBwdDkDv.with({ ...decay, initialState, stateGradient, tokenGradient });
    const kept = { later, dh0, ...(tokenGradient ? { kdk, dstates } : { kdk: null, dstates: null }) };
    run(segmentStates.with(back), { k: q, v: dout, states, pieces, ...each });
    run(segmentScan.with({ ...back, initialState: stateGradient }), {
      ...{ states, slope, decays: each.decays, initial: later, tokens: N },
      h0: dhT,
    });
    if (H === HK) run(keys, { ...given, ...kept, dk, dv });
    else {
      run(keys, { ...given, ...kept, dk: dkEach, dv: dvEach });
      run(lightningBwdGroups, { parts: dkEach, total: dk });
      run(lightningBwdGroups, { parts: dvEach, total: dv });
    }
    run(segmentBwdDq.with({ ...decay, initialState, tokenGradient, stateGradient: hasEnd }), {
      ...given,
      ...(tokenGradient ? { qdq, dstates, flux } : { qdq: null, dstates: null, flux: null }),
      initial,
      dhT,
      dq,
      hdh: hasEnd ? hdh : null,
    });
    if (tokenGradient) run(lightningBwdSpans, { qdq, kdk, hdh, flux, dg });
    if (slopeGradient) {
      const ofSlope = lightningBwdSlopeParts.with({ initialState, stateGradient });
      run(ofSlope, { q, k, v, dout, slope, h0, dhT, parts: slopes });
      run(lightningBwdSlopeSum, { parts: slopes, dslope });
    }
  },
);
