import { cholesky, solveLower, type Triangle } from './cholesky.js';

/** A configuration as the surrogate sees it. */
export interface Point {
  /** Of `coordinates`. */
  readonly at: readonly number[];
  /** Logarithm of what the cost model says; null where it says nothing. */
  readonly estimate: number | null;
}

export interface Observed {
  readonly point: Point;
  /** Logarithm of the milliseconds. */
  readonly value: number;
}

/** Steps along a knob over which times stay alike. */
const REACH = 2;
/** However well estimates fit: no model knows everything, and what was measured nearby is worth as much. */
const MOST_SHARE = 0.5;
/** Variance that is noise, relative to that of the values. */
const NOISE = 0.01;

/**
 * What the configurations measured so far say of another one: a Gaussian process (Rasmussen and Williams 2006, chapter 2)
 * over the logarithms of times. One part of the variance is a smooth function of the knobs, the other is linear in the cost
 * model's estimate; its share is what the estimates have explained so far, so that a wrong model soon has no say.
 */
export class Surrogate {
  #points: readonly Point[] = [];
  #triangle: Triangle = [];
  #weights: readonly number[] = [];
  readonly #mean: number;
  readonly #variance: number;
  readonly #line: Line;

  /** `pending`: what is being measured, and taken to be as expected, so that what lies beside it promises less news. */
  constructor(observed: readonly Observed[], pending: readonly Point[] = []) {
    const values = observed.map((o) => o.value);
    this.#mean = mean(values);
    this.#variance = Math.max(variance(values), 1e-9);
    this.#line = lineThrough(observed);
    this.#fit(observed);
    if (pending.length === 0) return;
    this.#fit([...observed, ...pending.map((point) => ({ point, value: this.lower(point, 0) }))]);
  }

  #fit(observed: readonly Observed[]): void {
    this.#points = observed.map((o) => o.point);
    this.#triangle = cholesky(
      observed.length,
      (i, j) => this.#alike(this.#points[i], this.#points[j]) + (i === j ? NOISE : 0),
    );
    this.#weights = solveLower(
      this.#triangle,
      observed.map((o) => o.value - this.#mean),
    );
  }

  /** Mean less `deviations` standard deviations of the logarithm of the time at a point. */
  lower(point: Point, deviations: number): number {
    const half = solveLower(
      this.#triangle,
      this.#points.map((p) => this.#alike(p, point)),
    );
    const left = this.#alike(point, point) - half.reduce((sum, x) => sum + x * x, 0);
    const shift = half.reduce((sum, x, i) => sum + x * (this.#weights[i] ?? 0), 0);
    return this.#mean + shift - deviations * Math.sqrt(this.#variance * Math.max(0, left));
  }

  /** Correlation of two points. */
  #alike(a: Point | undefined, b: Point | undefined): number {
    if (a === undefined || b === undefined) return 0;
    const apart = a.at.reduce((sum, x, i) => sum + (x - (b.at[i] ?? 0)) ** 2, 0);
    const { share } = this.#line;
    return (1 - share) * Math.exp(-apart / (2 * REACH * REACH)) + share * this.#line.of(a) * this.#line.of(b);
  }
}

interface Line {
  /** Share of the variance that the estimates explain. */
  readonly share: number;
  /** The estimate, standardised. */
  of(point: Point): number;
}

function lineThrough(observed: readonly Observed[]): Line {
  const known = observed.flatMap(({ point: { estimate }, value }) => (estimate === null ? [] : [{ estimate, value }]));
  const centre = mean(known.map((k) => k.estimate));
  const spread = Math.sqrt(variance(known.map((k) => k.estimate)));
  const height = mean(known.map((k) => k.value));
  const deviation = Math.sqrt(variance(known.map((k) => k.value)));
  if (!(spread > 0 && deviation > 0)) return { share: 0, of: () => 0 };
  const covariance = mean(known.map((k) => (k.estimate - centre) * (k.value - height)));
  const correlation = covariance / (spread * deviation);
  return {
    share: Math.min(MOST_SHARE, Math.max(0, correlation) ** 2),
    of: ({ estimate }) => (estimate === null ? 0 : (estimate - centre) / spread),
  };
}

const mean = (values: readonly number[]): number => values.reduce((sum, v) => sum + v, 0) / Math.max(1, values.length);

function variance(values: readonly number[]): number {
  const centre = mean(values);
  return mean(values.map((v) => (v - centre) ** 2));
}
