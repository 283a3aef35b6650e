// biome-ignore-all lint/suspicious/noExplicitAny: the extent of a chunk is a knob of the kernel at hand
import {
  cast,
  col,
  cumsum,
  exp,
  exp2,
  extent,
  f32,
  iota,
  round,
  row,
  type Scalar,
  sum,
  type Tile,
  where,
} from '../../dsl/index.js';

/** No token decays by more: 2^-256 is 0 in f32 (as is any product with it that counts), and keeps prefix sums small. */
const MOST_HALVINGS = 256;

/** Log-decays g as exponents of 2, at least -MOST_HALVINGS. A NaN stays one. */
function halvings<A>(g: Tile<'f32', [A]>): Tile<'f32', [A]> {
  const x = g * Math.LOG2E;
  return where(x < -MOST_HALVINGS, -MOST_HALVINGS, x);
}

/**
 * Prefix sums of the log-decays of a chunk, in halvings, from the start of the chunk up to and including each token; in
 * reverse time the start is the chunk's last token. `coarse` + `fine` is the sum; the whole chunk's is `coarseAll` + `fineAll`.
 */
export interface DecaySums<A> {
  readonly coarse: Tile<'f32', [A]>;
  readonly fine: Tile<'f32', [A]>;
  readonly coarseAll: Scalar<'f32'>;
  readonly fineAll: Scalar<'f32'>;
}

/**
 * The exponent of the decay from token j to token i is a difference of two prefix sums, which must not cancel where a
 * steep decay precedes a mild one. So each term is split exactly: coarse is its nearest multiple of 1 / grain, fine the
 * rest. Prefix sums of coarse terms are multiples of 1 / grain up to 256 C = 2^24 / grain: exact in f32, and so are their
 * differences. Those of fine terms stay below C / (2 grain) = 2^-5 at C = 64, so that their rounding is less than that of
 * an f32 near 1.
 */
export function decaySums<A>(g: Tile<'f32', [A]>, reverse: boolean): DecaySums<A> {
  const grain = 65536 / extent(g, 0); // steps of the coarse part in 1
  const terms = halvings(g);
  const coarse = round(terms * grain) * (1 / grain);
  const fine = terms - coarse;
  return {
    coarse: cumsum(coarse, 0, { reverse }),
    fine: cumsum(fine, 0, { reverse }),
    coarseAll: sum(coarse, 0),
    fineAll: sum(fine, 0),
  };
}

/** [i, j]: the decay of k_j as q_i sees it, but for the factor `near` of row i; 0 where j is later than i. */
export function between<A>({ coarse, fine }: DecaySums<A>, reverse: boolean): Tile<'f32', [A, A]> {
  const i = iota(extent(coarse, 0));
  const seen = reverse ? col(i) <= row(i) : col(i) >= row(i);
  return exp2(where(seen, col(coarse) - row(coarse) - row(fine), -Infinity));
}

/** The decay of the state before the chunk as q_i sees it, but for the factor `near`. */
export const fromStart = <A>({ coarse }: DecaySums<A>): Tile<'f32', [A]> => exp2(coarse);

/** A row's own factor of `between` and of `fromStart`, 1 to within a few per cent. */
export const near = <A>({ fine }: DecaySums<A>): Tile<'f32', [A]> => exp2(fine);

/** The decay of k_j as the state after the chunk holds it. */
export const toEnd = <A>({ coarse, fine, coarseAll, fineAll }: DecaySums<A>): Tile<'f32', [A]> =>
  exp2(coarseAll - coarse + (fineAll - fine));

/** The decay of the state over the whole chunk. */
export const across = <A>({ coarseAll, fineAll }: DecaySums<A>): Scalar<'f32'> => exp2(coarseAll + fineAll);

/** The decays of a chunk, whatever they come from: rows and columns stand for tokens. */
export interface ChunkDecay {
  /** Of k_j as q_i sees it, but for `near`; 0 where j is later than i. */
  readonly between: Tile<'f32', [any, any]>;
  /** Of the state before the chunk as q_i sees it, but for `near`. */
  readonly fromStart: Tile<'f32', [any, 1]>;
  readonly near: Tile<'f32', [any, 1]>;
  /** Of k_j as the state after the chunk holds it. */
  readonly toEnd: Tile<'f32', [any, 1]>;
  readonly across: Scalar<'f32'>;
}

/** Of log-decays g <= 0, one a token; 0 where there is no token. */
export function tokenDecays(g: Tile<'f32'>, reverse: boolean): ChunkDecay {
  const sums = decaySums(g, reverse);
  return {
    between: between(sums, reverse),
    fromStart: col(fromStart(sums)),
    near: col(near(sums)),
    toEnd: col(toEnd(sums)),
    across: across(sums),
  };
}

/** Of exp(-slope) at every token of a chunk of C. */
export function headDecays(slope: Scalar<'f32'>, C: number, reverse: boolean): ChunkDecay {
  const i = iota(C);
  const [since, until] = reverse ? [C - i, i] : [i + 1, C - 1 - i]; // tokens to its start and to its end
  return {
    between: headDecayBetween(slope, C, reverse),
    fromStart: col(exp(-slope * since)),
    near: 1,
    toEnd: col(exp(-slope * until)),
    across: exp(-slope * C),
  };
}

/** The same where only the first `rows` tokens exist. */
export function partialHeadDecays(slope: Scalar<'f32'>, C: number, rows: number, reverse: boolean): ChunkDecay {
  const i = iota(C);
  const [since, until] = reverse ? [rows - i, i] : [i + 1, rows - 1 - i];
  return {
    between: headDecayBetween(slope, C, reverse),
    fromStart: col(exp(where(i < rows, -slope * since, -Infinity))),
    near: 1,
    toEnd: col(exp(where(i < rows, -slope * until, -Infinity))),
    across: exp(-slope * rows),
  };
}

function headDecayBetween(slope: Scalar<'f32'>, C: number, reverse: boolean): Tile<'f32', [any, any]> {
  const i = iota(C);
  const apart = reverse ? row(i) - col(i) : col(i) - row(i);
  return exp(where(apart >= 0, -slope * apart, -Infinity));
}

/** Of 1 at every token. */
export function noDecays(C: number, reverse: boolean): ChunkDecay {
  const i = iota(C);
  const seen = reverse ? col(i) <= row(i) : col(i) >= row(i);
  return { between: where(seen, cast(1, f32), 0), fromStart: 1, near: 1, toEnd: 1, across: 1 };
}
