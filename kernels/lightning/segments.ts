import {
  bf16,
  cast,
  cdiv,
  col,
  dot,
  dtypes,
  exp,
  exp2,
  f16,
  f32,
  i32,
  idiv,
  input,
  iota,
  kernel,
  maximum,
  minimum,
  output,
  plan,
  range,
  scalar,
  type Tile,
  temp,
  trans,
  zeros,
} from '../../dsl/index.js';
import { WEBGPU_BYTES } from '../blocks.js';
import { farFromBest, isWideOnWebgpu } from './blocks.js';
import {
  across,
  type ChunkDecay,
  decaySums,
  headDecays,
  noDecays,
  partialHeadDecays,
  toEnd,
  tokenDecays,
} from './decay.js';
import { lastOf, type Piece, pieceAt, reachOf, SEGMENTS, tokensOf } from './pieces.js';

const T = dtypes('T', f32, f16, bf16);

/**
 * Lightning Attention-2 in G segments, for few heads and long sequences: first of three launches. All segments but the
 * last are cut into as many `pieces` each; this computes the state of every piece as if it began from zero: the sum over
 * its tokens j of decay(j to its last token) k_j^T v_j.
 *
 * Of a head that forgets, only the end of a segment matters to the next one: tokens whose decay to there is below 2^-150
 * are not read, and pieces without others are not written. Small pieces share out what is left of the slow heads.
 * What is left away counts as 0 also where it is infinite or NaN. `skip: false` reads it all.
 *
 * `reverse`: states in reverse time, of all segments but the first, with decays to the token before the piece. With q and
 * dout in the place of k and v these are what the backward pass folds.
 *
 * k [B, HK, N, D], v [B, HK, N, E]: head h reads head floor(h HK / H). slope [H] >= 0, in 1/token; with `tokenDecay`
 * g [B, H, N] <= 0, a natural log; with `noDecay` neither. states [B, H, Q, D, E] f32, Q = (G - 1) pieces; with
 * `tokenDecay` also decays [B, H, Q], over whole pieces.
 * Source: the chunked form of arXiv 2401.04658, section 3.2, applied to segments of many chunks.
 */
