import {
  bf16,
  cast,
  cdiv,
  col,
  cumsum,
  dot,
  dtypes,
  exp2,
  f16,
  f32,
  input,
  iota,
  kernel,
  output,
  range,
  round,
  row,
  sum,
  type Tile,
  trans,
  where,
  zeros,
} from '../../dsl/index.js';

const T = dtypes('T', f32, f16, bf16);

/** No token decays by more: 2^-256 is 0 in f32 (as is any product with it that counts), and keeps prefix sums small. */
const MOST_HALVINGS = 256;

/** Log-decays g as exponents of 2, at least -MOST_HALVINGS. A NaN stays one. */
function halvings<A>(g: Tile<'f32', [A]>): Tile<'f32', [A]> {
  const x = g * Math.LOG2E;
  return where(x < -MOST_HALVINGS, -MOST_HALVINGS, x);
}

/**
 * Simple gated linear attention with one data-dependent log-decay a token and head, forward:
 * S_t = exp(g_t) S_{t-1} + k_t^T v_t;  o_t = D^-1/2 q_t S_t. RetNet is g = const per head.
 *
 * Chunks of C tokens with a running D x BE state. The exponent of the decay from token j to token i is a difference of
 * two prefix sums, which must not cancel where a steep decay precedes a mild one. So each term is split exactly: `coarse`
 * is its nearest multiple of 1 / grain, `fine` the rest. Prefix sums of coarse terms are multiples of 1 / grain up to
 * 256 C = 2^24 / grain: exact in f32, and so are their differences. Those of fine terms stay below C / (2 grain) = 2^-5
 * at C = 64, so that their rounding is less than that of an f32 near 1.
 *
 * q, k [B, H, N, D]; v, o [B, H, N, E]; g [B, H, N] <= 0, the natural log of the decay; h0, hT [B, H, D, E] the states
 * before the first and after the last token. Options: `initialState` reads h0 (else it may be null and counts as 0),
 * `finalState` writes hT (else it may be null).
 * Source: Yang et al. 2024, "Gated Linear Attention Transformers", arXiv 2312.06635, section 4; scalar gate as in
 * Mamba-2 (Dao and Gu 2024, arXiv 2405.21060).
 */
export const simpleGlaFwd = kernel(
  {
    args: {
      q: input(T, ['B', 'H', 'N', 'D']),
      k: input(T, ['B', 'H', 'N', 'D']),
      v: input(T, ['B', 'H', 'N', 'E']),
      g: input(f32, ['B', 'H', 'N']),
      h0: input(f32, ['B', 'H', 'D', 'E']),
      o: output(T, ['B', 'H', 'N', 'E']),
      hT: output(f32, ['B', 'H', 'D', 'E']),
    },
    comptime: ['D', 'E'],
    options: { initialState: false, finalState: false },
    tune: { C: [32, 64, 16, 8], BE: [32, 64, 128, 16, 8], warps: [4, 8, 2], stages: [2, 1, 3] },
    prune: ({ C, BE, D, E }) => (BE < 2 * E || BE === 8) && C * (2 * D + BE) * 2 + D * BE * 4 <= 96 * 1024,
    grid: ({ B, H, E, BE }) => ({ e: cdiv(E, BE), h: H, b: B }),
  },
  ({ q, k, v, g, h0, o, hT }, { N, D, C, BE, initialState, finalState }, { b, h, e }) => {
    const Q = q.at(b, h);
    const K = k.at(b, h);
    const V = v.at(b, h);
    const G = g.at(b, h);
    const O = o.at(b, h);
    const i = iota(C);
    const scale = 1 / Math.sqrt(D); // folded at compile time
    const grain = 65536 / C; // steps of `coarse` in 1

    let state = zeros([D, BE], f32);
    if (initialState) state = h0.at(b, h).load([0, e * BE], [D, BE]);

    for (const n of range(0, N, C)) {
      const qi = Q.load([n, 0], [C, D]);
      const ki = K.load([n, 0], [C, D]);
      const vi = V.load([n, e * BE], [C, BE]);
      const gi = G.load([n], [C]); // tail tokens read 0: no decay, and their k is 0
      const terms = halvings(gi);
      const coarse = round(terms * grain) * (1 / grain);
      const fine = terms - coarse;
      const coarseTo = cumsum(coarse, 0); // [C], from the start of the chunk up to and including token i
      const fineTo = cumsum(fine, 0);
      const coarseAll = sum(coarse, 0);
      const fineAll = sum(fine, 0);

      // Of k_j as q_i sees it, and of the state as q_i sees it; both without the factor `near`, which is the row's own.
      const between = col(coarseTo) - row(coarseTo) - row(fineTo); // [C, C]
      const decay = exp2(where(col(i) >= row(i), between, -Infinity));
      const fromStart = exp2(coarseTo);
      const near = exp2(fineTo);
      const toEnd = exp2(coarseAll - coarseTo + (fineAll - fineTo)); // of k_j as the next chunk sees it

      const p = dot(qi, trans(ki)) * decay;
      const intra = dot(cast(p, T), vi);
      const inter = dot(qi, cast(state, T)) * col(fromStart);
      O.store([n, e * BE], (intra + inter) * col(near * scale));

      const kScaled = cast(ki * col(toEnd), T);
      state = state * exp2(coarseAll + fineAll) + dot(trans(kScaled), vi);
    }
    if (finalState) hT.at(b, h).store([0, e * BE], state);
  },
);

/** The same between two segments of one sequence: reads h0, writes hT. */
export const simpleGlaSegment = simpleGlaFwd.with({ initialState: true, finalState: true });
