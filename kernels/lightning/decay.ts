import { col, cumsum, exp2, extent, iota, round, row, type Scalar, sum, type Tile, where } from '../../dsl/index.js';

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