export const segmentStates = kernel(
  {
    args: {
      k: input(T, ['B', 'HK', 'N', 'D']),
      v: input(T, ['B', 'HK', 'N', 'E']),
      slope: input(f32, ['H'], { optional: true }),
      g: input(f32, ['B', 'H', 'N'], { optional: true }),
      states: output(f32, ['B', 'H', 'Q', 'D', 'E']),
      decays: output(f32, ['B', 'H', 'Q'], { optional: true }),
      pieces: scalar(i32),
    },
    comptime: ['D', 'E'],
    options: { tokenDecay: false, noDecay: false, reverse: false, skip: true },
    tune: { C: [32, 64, 16, 8], BE: [64, 128, 32, 16, 8], warps: [4, 8, 2], stages: [2, 3, 1] },
    prune: ({ BE, E }) => BE < 2 * E || BE === 8,
    // Short chunks without an output: on CUDA another one is on its way, on WebGPU none.
    prefer: ({ C, BE, warps, stages, B, H, N, D, E, Q, processors, sharedBytes, elementBytes }) =>
      processors === 1
        ? 0
        : farFromBest(
            { C, columns: BE, warps, stages: stages + (sharedBytes > WEBGPU_BYTES ? -1 : 1), G: 1 },
            { rows: D, total: E, heads: B * H * Q, N: cdiv(N, Q + 1), isSplit: false, isReverse: false },
            { processors, sharedBytes, elementBytes },
          ),
    grid: ({ B, H, Q, E, BE }) => ({ e: cdiv(E, BE), q: Q, h: H, b: B }),
  },
  (
    { k, v, slope, g, states, decays, pieces },
    { H, HK, Q, N, D, C, BE, tokenDecay, noDecay, reverse, skip },
    { b, h: turn, q, e },
  ) => {
    const h = H - 1 - turn; // slopes usually fall from head to head: those that read most come first
    const each = maximum(pieces, 1); // pieces of a segment
    const { begin, end, before, after } = pieceAt(N, idiv(Q, each) + 1, each, reverse ? q + each : q);
    const away = reverse ? before : after; // tokens between the piece and the segment that is next in time
    const forgets = skip && !(tokenDecay || noDecay);
    const counted = forgets ? minimum(reachOf(slope.get(h)) - away, end - begin) : end - begin;
    if (forgets && reachOf(slope.get(h)) <= away) return;

    const kvHead = idiv(h, idiv(H, HK));
    const K = k.at(b, kvHead).slice(begin, end);
    const V = v.at(b, kvHead).slice(begin, end);
    // Whole chunks from the side of the next segment. What the last of them lacks reads 0.
    const tokens = cdiv(counted, C) * C;
    const first = reverse ? 0 : end - begin - tokens;
    const i = iota(C);

    let state = zeros([D, BE], f32);
    let halvings = 0;
    for (const n of range(first, first + tokens, C, { reverse })) {
      const ki = K.load([n, 0], [C, D]);
      const vi = V.load([n, e * BE], [C, BE]);
      if (noDecay) state = state + dot(trans(ki), vi);
      else if (tokenDecay) {
        const sums = decaySums(g.at(b, h).slice(begin, end).load([n], [C]), false);
        const kept = reverse ? exp2(sums.coarse + sums.fine) : toEnd(sums);
        state = state * across(sums) + dot(trans(cast(ki * col(kept), T)), vi);
        halvings += sums.coarseAll + sums.fineAll;
      } else {
        const s = slope.get(h);
        const kept = exp(-s * (reverse ? i + 1 : C - 1 - i));
        state = state * exp(-s * C) + dot(trans(cast(ki * col(kept), T)), vi);
      }
    }
    states.at(b, h, q).store([0, e * BE], state);
    if (tokenDecay) if (e === 0) decays.at(b, h).scatter([q], exp2(halvings));
  },
);

type Block = Tile<'f32', ['BD', 'E']>;

/**
 * Second launch: the state before each segment, folded from those of the pieces before it. `initialState` begins from h0;
 * `reverse` goes from the last segment to the first, and the state is what the last token of the segment sees.
 *
 * states [B, H, Q, D, E] and decays [B, H, Q] as `segmentStates` leaves them; tokens: N; initial [B, H, G, D, E] f32.
 */
export const segmentScan = kernel(
  {
    args: {
      states: input(f32, ['B', 'H', 'Q', 'D', 'E']),
      slope: input(f32, ['H'], { optional: true }),
      decays: input(f32, ['B', 'H', 'Q'], { optional: true }),
      h0: input(f32, ['B', 'H', 'D', 'E'], { optional: true }),
      initial: output(f32, ['B', 'H', 'G', 'D', 'E']),
      tokens: scalar(i32),
    },
    comptime: ['D', 'E'],
    options: { tokenDecay: false, noDecay: false, reverse: false, initialState: false },
    tune: { BD: [8, 4, 2, 1], warps: [8, 4, 2] },
    tuneKey: ({ B, H }) => [B * H],
    grid: ({ B, H, D, BD }) => ({ d: cdiv(D, BD), h: H, b: B }),
  },
  (
    { states, slope, decays, h0, initial, tokens },
    { Q, G, E, BD, tokenDecay, noDecay, reverse, initialState },
    { b, h, d },
  ) => {
    const pieces = maximum(idiv(Q, maximum(G - 1, 1)), 1);
    const s = tokenDecay || noDecay ? 0 : slope.get(h);
    const numberOf = (turn: number): number => (reverse ? Q - 1 - turn : turn);
    const pieceOf = (turn: number): Piece => pieceAt(tokens, G, pieces, numberOf(turn) + (reverse ? pieces : 0));
    // A view of what is not there, of pieces that do not count and past the last one, reads 0 and drops what is stored.
    const read = (turn: number): Block => {
      const { before, after } = pieceOf(turn);
      const counts = tokenDecay || noDecay || reachOf(s) > (reverse ? before : after);
      return states.at(b, h, counts ? numberOf(turn) : Q).load([d * BD, 0], [BD, E]);
    };

    const fold = (state: Block, own: Block, turn: number): Block => {
      const { begin, end, segment } = pieceOf(turn);
      const slopeDecay = exp(-s * cast(end - begin, f32));
      const decay = noDecay ? 1 : tokenDecay ? decays.at(b, h).get(numberOf(turn)) : slopeDecay;
      const next = state * decay + own;
      const isWhole = turn < Q && (turn + 1) % pieces === 0; // the segment
      const after = reverse ? segment - 1 : segment + 1;
      initial.at(b, h, isWhole ? after : G).store([d * BD, 0], next);
      return next;
    };

    let state = zeros([BD, E], f32);
    if (initialState) state = h0.at(b, h).load([d * BD, 0], [BD, E]);
    initial.at(b, h, reverse ? G - 1 : 0).store([d * BD, 0], state);
    for (const turn of range(0, Q, 4)) {
      const own = [read(turn), read(turn + 1), read(turn + 2), read(turn + 3)] as const; // on their way together
      state = fold(state, own[0], turn);
      state = fold(state, own[1], turn + 1);
      state = fold(state, own[2], turn + 2);
      state = fold(state, own[3], turn + 3);
    }
  },
);

