import {
  all,
  bf16,
  cast,
  cdiv,
  col,
  dot,
  dtypes,
  exp,
  f16,
  f32,
  i32,
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
 * `lightningFwd` of sequences of different lengths, one after the other in the same tensors: sequence s holds tokens
 * offset_s <= n < offset_{s+1}, attends to nothing outside, and may be empty. hT is its state after the last token:
 * the sum over its tokens of exp(-slope (last - j)) k_j^T v_j, 0 of an empty one.
 *
 * q, k [N, H, D]; v, o [N, H, E]; offset [S1], S1 = S + 1, ascending; slope [H] >= 0, in 1/token; hT [S, H, D, E].
 */
export const lightningPacked = kernel(
  {
    args: {
      q: input(T, ['N', 'H', 'D']),
      k: input(T, ['N', 'H', 'D']),
      v: input(T, ['N', 'H', 'E']),
      offset: input(i32, ['S1']),
      slope: input(f32, ['H']),
      o: output(T, ['N', 'H', 'E']),
      hT: output(f32, ['S', 'H', 'D', 'E']),
    },
    comptime: ['D', 'E'],
    tune: { C: [32, 64, 16, 8], BE: [64, 32, 16, 8], warps: [4, 8, 2], stages: [2, 1] },
    prune: ({ BE, E }) => BE < 2 * E || BE === 8,
    grid: ({ S, H, E, BE }) => ({ e: cdiv(E, BE), h: H, s: S }),
  },
  ({ q, k, v, offset, slope, o, hT }, { N, D, C, BE }, { s, h, e }) => {
    const begin = offset.get(s);
    const end = minimum(offset.get(s + 1), N);
    const Q = q.at(all, h).slice(begin, end);
    const K = k.at(all, h).slice(begin, end);
    const V = v.at(all, h).slice(begin, end);
    const O = o.at(all, h).slice(begin, end);
    const a = slope.get(h);

    const i = iota(C);
    const dist = col(i) - row(i); // [C, C]
    const intraDecay = exp(where(dist >= 0, -a * dist, -Infinity));
    const qDecay = col(exp(-a * (i + 1)));

    let kv = zeros([D, BE], f32);
    for (const n of range(0, end - begin, C)) {
      const rows = minimum(end - begin - n, C); // tokens in this chunk
      const qi = Q.load([n, 0], [C, D]);
      const ki = K.load([n, 0], [C, D]);
      const vi = V.load([n, e * BE], [C, BE]);
      const kDecay = col(exp(where(i < rows, -a * (rows - 1 - i), -Infinity)));
      const p = dot(qi, trans(ki)) * intraDecay;
      O.store([n, e * BE], dot(cast(p, T), vi) + dot(qi, cast(kv, T)) * qDecay);
      kv = kv * exp(-a * rows) + dot(trans(cast(ki * kDecay, T)), vi);
    }
    hT.at(s, h).store([0, e * BE], kv);
  },
);
