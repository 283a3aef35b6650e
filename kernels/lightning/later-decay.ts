import { col, exp2, extent, type InView, iota, minimum, row, type Scalar, type Tile, where } from '../../dsl/index.js';
import {
  across,
  type ChunkDecay,
  decaySums,
  headDecays,
  noDecays,
  partialHeadDecays,
  toEnd,
  tokenDecays,
} from './decay.js';

/*
 * Gradients of keys and values flow from later tokens to earlier ones: the token of a row sees itself and all later ones,
 * and the state that is carried is dL/dS, the gradient of the state after the chunk at hand. In a ChunkDecay of theirs,
 * `between` is of y_i as x_j sees it, [j, i]; `fromStart` leads from the carried state to token j, `toEnd` from token i to
 * the state that is carried on, dL/dS before the chunk.
 *
 * dL/dg sums q_t . dq_t - k_t . dk_t over tokens. What a pair of a chunk, token i and an earlier j, has in common is
 * w = decay (dout_i . v_j): dq_i holds w k_j and dk_j holds w q_i, so that the pair drops out of every sum over both of
 * its tokens. It does so too where w is rounded to 16 bits, if it is rounded to one value on both sides. So the passes of
 * gradients round the whole of w: `between` of a pair is one f32, whichever of its tokens has the row, and no factor
 * `near`, which would differ, is split off. Else dg would miss the rounding of all pairs of a span, not of those alone
 * that lie across its token.
 */

/** Which decay there is, known at compile time. */
export interface DecayKind {
  readonly tokenDecay: boolean;
  readonly noDecay: boolean;
  readonly reverse: boolean;
  /** Whether it matters how many tokens a chunk has that is not whole. */
  readonly isPartial: boolean;
}

/** Of log-decays g <= 0, one a token; 0 where there is no token. */
function earlierTokenDecays(g: Tile<'f32'>, reverse: boolean): ChunkDecay {
  const sums = decaySums(g, reverse);
  const { coarse, fine } = sums;
  const i = iota(extent(g, 0));
  const seen = reverse ? col(i) <= row(i) : col(i) >= row(i);
  return {
    between: exp2(where(seen, col(coarse) - row(coarse) - row(fine) + col(fine), -Infinity)),
    fromStart: col(exp2(coarse + fine)),
    near: 1,
    toEnd: col(toEnd(sums)),
    across: across(sums),
  };
}

/** The same, each token seeing later ones. */
function laterTokenDecays(g: Tile<'f32'>, reverse: boolean): ChunkDecay {
  const sums = decaySums(g, reverse);
  const { coarse, fine } = sums;
  const i = iota(extent(g, 0));
  const seen = reverse ? col(i) >= row(i) : col(i) <= row(i);
  return {
    between: exp2(where(seen, row(coarse) - col(coarse) - col(fine) + row(fine), -Infinity)),
    fromStart: col(toEnd(sums)),
    near: 1,
    toEnd: col(exp2(coarse + fine)),
    across: across(sums),
  };
}

/** Of decays of a head, with `between` from those of the other direction of time. */
function laterHeadDecays({ fromStart, near, toEnd, across }: ChunkDecay, { between }: ChunkDecay): ChunkDecay {
  return { between, fromStart: toEnd, near, toEnd: fromStart, across };
}

/** Decays of the chunk at token n, each token seeing earlier ones; `s` is the head's slope, used where there is one. */
export function decaysAt(
  n: number,
  C: number,
  N: number,
  s: Scalar<'f32'>,
  g: InView<'f32'>,
  of: DecayKind,
): ChunkDecay {
  const { tokenDecay, noDecay, reverse, isPartial } = of;
  if (noDecay) return noDecays(C, reverse);
  if (tokenDecay) return tokenDecays(g.load([n], [C]), reverse);
  return isPartial ? partialHeadDecays(s, C, minimum(N - n, C), reverse) : headDecays(s, C, reverse);
}

/** The same for gradients of queries: `between` of a pair is what `laterDecaysAt` has, to the bit. */
export function earlierDecaysAt(
  n: number,
  C: number,
  N: number,
  s: Scalar<'f32'>,
  g: InView<'f32'>,
  of: DecayKind,
): ChunkDecay {
  return of.tokenDecay ? earlierTokenDecays(g.load([n], [C]), of.reverse) : decaysAt(n, C, N, s, g, of);
}

/** Decays of the chunk at token n, each token seeing later ones. */
export function laterDecaysAt(
  n: number,
  C: number,
  N: number,
  s: Scalar<'f32'>,
  g: InView<'f32'>,
  of: DecayKind,
): ChunkDecay {
  const { tokenDecay, noDecay, reverse } = of;
  if (noDecay) return noDecays(C, !reverse);
  if (tokenDecay) return laterTokenDecays(g.load([n], [C]), reverse);
  return laterHeadDecays(decaysAt(n, C, N, s, g, of), headDecays(s, C, !reverse));
}