/**
 * Third launch: the forward of every segment from the state before it. `finalState` writes that after the last token, hT.
 *
 * q [B, H, N, D], k [B, HK, N, D], v [B, HK, N, E], o [B, H, N, E]; slope [H] or g [B, H, N] as `segmentStates` has them;
 * initial [B, H, G, D, E] as `segmentScan` leaves it; hT [B, H, D, E].
 */
export const segmentFwd = kernel(
  {
    args: {
      q: input(T, ['B', 'H', 'N', 'D']),
      k: input(T, ['B', 'HK', 'N', 'D']),
      v: input(T, ['B', 'HK', 'N', 'E']),
      slope: input(f32, ['H'], { optional: true }),
      g: input(f32, ['B', 'H', 'N'], { optional: true }),
      initial: input(f32, ['B', 'H', 'G', 'D', 'E']),
      o: output(T, ['B', 'H', 'N', 'E']),
      hT: output(f32, ['B', 'H', 'D', 'E'], { optional: true }),
    },
    comptime: ['D', 'E'],
    options: { tokenDecay: false, noDecay: false, finalState: false },
    tune: { C: [32, 64, 16, 8], BE: [64, 128, 32, 16, 8], warps: [4, 8, 2], stages: [2, 3, 1] },
    prune: ({ BE, E }) => BE < 2 * E || BE === 8,
    // Through WebGPU fewer warps where states are large, and nothing loaded ahead.
    prefer: ({ C, BE, warps, stages, B, H, N, D, E, G, processors, sharedBytes, elementBytes }) =>
      processors === 1
        ? 0
        : farFromBest(
            {
              C,
              columns: BE,
              warps: isWideOnWebgpu(D, BE, { processors, sharedBytes, elementBytes }) ? 2 * warps : warps,
              stages: stages + (sharedBytes > WEBGPU_BYTES ? 0 : 1),
              G: 1,
            },
            { rows: D, total: E, heads: B * H * G, N: cdiv(N, G), isSplit: false, isReverse: false },
            { processors, sharedBytes, elementBytes },
          ),
    grid: ({ B, H, G, E, BE }) => ({ e: cdiv(E, BE), part: G, h: H, b: B }),
  },
  (
    { q, k, v, slope, g, initial, o, hT },
    { H, HK, N, G, D, C, BE, tokenDecay, noDecay, finalState },
    { b, h, part, e },
  ) => {
    const from = part * tokensOf(N, G);
    const end = minimum(from + tokensOf(N, G), N);
    const kvHead = idiv(h, idiv(H, HK));
    const Q = q.at(b, h);
    const K = k.at(b, kvHead);
    const V = v.at(b, kvHead);
    const O = o.at(b, h);
    const decaysAt = (n: number): ChunkDecay =>
      noDecay
        ? noDecays(C, false)
        : tokenDecay
          ? tokenDecays(g.at(b, h).load([n], [C]), false)
          : finalState
            ? partialHeadDecays(slope.get(h), C, minimum(N - n, C), false)
            : headDecays(slope.get(h), C, false);

    let state = initial.at(b, h, part).load([0, e * BE], [D, BE]);
    for (const n of range(from, end, C)) {
      const qi = Q.load([n, 0], [C, D]);
      const ki = K.load([n, 0], [C, D]);
      const vi = V.load([n, e * BE], [C, BE]);
      const decay = decaysAt(n);
      const p = dot(qi, trans(ki)) * decay.between;
      const inter = dot(qi, cast(state, T)) * decay.fromStart;
      O.store([n, e * BE], (dot(cast(p, T), vi) + inter) * decay.near);
      state = state * decay.across + dot(trans(cast(ki * decay.toEnd, T)), vi);
    }
    if (finalState) if (part === lastOf(N, G)) hT.at(b, h).store([0, e * BE], state);
  },
);

