import { cast, exp2, f32, type Scalar, type Tile } from '../../dsl/index.js';

/** Scores of queries i and keys j of one head; i and j broadcast to the shape of s, whichever axis they lie along. */
export type ScoreMod = (s: Tile<'f32'>, head: Scalar<'i32'>, i: Tile<'i32'>, j: Tile<'i32'>) => Tile<'f32'>;
/** Gradient by s, given that by scoreMod(s, head, i, j). */
export type ScoreGradient = (
  ds: Tile<'f32'>,
  s: Tile<'f32'>,
  head: Scalar<'i32'>,
  i: Tile<'i32'>,
  j: Tile<'i32'>,
) => Tile<'f32'>;

export const identity: ScoreMod = (s) => s;
/** Of functions that only add to s. */
export const unchanged: ScoreGradient = (ds) => ds;

/** Slope 2^(-(head + 1) / 2): sixteen heads. Source: Press et al. 2022, "Train Short, Test Long", arXiv 2108.12409. */
export const alibi: ScoreMod = (s, head, i, j) => s - exp2(cast(head + 1, f32) * -0.5) * (i - j);
