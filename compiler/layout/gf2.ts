/**
 * Linear algebra over GF(2). A vector is an unsigned integer below 2^31, a list of vectors is read as the columns of a
 * matrix: `combine(bases, x)` is the product with the column vector x. Nothing here knows about tiles.
 */

/** One row of an elimination. `tag` is the same combination of the inputs' tags as `vector` is of the inputs. */
interface Row {
  readonly vector: number;
  readonly tag: number;
}

interface Elimination {
  /** Rows with distinct highest bits, in the order in which they were found. */
  readonly rows: readonly Row[];
  /** Position in the input of the vector that gave each row. */
  readonly chosen: readonly number[];
  /** Tags of the combinations that vanish. */
  readonly vanished: readonly number[];
}

const highBit = (x: number): number => 31 - Math.clz32(x);

function reduceRow(rows: readonly (Row | undefined)[], start: Row): Row {
  let { vector, tag } = start;
  while (vector !== 0) {
    const row = rows[highBit(vector)];
    if (row === undefined) break;
    vector ^= row.vector;
    tag ^= row.tag;
  }
  return { vector, tag };
}

/** Earlier vectors become pivots first: a vector is chosen iff it is not in the span of those before it. */
function eliminate(input: readonly Row[]): Elimination & { reduce(v: number): Row } {
  const byHighBit: (Row | undefined)[] = [];
  const rows: Row[] = [];
  const chosen: number[] = [];
  const vanished: number[] = [];
  input.forEach((start, i) => {
    const row = reduceRow(byHighBit, start);
    if (row.vector === 0) {
      vanished.push(row.tag);
      return;
    }
    byHighBit[highBit(row.vector)] = row;
    rows.push(row);
    chosen.push(i);
  });
  return { rows, chosen, vanished, reduce: (v) => reduceRow(byHighBit, { vector: v, tag: 0 }) };
}

const plain = (bases: readonly number[]): Row[] => bases.map((vector) => ({ vector, tag: 0 }));
const counted = (bases: readonly number[]): Row[] => bases.map((vector, i) => ({ vector, tag: 2 ** i }));

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
  for (let i = 0; i < bases.length; i++) if ((x >>> i) & 1) out ^= bases[i] ?? 0;
  return out;
}

export const rank = (bases: readonly number[]): number => eliminate(plain(bases)).rows.length;

export const inSpan = (bases: readonly number[], v: number): boolean => eliminate(plain(bases)).reduce(v).vector === 0;

export function spanContains(bases: readonly number[], vectors: readonly number[]): boolean {
  const e = eliminate(plain(bases));
  return vectors.every((v) => e.reduce(v).vector === 0);
}

export const sameSpan = (a: readonly number[], b: readonly number[]): boolean =>
  spanContains(a, b) && spanContains(b, a);

/** Positions of a maximal independent subset; earlier vectors are preferred. */
export const independent = (bases: readonly number[]): readonly number[] => eliminate(plain(bases)).chosen;

/** Basis of all x with `combine(bases, x) = 0`, one vector for each dependent input, whose bit is the highest of it. */
export const kernel = (bases: readonly number[]): readonly number[] => eliminate(counted(bases)).vanished;

/**
 * Solver of `combine(bases, x) = y`, or null where y is outside the span. Only the independent bases are used, earlier
 * ones preferred, so the order of `bases` is the order of preference; on the span, x is a linear function of y.
 */
export function solver(bases: readonly number[]): (y: number) => number | null {
  const e = eliminate(counted(bases));
  return (y) => {
    const row = e.reduce(y);
    return row.vector === 0 ? row.tag : null;
  };
}

export const solve = (bases: readonly number[], y: number): number | null => solver(bases)(y);

/** Vectors of `within`, in its order, that extend `bases` to a basis of span(bases + within). */
export function complement(bases: readonly number[], within: readonly number[]): number[] {
  const { chosen } = eliminate(plain([...bases, ...within]));
  return chosen.filter((i) => i >= bases.length).map((i) => within[i - bases.length] ?? 0);
}

/** Basis of span(a) intersected with span(b) (Zassenhaus: rows (a, a) and (b, 0), the second halves that remain). */
export function intersect(a: readonly number[], b: readonly number[]): number[] {
  const rows = [...a.map((vector) => ({ vector, tag: vector })), ...plain(b)];
  const tags = eliminate(rows).vanished.filter((t) => t !== 0);
  return independent(tags).map((i) => tags[i] ?? 0);
}

/** Bases of the inverse of a square invertible map, or null. */
export function inverse(bases: readonly number[]): number[] | null {
  const find = solver(bases);
  const out = bases.map((_, i) => find(2 ** i));
  return out.every((x) => x !== null) ? out : null;
}
