import {
  bf16,
  cast,
  cdiv,
  col,
  cumsum,
  dot,
  dtypes,
  f16,
  f32,
  input,
  iota,
  kernel,
  output,
  range,
  row,
  sum,
  trans,
  where,
  zeros,
} from '../../../dsl/index.js';
import { positive } from './activations.js';

const T = dtypes('T', f32, f16, bf16);

/** Causal linear attention with positive features, normalised: a state tile, a state vector, a cumsum along axis 0. */
export const linearAttention = kernel(
  {
    args: {
      q: input(T, ['H', 'N', 'D']),
      k: input(T, ['H', 'N', 'D']),
      v: input(T, ['H', 'N', 'E']),
      o: output(T, ['H', 'N', 'E']),
    },
    comptime: ['D'],
    tune: { C: [16, 32], BE: [32], warps: [4] },
    grid: ({ H, E, BE }) => ({ e: cdiv(E, BE), h: H }),
  },
  ({ q, k, v, o }, { N, D, C, BE }, { e, h }) => {
    const i = iota(C);
    let state = zeros([D, BE], f32);
    let z = zeros([D], f32);
    for (const n of range(0, N, C)) {
      const inside = col(n + i) < N;
      const qi = positive(cast(q.at(h).load([n, 0], [C, D]), f32));
      const ki = where(inside, positive(cast(k.at(h).load([n, 0], [C, D]), f32)), 0);
      const vi = v.at(h).load([n, e * BE], [C, BE]);
      const scores = where(col(i) >= row(i), dot(cast(qi, T), trans(cast(ki, T))), 0);
      const out = dot(cast(scores, T), vi) + dot(cast(qi, T), cast(state, T));
      const norm = sum(qi * (cumsum(ki, 0) + row(z)), 1);
      o.at(h).store([n, e * BE], out / col(norm));
      state += dot(trans(cast(ki, T)), vi);
      z += sum(ki, 0);
    }
  },
);
