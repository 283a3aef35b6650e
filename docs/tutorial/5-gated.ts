import {
  bf16,
  cast,
  cdiv,
  col,
  cumsum,
  dot,
  dtypes,
  exp,
  f16,
  f32,
  input,
  iota,
  kernel,
  maximum,
  output,
  range,
  row,
  sum,
  type Tile,
  trans,
  where,
  zeros,
} from 'lac';

const T = dtypes('T', f32, f16, bf16);

/** 1 + elu(x): positive everywhere, and 1 at 0. */
const onePlusElu = (x: Tile<'f32'>): Tile<'f32'> => where(x > 0, x + 1, exp(where(x > 0, 0, x)));
export const relu = (x: Tile<'f32'>): Tile<'f32'> => maximum(x, 0);

/**
 * Linear attention with a gate for each token and a feature map: S_t = exp(g_t) S_(t-1) + phi(k_t) v_t; o_t = phi(q_t) S_t.
 *
 * q, k [B, H, N, D]; v, o [B, H, N, E]; g [B, H, N] <= 0, the logarithm of what a token keeps of the state.
 */
export const gated = kernel(
  {
    args: {
      q: input(T, ['B', 'H', 'N', 'D']),
      k: input(T, ['B', 'H', 'N', 'D']),
      v: input(T, ['B', 'H', 'N', 'E']),
      g: input(f32, ['B', 'H', 'N']),
      o: output(T, ['B', 'H', 'N', 'E']),
    },
    comptime: ['D', 'E'],
    options: { phi: onePlusElu },
    tune: { C: [32, 64, 16], BE: [32, 64, 16], warps: [4, 8] },
    prune: ({ BE, E }) => BE < 2 * E || BE === 16,
    grid: ({ B, H, E, BE }) => ({ e: cdiv(E, BE), h: H, b: B }),
  },
  ({ q, k, v, g, o }, { N, D, C, BE, phi }, { b, h, e }) => {
    const [Q, K, V, G, O] = [q.at(b, h), k.at(b, h), v.at(b, h), g.at(b, h), o.at(b, h)];
    const i = iota(C);

    let state = zeros([D, BE], f32);
    for (const n of range(0, N, C)) {
      const gate = G.load([n], [C]); // behind the last token 0: nothing decays there
      const kept = cumsum(gate, 0); // log of what is kept from the start of the chunk to token i
      const all = sum(gate, 0);
      const inside = exp(where(col(i) >= row(i), col(kept) - row(kept), -Infinity));

      const qi = phi(cast(Q.load([n, 0], [C, D]), f32));
      const raw = phi(cast(K.load([n, 0], [C, D]), f32));
      const ki = where(col(i) < N - n, raw, 0); // phi(0) is not 0: rows behind the end are masked after phi
      const vi = V.load([n, e * BE], [C, BE]);

      const scores = dot(cast(qi, T), trans(cast(ki, T))) * inside;
      const before = dot(cast(qi * col(exp(kept)), T), cast(state, T));
      O.store([n, e * BE], dot(cast(scores, T), vi) + before);
      state = state * exp(all) + dot(trans(cast(ki * col(exp(all - kept)), T)), vi);
    }
  },
);

/** The same with another feature map. */
export const gatedRelu = gated.with({ phi: relu });
