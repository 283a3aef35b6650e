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

const T = dtypes('T', f32, f16, bf16);

/**
 * Lightning Attention-2 in G segments, for few heads and long sequences: first of two launches. Segment g holds tokens
 * g*per <= n < (g+1)*per with per = ceil(N / G); this computes each segment's own state, as if it began from zero:
 * states[g] = sum over j in the segment of exp(-slope (last - j)) k_j^T v_j, `last` its last token.
 *
 * k [B, H, N, D]; v [B, H, N, E]; slope [H] >= 0, in 1/token; states [B, H, G, D, E] f32. G is read off `states`.
 * Source: the chunked form of arXiv 2401.04658, section 3.2, applied to segments of many chunks.
 */
export const segmentStates = kernel(
  {
    args: {
      k: input(T, ['B', 'H', 'N', 'D']),
      v: input(T, ['B', 'H', 'N', 'E']),
      slope: input(f32, ['H']),
      states: output(f32, ['B', 'H', 'G', 'D', 'E']),
    },
    comptime: ['D', 'E'],
    tune: { C: [32, 64, 16, 8], BE: [64, 32, 16, 8], warps: [4, 8, 2], stages: [2, 1] },
    prune: ({ BE, E }) => BE < 2 * E || BE === 8,
    grid: ({ B, H, G, E, BE }) => ({ e: cdiv(E, BE), g: G, h: H, b: B }),
  },
  ({ k, v, slope, states }, { N, G, D, C, BE }, { b, h, g, e }) => {
    const per = cdiv(N, G);
    const from = g * per;
    const length = minimum(N - from, per); // of the last segments less, or negative: then there is no chunk
    const K = k.at(b, h).slice(from, from + per);
    const V = v.at(b, h).slice(from, from + per);
    const s = slope.get(h);
    const i = iota(C);

    let kv = zeros([D, BE], f32);
    for (const n of range(0, length, C)) {
      const rows = minimum(length - n, C); // tokens in this chunk
      const ki = K.load([n, 0], [C, D]);
      const vi = V.load([n, e * BE], [C, BE]);
      const decay = exp(where(i < rows, -s * (rows - 1 - i), -Infinity));
      kv = kv * exp(-s * rows) + dot(trans(cast(ki * col(decay), T)), vi);
    }
    states.at(b, h, g).store([0, e * BE], kv);
  },
);

/**
 * Second launch: the forward of every segment from the state before it, which each program folds from `states`.
 *
 * q, k [B, H, N, D]; v, o [B, H, N, E]; slope [H]; states [B, H, G, D, E] as `segmentStates` leaves them.
 */
export const segmentFwd = kernel(
  {
    args: {
      q: input(T, ['B', 'H', 'N', 'D']),
      k: input(T, ['B', 'H', 'N', 'D']),
      v: input(T, ['B', 'H', 'N', 'E']),
      slope: input(f32, ['H']),
      states: input(f32, ['B', 'H', 'G', 'D', 'E']),
      o: output(T, ['B', 'H', 'N', 'E']),
    },
    comptime: ['D', 'E'],
    tune: { C: [32, 64, 16, 8], BE: [64, 32, 16, 8], warps: [4, 8, 2], stages: [2, 1] },
    prune: ({ BE, E }) => BE < 2 * E || BE === 8,
    grid: ({ B, H, G, E, BE }) => ({ e: cdiv(E, BE), g: G, h: H, b: B }),
  },
  ({ q, k, v, slope, states, o }, { N, G, D, C, BE }, { b, h, g, e }) => {
    const per = cdiv(N, G);
    const from = g * per;
    const Q = q.at(b, h).slice(from, from + per);
    const K = k.at(b, h).slice(from, from + per);
    const V = v.at(b, h).slice(from, from + per);
    const O = o.at(b, h).slice(from, from + per);
    const s = slope.get(h);

    const i = iota(C);
    const dist = col(i) - row(i); // [C, C]
    const intraDecay = exp(where(dist >= 0, -s * dist, -Infinity));
    const qDecay = col(exp(-s * (i + 1)));
    const kDecay = col(exp(-s * (C - 1 - i)));
    const chunkDecay = exp(-s * C);
    const segmentDecay = exp(-s * per);

    let kv = zeros([D, BE], f32);
    for (const before of range(0, g)) kv = kv * segmentDecay + states.at(b, h, before).load([0, e * BE], [D, BE]);

    for (const n of range(0, minimum(N - from, per), C)) {
      const qi = Q.load([n, 0], [C, D]);
      const ki = K.load([n, 0], [C, D]);
      const vi = V.load([n, e * BE], [C, BE]);
      const p = dot(qi, trans(ki)) * intraDecay;
      O.store([n, e * BE], dot(cast(p, T), vi) + dot(qi, cast(kv, T)) * qDecay);
      kv = kv * chunkDecay + dot(trans(cast(ki * kDecay, T)), vi);
    }
  },
);

/**
 * Both launches, called like one kernel: o as of `lightningFwd`.
 *
 * q, k [B, H, N, D]; v, o [B, H, N, E]; slope [H] >= 0, in 1/token. More segments than fill the device cost reading states.
 */
export const lightningSegments = plan(
  {
    args: {
      q: input(T, ['B', 'H', 'N', 'D']),
      k: input(T, ['B', 'H', 'N', 'D']),
      v: input(T, ['B', 'H', 'N', 'E']),
      slope: input(f32, ['H']),
      o: output(T, ['B', 'H', 'N', 'E']),
    },
    tune: { G: [8, 16, 4, 2, 1] },
    tuneKey: ({ B, H, N }) => [B * H, N],
    temps: ({ B, H, D, E, G }) => ({ states: temp(f32, [B, H, G, D, E]) }),
  },
  ({ q, k, v, slope, o, states }, _sizes, run) => {
    run(segmentStates, { k, v, slope, states });
    run(segmentFwd, { q, k, v, slope, states, o });
  },
);
