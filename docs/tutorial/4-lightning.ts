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
  output,
  range,
  row,
  trans,
  where,
  zeros,
} from 'lac';

const T = dtypes('T', f32, f16, bf16);

/**
 * Lightning Attention: o_t = sum over j <= t of exp(-slope (t - j)) (q_t . k_j) v_j, one slope a head.
 *
 * q, k [B, H, N, D]; v, o [B, H, N, E]; slope [H] >= 0, in 1/token. Source: arXiv 2401.04658, algorithm 1.
 */
export const lightning = kernel(
  {
    args: {
      q: input(T, ['B', 'H', 'N', 'D']),
      k: input(T, ['B', 'H', 'N', 'D']),
      v: input(T, ['B', 'H', 'N', 'E']),
      slope: input(f32, ['H']),
      o: output(T, ['B', 'H', 'N', 'E']),
    },
    comptime: ['D', 'E'],
    tune: { C: [32, 64, 16], BE: [32, 64, 16], warps: [4, 8] },
    prune: ({ BE, E }) => BE < 2 * E || BE === 16,
    grid: ({ B, H, E, BE }) => ({ e: cdiv(E, BE), h: H, b: B }),
  },
  ({ q, k, v, slope, o }, { N, D, C, BE }, { b, h, e }) => {
    const [Q, K, V, O] = [q.at(b, h), k.at(b, h), v.at(b, h), o.at(b, h)];
    const s = slope.get(h);
    const i = iota(C);
    const distance = col(i) - row(i);
    const inside = exp(where(distance >= 0, -s * distance, -Infinity)); // [C, C], lower-triangular
    const sinceStart = col(exp(-s * i));
    const untilEnd = col(exp(-s * (C - i)));

    let state = zeros([D, BE], f32); // sum over earlier chunks of exp(-s (n - j)) k_j v_j
    for (const n of range(0, N, C)) {
      const [qi, ki, vi] = [Q.load([n, 0], [C, D]), K.load([n, 0], [C, D]), V.load([n, e * BE], [C, BE])];
      const scores = dot(qi, trans(ki)) * inside;
      O.store([n, e * BE], dot(cast(scores, T), vi) + dot(qi, cast(state, T)) * sinceStart);
      state = state * exp(-s * C) + dot(trans(cast(ki * untilEnd, T)), vi);
    }
  },
);
