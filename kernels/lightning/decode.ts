import {
  bf16,
  cast,
  cdiv,
  col,
  dtypes,
  exp,
  f16,
  f32,
  idiv,
  inout,
  input,
  kernel,
  output,
  range,
  row,
  sum,
  zeros,
} from '../../dsl/index.js';

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
    grid: ({ B, H, E, BE }) => ({ e: cdiv(E, BE), h: H, b: B }),
  },
  ({ q, k, v, slope, g, state, o }, { H, HK, D, BD, BE, tokenDecay, noDecay }, { b, h, e }) => {
    const group = idiv(h * HK, H);
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
