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
  full,
  i32,
  idiv,
  inout,
  input,
  kernel,
  minimum,
  output,
  range,
  row,
  sum,
  trans,
  zeros,
} from '../../dsl/index.js';
import { doublings, up, WEBGPU_BYTES, within } from '../blocks.js';
import { farFromBestHalf } from './blocks.js';
import { advanced, attend } from './chunk.js';
import { decaysAt } from './later-decay.js';

const T = dtypes('T', f32, f16, bf16);

/**
 * One token of B sequences, each onto a state of its own, in place: S = a S + k^T v; o = q S. The state is read and
 * written once, and nothing else is large: a program holds a BD x BE block of it in registers, computed in f32.
 *
 * q [B, H, D]; k [B, HK, D]; v [B, HK, E]; o [B, H, E]; state [B, H, D, E]. Query head h reads k and v of head
 * floor(h HK / H), so that fewer heads of k and v serve groups of H / HK. a = exp(-slope_h), slope [H] >= 0 in 1/token;
 * with `tokenDecay` exp(g), g [B, H] <= 0; with `noDecay` 1.
 * Source: Qin et al. 2024, "Lightning Attention-2", arXiv 2401.04658, the recurrent form.
 */
export const lightningStep = kernel(
  {
    args: {
      q: input(T, ['B', 'H', 'D']),
      k: input(T, ['B', 'HK', 'D']),
      v: input(T, ['B', 'HK', 'E']),
      slope: input(f32, ['H'], { optional: true }),
      g: input(f32, ['B', 'H'], { optional: true }),
      state: inout(f32, ['B', 'H', 'D', 'E']),
      o: output(T, ['B', 'H', 'E']),
    },
    comptime: ['D', 'E'],
    options: { tokenDecay: false, noDecay: false },
    tune: { BD: [128, 64, 32, 16, 256], BE: [32, 64, 16, 128, 8], warps: [4, 2, 8, 1], stages: [1, 2] },
    prune: ({ BD, BE, D, E }) => (BE < 2 * E || BE === 8) && (BD < 2 * D || BD === 16),
    tuneKey: ({ B, H }) => [B * H],
    grid: ({ B, H, E, BE }) => ({ e: cdiv(E, BE), h: H, b: B }),
  },
  ({ q, k, v, slope, g, state, o }, { H, HK, D, BD, BE, tokenDecay, noDecay }, { b, h, e }) => {
    const group = idiv(h, idiv(H, HK));
    const Q = q.at(b, h);
    const K = k.at(b, group);
    const S = state.at(b, h);
    const decay = noDecay ? 1 : exp(tokenDecay ? g.get(b, h) : -slope.get(h));
    const vi = row(cast(v.at(b, group).load([e * BE], [BE]), f32));

    let out = zeros([BE], f32);
    for (const d of range(0, D, BD)) {
      const ki = cast(K.load([d], [BD]), f32);
      const qi = cast(Q.load([d], [BD]), f32);
      const s = S.load([d, e * BE], [BD, BE]) * decay + col(ki) * vi;
      S.store([d, e * BE], s);
      out = out + sum(col(qi) * s, 0);
    }
    o.at(b, h).store([e * BE], out);
  },
);

/**
 * N more tokens of each sequence onto its state, in place: the forward pass of a chunk of a prompt, or of a whole one.
 *
 * q, o [B, H, N, D | E]; k, v [B, HK, N, D | E]; g [B, H, N]; the rest as of `lightningStep`. With 16-bit inputs what is
 * multiplied again is rounded to 16 bits, unless `precise`; the state stays in f32.
 * Source: arXiv 2401.04658, algorithm 1.
 */