/**
 * All three launches, called like one kernel: `lightningFwd` in G segments, their states from `pieces` of each.
 *
 * q [B, H, N, D], k [B, HK, N, D], v [B, HK, N, E], o [B, H, N, E]: head h of q reads head floor(h HK / H) of k and v.
 * slope [H] >= 0, in 1/token; with `tokenDecay` g [B, H, N] <= 0, a natural log; with `noDecay` neither. h0, hT
 * [B, H, D, E]: the states before the first token, read with `initialState`, and after the last, written with `finalState`.
 */
export const lightningSegments = plan(
  {
    args: {
      q: input(T, ['B', 'H', 'N', 'D']),
      k: input(T, ['B', 'HK', 'N', 'D']),
      v: input(T, ['B', 'HK', 'N', 'E']),
      slope: input(f32, ['H'], { optional: true }),
      g: input(f32, ['B', 'H', 'N'], { optional: true }),
      h0: input(f32, ['B', 'H', 'D', 'E'], { optional: true }),
      o: output(T, ['B', 'H', 'N', 'E']),
      hT: output(f32, ['B', 'H', 'D', 'E'], { optional: true }),
    },
    options: { tokenDecay: false, noDecay: false, initialState: false, finalState: false },
    tune: SEGMENTS,
    // As many programs as a large GPU runs at once, each with work enough to be worth its state; pieces only where heads
    // may differ.
    prune: ({ B, H, N, D, G, pieces }) =>
      (G === 1 || (B * H * G * cdiv(D, 64) <= 264 && N >= 512 * G)) &&
      (pieces === 1 || (G > 1 && H > 1 && N >= 2048 * G * pieces)),
    tuneKey: ({ B, H, N }) => [B * H, N],
    temps: ({ B, H, D, E, G, pieces }) => ({
      states: temp(f32, [B, H, (G - 1) * pieces, D, E]),
      decays: temp(f32, [B, H, (G - 1) * pieces]),
      initial: temp(f32, [B, H, G, D, E]),
    }),
  },
  (
    { q, k, v, slope, g, h0, o, hT, states, decays, initial },
    { N, pieces, tokenDecay, noDecay, initialState, finalState },
    run,
  ) => {
    const decay = { tokenDecay, noDecay };
    run(segmentStates.with(decay), { k, v, slope, g, states, decays: tokenDecay ? decays : null, pieces });
    run(segmentScan.with({ ...decay, initialState }), {
      ...{ states, slope, h0, initial, tokens: N },
      decays: tokenDecay ? decays : null,
    });
    run(segmentFwd.with({ ...decay, finalState }), { q, k, v, slope, g, initial, o, hT });
  },
);
