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
  range,
  row,
  trans,
  where,
  zeros,
} from '../../dsl/index.js';

const T = dtypes('T', f32, f16, bf16);

/**
 * Lightning Attention-2, forward: o_t = sum over j <= t of exp(-slope (t - j)) (q_t . k_j) v_j, one slope a head.
 *
 * Chunks of C tokens: the masked product inside a chunk (C x C, quadratic) plus a running D x BE state of all earlier
 * chunks. One program computes BE columns of v for one head, and one of G parts of the sequence: with few heads, G > 1
 * fills the device at the price of forming the state before the part anew (the state update alone, about a third of the
 * work). No exponent is positive, so nothing can overflow that the inputs do not overflow.
 *
 * With 16-bit inputs, what is computed on the way (scores, scaled keys, the state) is rounded to 16 bits before it is
 * multiplied again, as in the paper's own kernels. `precise` keeps it in f32: only inputs and outputs are rounded.
 *
 * q, k [B, H, N, D]; v, o [B, H, N, E]; slope [H] >= 0, in 1/token (0: no decay). D and E from 1 up.
 * Source: Qin et al. 2024, "Lightning Attention-2", arXiv 2401.04658, algorithm 1.
 */
export const lightningFwd = kernel(
  {
    args: {
      q: input(T, ['B', 'H', 'N', 'D']),
      k: input(T, ['B', 'H', 'N', 'D']),
      v: input(T, ['B', 'H', 'N', 'E']),
      slope: input(f32, ['H']),
      o: output(T, ['B', 'H', 'N', 'E']),
    },
    comptime: ['D', 'E'],
    options: { precise: false },
    tune: {
      C: [32, 64, 128, 16, 8],
      BE: [32, 64, 128, 16, 8],
      warps: [4, 8, 2],
      stages: [2, 1, 3],
      G: [1, 4, 2, 8],
    },
    // At most one half of the last column block may be padding; the smallest block serves every narrower E. Parts only
    // where heads alone cannot fill a GPU and the sequence is long enough to share.
    prune: ({ C, BE, D, E, B, H, N, G }) =>
      (BE < 2 * E || BE === 8) &&
      C * (2 * D + BE) * 2 + D * BE * 4 <= 96 * 1024 &&
      G > 1 === (N >= 2048 && B * H * cdiv(E, BE) * 2 <= 128) &&
      (G === 1 || B * H * cdiv(E, BE) * G <= 256),
    tuneKey: ({ B, H, N }) => [B * H, N],
    grid: ({ B, H, E, BE, G }) => ({ e: cdiv(E, BE), g: G, h: H, b: B }),
  },
  ({ q, k, v, slope, o }, { N, D, C, BE, G, precise }, { b, h, g, e }) => {
    const X = precise ? f32 : T; // of what is computed here and multiplied again
    const Q = q.at(b, h);
    const K = k.at(b, h);
    const V = v.at(b, h);
    const O = o.at(b, h);
    const s = slope.get(h);

    const i = iota(C);
    const dist = col(i) - row(i); // [C, C]
    const intraDecay = exp(where(dist >= 0, -s * dist, -Infinity)); // lower-triangular
    const qDecay = col(exp(-s * i)); // [C, 1]
    const kDecay = col(exp(-s * (C - i))); // [C, 1]
    const blockDecay = exp(-s * C);

    const part = cdiv(cdiv(N, G), C) * C; // tokens of a part, whole chunks
    const first = minimum(g * part, N);

    let kv = zeros([D, BE], f32); // sum over earlier j of exp(-s (n - j)) k_j v_j
    for (const n of range(0, first, C)) {
      const ki = K.load([n, 0], [C, D]);
      const vi = V.load([n, e * BE], [C, BE]);
      kv = kv * blockDecay + dot(trans(cast(ki * kDecay, X)), cast(vi, X));
    }
    for (const n of range(first, minimum(first + part, N), C)) {
      const qi = Q.load([n, 0], [C, D]); // tail rows read 0
      const ki = K.load([n, 0], [C, D]);
      const vi = V.load([n, e * BE], [C, BE]);

      const p = dot(qi, trans(ki)) * intraDecay;
      const intra = dot(cast(p, X), cast(vi, X));
      const inter = dot(cast(qi, X), cast(kv, X)) * qDecay;
      O.store([n, e * BE], intra + inter); // tail rows dropped

      kv = kv * blockDecay + dot(trans(cast(ki * kDecay, X)), cast(vi, X));
    }
  },
);

/** With 16-bit inputs: a third less error, for several times the arithmetic. */
export const lightningPrecise = lightningFwd.with({ precise: true });
