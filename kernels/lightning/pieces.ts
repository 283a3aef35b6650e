import { cast, cdiv, i32, idiv, maximum, minimum, type Scalar } from '../../dsl/index.js';

/** A run of tokens begin <= n < end of one segment. */
export interface Piece {
  readonly begin: Scalar<'i32'>;
  readonly end: Scalar<'i32'>;
  readonly segment: Scalar<'i32'>;
  /** Tokens of the segment before and after it. */
  readonly before: Scalar<'i32'>;
  readonly after: Scalar<'i32'>;
}

/** All blocks of tokens divide it: only the last segment that is not empty has a chunk that is not whole. */
const WHOLE = 64;

/** Tokens of a segment: segment s of G holds the tokens s*per <= n < (s+1)*per, as far as there are so many. */
export const tokensOf = (N: number, G: number): number => cdiv(cdiv(N, G), WHOLE) * WHOLE;

/** The segment of the last token; the first where there is none. */
export const lastOf = (N: number, G: number): Scalar<'i32'> => idiv(maximum(N - 1, 0), maximum(tokensOf(N, G), WHOLE));

/** Piece number `at` of a sequence whose G segments are cut into so many pieces each. Later pieces may be shorter, or empty. */
export function pieceAt(N: number, G: number, pieces: Scalar<'i32'>, at: Scalar<'i32'>): Piece {
  const per = tokensOf(N, G);
  const length = cdiv(per, pieces);
  const segment = idiv(at, pieces);
  const first = minimum(segment * per, N);
  const last = minimum(first + per, N);
  const begin = minimum(first + (at - segment * pieces) * length, last);
  const end = minimum(begin + length, last);
  return { begin, end, segment, before: begin - first, after: last - end };
}

/** Decays are followed over so many halvings: as many as f32 has below 1. */
const FOLLOWED = 150;
const FOREVER = 2 ** 30;

/**
 * How many tokens the decay exp(-slope) is followed back. What is farther off counts as 0: less than 2^-150 of it would be
 * left, which f32 does not hold unless k^T v is above 1.
 */
export function reachOf(slope: Scalar<'f32'>): Scalar<'i32'> {
  const most = FOLLOWED * Math.LN2;
  return cast(most / maximum(slope, most / FOREVER), i32) + 1;
}

/** Knobs of plans in segments. The most of both that their rule allows are the first choice. */
export const SEGMENTS = {
  G: [128, 64, 44, 32, 26, 22, 18, 16, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1],
  pieces: [8, 4, 2, 1],
};
