import {
  bf16,
  cast,
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
} from '../../dsl/index.js';

const T = dtypes('T', f32, f16, bf16);

/**
 * Lightning forward of whole sequences, in parts that can be left out: `intra`, the masked product inside a chunk, and
 * `inter`, the state and its product. With neither, o = q + k + v: what reading and writing alone takes. D = E.
 */
export const ablated = kernel(
  {
    args: {
      q: input(T, ['B', 'H', 'N', 'D']),
      k: input(T, ['B', 'H', 'N', 'D']),
      v: input(T, ['B', 'H', 'N', 'D']),
      slope: input(f32, ['H']),
      o: output(T, ['B', 'H', 'N', 'D']),
    },
    comptime: ['D'],
    options: { intra: true, inter: true },
    tune: { C: [64, 32, 128, 16], warps: [8, 4], stages: [2, 3, 1] },
    grid: ({ B, H }) => ({ h: H, b: B }),
  },
  ({ q, k, v, slope, o }, { N, D, C, intra, inter }, { b, h }) => {
    const s = slope.get(h);
    const i = iota(C);
    const distance = col(i) - row(i);
    const inside = exp(where(distance >= 0, -s * distance, -Infinity));
    const fromStart = col(exp(-s * i));
    const toEnd = col(exp(-s * (C - i)));

    let state = zeros([D, D], f32);
    for (const n of range(0, N, C)) {
      const qi = q.at(b, h).load([n, 0], [C, D]);
      const ki = k.at(b, h).load([n, 0], [C, D]);
      const vi = v.at(b, h).load([n, 0], [C, D]);
      let out = zeros([C, D], f32);
      if (intra) out = dot(cast(dot(qi, trans(ki)) * inside, T), vi);
      if (inter) out = out + dot(qi, cast(state, T)) * fromStart;
      if (!intra && !inter) out = cast(qi, f32) + cast(ki, f32) + cast(vi, f32);
      o.at(b, h).store([n, 0], out);
      if (inter) state = state * exp(-s * C) + dot(trans(cast(ki * toEnd, T)), vi);
    }
  },
);
