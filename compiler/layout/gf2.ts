/**
 * Linear algebra over GF(2). A vector is an unsigned integer below 2^31, a list of vectors is read as the columns of a
 * matrix: `combine(bases, x)` is the product with the column vector x. Nothing here knows about tiles.
 */

/** Rows with distinct highest bits, by that bit. */
type Pivots = (number | undefined)[];

const highBit = (x: number): number => 31 - Math.clz32(x);

/** v less what is in the span of the pivots: 0 for a vector of the span. */
function reduced(pivots: Pivots, v: number): number {
  let vector = v;
  while (vector !== 0) {
    const row = pivots[highBit(vector)];
    if (row === undefined) break;
    vector ^= row;
  }
  return vector;
}

/** Makes v a pivot, unless it lies in the span; whether it did not. Earlier vectors so become pivots first. */
function extend(pivots: Pivots, v: number): boolean {
  const vector = reduced(pivots, v);
  if (vector === 0) return false;
  pivots[highBit(vector)] = vector;
  return true;
}

function pivotsOf(bases: readonly number[]): Pivots {
  const pivots: Pivots = [];
  for (let i = 0; i < bases.length; i++) extend(pivots, bases[i] as number);
  return pivots;
}

/** An elimination that keeps for each row its tag: the same combination of the inputs' tags as the row is of the inputs. */
class Tagged {
  readonly #pivots: Pivots = [];
  readonly #tags: number[] = [];
  /** Tag of the combination that `reduce` found last. */
  tag = 0;

  /** v less what is in the span; `tag` becomes `start` and the tags of what was taken away. */
  reduce(v: number, start = 0): number {
    let vector = v;
    let tag = start;
    while (vector !== 0) {
      const bit = highBit(vector);
      const row = this.#pivots[bit];
      if (row === undefined) break;
      vector ^= row;
      tag ^= this.#tags[bit] as number;
    }
    this.tag = tag;
    return vector;
  }

  /** Makes v a pivot; false where it lies in the span, with the tag of the combination that vanishes in `tag`. */
  extend(v: number, start: number): boolean {
    const vector = this.reduce(v, start);
    if (vector === 0) return false;
    const bit = highBit(vector);
    this.#pivots[bit] = vector;
    this.#tags[bit] = this.tag;
    return true;
  }
}

/** Positions of the bits of x, lowest first. */
export function bitsOf(x: number): number[] {
  const out: number[] = [];
  for (let i = 0; i < 31; i++) if ((x >>> i) & 1) out.push(i);
  return out;
}

export const parity = (x: number): number => bitsOf(x).length & 1;

/** XOR of the bases whose bit is set in x. */
export function combine(bases: readonly number[], x: number): number {
  let out = 0;
  for (let i = 0, rest = x; rest !== 0 && i < bases.length; i++, rest >>>= 1) if (rest & 1) out ^= bases[i] as number;
  return out;
}

export function rank(bases: readonly number[]): number {
  const pivots: Pivots = [];
  let n = 0;
  for (let i = 0; i < bases.length; i++) if (extend(pivots, bases[i] as number)) n++;
  return n;
}

export const inSpan = (bases: readonly number[], v: number): boolean => reduced(pivotsOf(bases), v) === 0;

export function spanContains(bases: readonly number[], vectors: readonly number[]): boolean {
  const pivots = pivotsOf(bases);
  return vectors.every((v) => reduced(pivots, v) === 0);
}

export const sameSpan = (a: readonly number[], b: readonly number[]): boolean =>
  spanContains(a, b) && spanContains(b, a);

/** Positions of a maximal independent subset; earlier vectors are preferred. */
export function independent(bases: readonly number[]): readonly number[] {
  const pivots: Pivots = [];
  const chosen: number[] = [];
  for (let i = 0; i < bases.length; i++) if (extend(pivots, bases[i] as number)) chosen.push(i);
  return chosen;
}

/** Basis of all x with `combine(bases, x) = 0`, one vector for each dependent input, whose bit is the highest of it. */
export function kernel(bases: readonly number[]): readonly number[] {
  const rows = new Tagged();
  const vanished: number[] = [];
  for (let i = 0; i < bases.length; i++) if (!rows.extend(bases[i] as number, 2 ** i)) vanished.push(rows.tag);
  return vanished;
}

/**
 * Solver of `combine(bases, x) = y`, or null where y is outside the span. Only the independent bases are used, earlier
 * ones preferred, so the order of `bases` is the order of preference; on the span, x is a linear function of y.
 */
export function solver(bases: readonly number[]): (y: number) => number | null {
  const rows = new Tagged();
  for (let i = 0; i < bases.length; i++) rows.extend(bases[i] as number, 2 ** i);
  return (y) => (rows.reduce(y) === 0 ? rows.tag : null);
}

export const solve = (bases: readonly number[], y: number): number | null => solver(bases)(y);

/** Vectors of `within`, in its order, that extend `bases` to a basis of span(bases + within). */
export function complement(bases: readonly number[], within: readonly number[]): number[] {
  const pivots = pivotsOf(bases);
  return within.filter((v) => extend(pivots, v));
}

/** Basis of span(a) intersected with span(b) (Zassenhaus: rows (a, a) and (b, 0), the second halves that remain). */
export function intersect(a: readonly number[], b: readonly number[]): number[] {
  const rows = new Tagged();
  const tags: number[] = [];
  const add = (vector: number, tag: number): void => {
    if (!rows.extend(vector, tag) && rows.tag !== 0) tags.push(rows.tag);
  };
  for (const v of a) add(v, v);
  for (const v of b) add(v, 0);
  return independent(tags).map((i) => tags[i] ?? 0);
}

/** Bases of the inverse of a square invertible map, or null. */
export function inverse(bases: readonly number[]): number[] | null {
  const find = solver(bases);
  const out = bases.map((_, i) => find(2 ** i));
  return out.every((x) => x !== null) ? out : null;
}
