import { randomStream } from '../../driver/random.js';
import type { Row } from '../types.js';
import { coordinates, distance } from './knobs.js';
import { type Observed, type Point, Surrogate } from './surrogate.js';

/** Every so many picks after the first ones, a neighbour of one of the best. */
const NEIGHBOUR_EVERY = 4;
/** Standard deviations by which a configuration may be better than expected. */
const HOPE = 3;
/** The surrogate is asked about so many of the best estimates, and about what lies so near so many of the fastest. */
const RANKED = 256;
const NEAR = 2;
const CENTRES = 8;
/** Of what launches nothing: it takes no time, which has no logarithm. */
const LEAST_MS = 1e-6;

/**
 * Which configuration is timed next. The first picks are half those that the cost model ranks best, half those that lie
 * farthest from all picked before, so that a wrong model shows; then those of which the surrogate hopes most, and every
 * now and then a neighbour of the best so far, whatever the surrogate expects of it.
 */
export class Explorer {
  readonly #points: readonly Point[];
  /** Indices of rows, best estimate first; equal ones and those without an estimate as the seed has them. */
  readonly #order: readonly number[];
  readonly #first: number;
  readonly #taken = new Set<number>();
  readonly #observed = new Map<number, number>();
  #picks = 0;

  /** `among`: indices of the rows that may be picked. `first`: picks that nothing measured has a say in. */
  constructor(rows: readonly Row[], among: readonly number[], seed: number, first: number) {
    const at = coordinates(rows.map((row) => row.config));
    this.#points = rows.map(({ estimateMs }, i) => ({
      at: at[i] ?? [],
      estimate: estimateMs !== undefined && estimateMs > 0 ? Math.log(estimateMs) : null,
    }));
    this.#order = ranked(this.#points, among, seed);
    this.#first = first;
  }

  /** Never picked again. */
  take(index: number): void {
    this.#taken.add(index);
  }

  observe(index: number, ms: number): void {
    this.take(index);
    this.#observed.set(index, Math.log(Math.max(ms, LEAST_MS)));
  }

  /** Index of a row that was not taken; null where none is left. */
  next(): number | null {
    const left = this.#order.filter((i) => !this.#taken.has(i));
    const pick = this.#pick(left);
    if (pick === undefined) return null;
    this.#picks++;
    this.take(pick);
    return pick;
  }

  /** Index of the best estimate that was not taken, whatever was observed. */
  nextRanked(): number | null {
    const pick = this.#order.find((i) => !this.#taken.has(i));
    if (pick === undefined) return null;
    this.take(pick);
    return pick;
  }

  #pick(left: readonly number[]): number | undefined {
    if (this.#picks < this.#first || this.#observed.size < 3)
      return this.#picks % 2 === 0 ? left[0] : this.#farthest(left);
    if ((this.#picks - this.#first) % NEIGHBOUR_EVERY === NEIGHBOUR_EVERY - 1)
      return this.#neighbour(left) ?? this.#hopeful(left);
    return this.#hopeful(left);
  }

  #farthest(left: readonly number[]): number | undefined {
    return least(left, (i) => -Math.min(...[...this.#taken].map((j) => this.#distance(i, j))));
  }

  #hopeful(left: readonly number[]): number | undefined {
    const observed: Observed[] = [];
    for (const [i, value] of this.#observed) {
      const point = this.#points[i];
      if (point !== undefined) observed.push({ point, value });
    }
    const surrogate = new Surrogate(observed);
    return least(this.#promising(left), (i) => {
      const point = this.#points[i];
      return point === undefined ? Number.POSITIVE_INFINITY : surrogate.lower(point, HOPE);
    });
  }

  /** Of very many, those that the cost model ranks best and those around the best so far. */
  #promising(left: readonly number[]): readonly number[] {
    const best = this.#fastest().slice(0, CENTRES);
    return left.filter((i, rank) => rank < RANKED || best.some((j) => this.#distance(i, j) <= NEAR));
  }

  /** Indices of what was observed, the fastest first. */
  #fastest(): readonly number[] {
    return [...this.#observed].sort(([, a], [, b]) => a - b).map(([i]) => i);
  }

  #neighbour(left: readonly number[]): number | undefined {
    for (const i of this.#fastest()) {
      const next = left.find((j) => this.#distance(i, j) === 1);
      if (next !== undefined) return next;
    }
    return undefined;
  }

  #distance(i: number, j: number): number {
    return distance(this.#points[i]?.at ?? [], this.#points[j]?.at ?? []);
  }
}

function ranked(points: readonly Point[], among: readonly number[], seed: number): readonly number[] {
  const { uniform } = randomStream(seed, 'search');
  const lots = points.map(() => uniform());
  const estimate = (i: number): number => points[i]?.estimate ?? Number.MAX_VALUE;
  return [...among].sort((a, b) => estimate(a) - estimate(b) || (lots[a] ?? 0) - (lots[b] ?? 0));
}

/** The first of those with the least cost. */
function least(indices: readonly number[], cost: (i: number) => number): number | undefined {
  let found: number | undefined;
  let lowest = Number.POSITIVE_INFINITY;
  for (const i of indices) {
    const c = cost(i);
    if (found === undefined || c < lowest) [found, lowest] = [i, c];
  }
  return found;
}