export const lightningExtend = kernel(
  {
    args: {
      q: input(T, ['B', 'H', 'N', 'D']),
      k: input(T, ['B', 'HK', 'N', 'D']),
      v: input(T, ['B', 'HK', 'N', 'E']),
      slope: input(f32, ['H'], { optional: true }),
      g: input(f32, ['B', 'H', 'N'], { optional: true }),
      state: inout(f32, ['B', 'H', 'D', 'E']),
      o: output(T, ['B', 'H', 'N', 'E']),
    },
    comptime: ['D', 'E'],
    options: { precise: false, tokenDecay: false, noDecay: false },
    tune: { C: [32, 64, 16, 8], BE: [32, 64, 128, 16, 8], warps: [4, 8, 2], stages: [2, 1, 3] },
    prune: ({ C, BE, D, E }) => (BE < 2 * E || BE === 8) && C * (2 * D + BE) * 2 + D * BE * 4 <= 128 * 1024,
    // On a CPU, few tokens at once: what is added to a state is short, and fills the last chunk in part.
    prefer: ({ C, BE, warps, stages, B, H, N, D, E, processors, sharedBytes, elementBytes }) =>
      processors === 1
        ? Math.abs(Math.log2(C / 16))
        : farFromBestHalf(
            { C, columns: BE, warps, stages },
            { rows: D, total: E, heads: B * H, N },
            { processors, sharedBytes, elementBytes },
          ),
    tuneKey: ({ B, H, N }) => [B * H, N],
    grid: ({ B, H, E, BE }) => ({ e: cdiv(E, BE), h: H, b: B }),
  },
  ({ q, k, v, slope, g, state, o }, { H, HK, N, D, C, BE, precise, tokenDecay, noDecay }, { b, h, e }) => {
    const X = precise ? f32 : T; // of what is computed here and multiplied again
    const group = idiv(h, idiv(H, HK));
    const Q = q.at(b, h);
    const K = k.at(b, group);
    const V = v.at(b, group);
    const S = state.at(b, h);
    const O = o.at(b, h);

    const rate = noDecay || tokenDecay ? 0 : slope.get(h);
    const of = { tokenDecay, noDecay, reverse: false, isPartial: true };
    let kv = S.load([0, e * BE], [D, BE]);
    for (const n of range(0, N, C)) {
      const qi = Q.load([n, 0], [C, D]);
      const ki = K.load([n, 0], [C, D]);
      const vi = V.load([n, e * BE], [C, BE]);
      const decay = decaysAt(n, C, N, rate, g.at(b, h), of);
      O.store([n, e * BE], attend(qi, ki, vi, kv, decay, X));
      kv = advanced(kv, ki, vi, decay, X);
    }
    S.store([0, e * BE], kv);
  },
);

/**
 * Outputs of N proposed tokens of each sequence, as `lightningExtend` gives them, the states left as they are: to verify
 * what a draft model proposes. `keepStates` writes the states after each of the tokens; else `lightningAccept` makes the
 * one that is wanted.
 *
 * Nothing of the state is carried from chunk to chunk: chunk n of C tokens reads the state itself and all earlier chunks.
 * So N may be anything, but what this is for is N <= C.
 *
 * state [B, H, D, E] before the first token; states [B, N, H, D, E]; the rest as of `lightningExtend`.
 */
export const lightningVerify = kernel(
  {
    args: {
      q: input(T, ['B', 'H', 'N', 'D']),
      k: input(T, ['B', 'HK', 'N', 'D']),
      v: input(T, ['B', 'HK', 'N', 'E']),
      slope: input(f32, ['H'], { optional: true }),
      g: input(f32, ['B', 'H', 'N'], { optional: true }),
      state: input(f32, ['B', 'H', 'D', 'E']),
      o: output(T, ['B', 'H', 'N', 'E']),
      states: output(f32, ['B', 'N', 'H', 'D', 'E'], { optional: true }),
    },
    comptime: ['D', 'E'],
    options: { precise: false, tokenDecay: false, noDecay: false, keepStates: false },
    tune: { C: [16, 8, 32], BE: [32, 64, 16, 128, 8], warps: [4, 2, 8, 1], stages: [1, 2] },
    prune: ({ C, BE, D, E }) => (BE < 2 * E || BE === 8) && C * (2 * D + BE) * 2 + D * BE * 4 <= 96 * 1024,
    // Through WebGPU few tokens of padding, and half of the columns of a large state.
    prefer: ({ C, BE, warps, stages, N, E, processors, sharedBytes }) =>
      processors === 1 || sharedBytes > WEBGPU_BYTES
        ? 0
        : doublings(C, up(within(8, N, 32))) +
          doublings(BE, Math.min(64, up(E))) +
          doublings(warps, 4) +
          Math.abs(stages - 2),
    tuneKey: ({ B, H, N }) => [B * H, N],
    grid: ({ B, H, N, C, E, BE }) => ({ e: cdiv(E, BE), n: cdiv(N, C), h: H, b: B }),
  },
  ({ q, k, v, slope, g, state, o, states }, env, { b, h, n, e }) => {
    const { H, HK, N, D, C, BE, precise, tokenDecay, noDecay, keepStates } = env;
    const X = precise ? f32 : T; // of what is computed here and multiplied again
    const group = idiv(h, idiv(H, HK));
    const K = k.at(b, group);
    const V = v.at(b, group);
    const G = g.at(b, h);
    const before = state.at(b, h).load([0, e * BE], [D, BE]);
    const qi = q.at(b, h).load([n * C, 0], [C, D]);

    const rate = noDecay || tokenDecay ? 0 : slope.get(h);
    const of = { tokenDecay, noDecay, reverse: false, isPartial: false };
    const own = decaysAt(n * C, C, N, rate, G, of);
    const p = dot(qi, trans(K.load([n * C, 0], [C, D]))) * own.between;
    const intra = dot(cast(p, X), cast(V.load([n * C, e * BE], [C, BE]), X));

    let passed = full([], 1, f32); // decay over the chunks between
    let inter = zeros([C, BE], f32);
    for (const m of range(0, n * C, C, { reverse: true })) {
      const decay = decaysAt(m, C, N, rate, G, of);
      const ki = K.load([m, 0], [C, D]) * decay.toEnd;
      const past = dot(cast(qi, X), trans(cast(ki, X)));
      inter = inter + dot(cast(past, X), cast(V.load([m, e * BE], [C, BE]), X)) * passed;
      passed = passed * decay.across;
    }
    inter = inter + dot(cast(qi, X), cast(before, X)) * passed;
    o.at(b, h).store([n * C, e * BE], (intra + inter * own.fromStart) * own.near);

    if (keepStates && n === 0) {
      let after = before;
      for (const t of range(N)) {
        const kt = cast(K.at(t).load([0], [D]), f32);
        const vt = cast(V.at(t).load([e * BE], [BE]), f32);
        after = after * (noDecay ? 1 : exp(tokenDecay ? G.get(t) : -rate)) + col(kt) * row(vt);
        states.at(b, t, h).store([0, e * BE], after);
      }
    }
  },
);

/**
 * Each sequence's state, in place, after the first accepted_b of N proposed tokens. Fewer than 0 count as 0, which costs
 * nothing, more than N as N.
 *
 * k [B, HK, N, D]; v [B, HK, N, E]; accepted [B]; slope, g and state as of `lightningExtend`.
 */
export const lightningAccept = kernel(
  {
    args: {
      k: input(T, ['B', 'HK', 'N', 'D']),
      v: input(T, ['B', 'HK', 'N', 'E']),
      slope: input(f32, ['H'], { optional: true }),
      g: input(f32, ['B', 'H', 'N'], { optional: true }),
      accepted: input(i32, ['B']),
      state: inout(f32, ['B', 'H', 'D', 'E']),
    },
    comptime: ['D', 'E'],
    options: { tokenDecay: false, noDecay: false },
    tune: { BD: [128, 64, 32, 16, 256], BE: [32, 64, 16, 128, 8], warps: [4, 2, 8, 1], stages: [1, 2] },
    prune: ({ BD, BE, D, E }) => (BE < 2 * E || BE === 8) && (BD < 2 * D || BD === 16),
    tuneKey: ({ B, H, N }) => [B * H, N],
    grid: ({ B, H, D, BD, E, BE }) => ({ e: cdiv(E, BE), d: cdiv(D, BD), h: H, b: B }),
  },
  ({ k, v, slope, g, accepted, state }, { H, HK, N, BD, BE, tokenDecay, noDecay }, { b, h, d, e }) => {
    const count = minimum(accepted.get(b), N);
    if (count <= 0) return;
    const group = idiv(h, idiv(H, HK));
    const K = k.at(b, group);
    const V = v.at(b, group);
    const G = g.at(b, h);
    const S = state.at(b, h);
    const every = noDecay || tokenDecay ? 1 : exp(-slope.get(h));
    let s = S.load([d * BD, e * BE], [BD, BE]);
    for (const t of range(0, count, 1, { unroll: 4 })) {
      const kt = cast(K.at(t).load([d * BD], [BD]), f32);
      const vt = cast(V.at(t).load([e * BE], [BE]), f32);
      s = s * (tokenDecay ? exp(G.get(t)) : every) + col(kt) * row(vt);
    }
    S.store([d * BD, e * BE], s);
  },
);
