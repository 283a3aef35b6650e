import { randomStream } from '../../driver/random.js';
import type { Row } from '../types.js';
import { coordinates, distance } from './knobs.js';
import { type Observed, type Point, Surrogate } from './surrogate.js';

/** Every so many picks after the first ones, a neighbour of one of the best. */
const NEIGHBOUR_EVERY = 4;
/** Standard deviations by which a configuration may be better than expected; less where there is no time for many. */
const HOPE = 3;
const LITTLE_HOPE = 1;
/** Picks, from the first to the last, with which nothing is found out that does not look good. */
const HANDFUL = 24;
/** The surrogate is asked about so many of the best estimates, and about what lies so near so many of the fastest. */
const RANKED = 256;
const NEAR = 2;
const CENTRES = 8;
/** Of what launches nothing: it takes no time, which has no logarithm. */
const LEAST_MS = 1e-6;

interface ExplorerOptions {
  /** Indices of the rows that may be picked. */
  readonly among: readonly number[];
  /** Of these, those that come first. */
  readonly leading: readonly number[];
  readonly seed: number;
  /** Picks after those that nothing measured has a say in. */
  readonly uninformed: number;
  /** All are wanted: in the order of their estimates, as long as there is room for them. */
  readonly isRanked: boolean;
}

/**
 * Which configuration is timed next. The first picks are half those that the cost model ranks best, half those that lie
 * farthest from all picked before, so that a wrong model shows; then those of which the surrogate hopes most, and every
 * now and then a neighbour of the best so far, whatever the surrogate expects of it. Where there is room for a handful only,
 * the best estimate, then what is expected to be fastest.
 */
export class Explorer {
  readonly #points: readonly Point[];
  /** Indices of rows, best estimate first; equal ones and those without an estimate as the seed has them. */
  readonly #order: readonly number[];
  readonly #leading: readonly number[];
  readonly #uninformed: number;
  readonly #isRanked: boolean;
  readonly #taken = new Set<number>();
  readonly #observed = new Map<number, number>();
  /** Picked, and not observed yet. */
  readonly #pending = new Set<number>();
  #picks = 0;

  constructor(rows: readonly Row[], { among, leading, seed, uninformed, isRanked }: ExplorerOptions) {
    const at = coordinates(rows.map((row) => row.config));
    this.#points = rows.map(({ estimateMs }, i) => ({
      at: at[i] ?? [],
      estimate: estimateMs !== undefined && estimateMs > 0 ? Math.log(estimateMs) : null,
    }));
    this.#order = ranked(this.#points, among, seed);
    this.#leading = leading.filter((i) => among.includes(i));
    this.#uninformed = uninformed;
    this.#isRanked = isRanked;
  }

  observe(index: number, ms: number): void {
    this.#taken.add(index);
    this.#pending.delete(index);
    this.#observed.set(index, Math.log(Math.max(ms, LEAST_MS)));
  }

  /** It has no time. */
  drop(index: number): void {
    this.#pending.delete(index);
  }

  /** Whether there are rows that were not picked. */
  get hasMore(): boolean {
    return this.#order.some((i) => !this.#taken.has(i));
  }

  /** Index of a row that was not picked, and `fits`; null where there is none. `room`: for how many picks there is time. */
  next(room: number, fits: (index: number) => boolean): number | null {
    const left = this.#order.filter((i) => !this.#taken.has(i) && fits(i));
    const pick = this.#leading.find((i) => left.includes(i)) ?? this.#pick(left, room);
    if (pick === undefined) return null;
    this.#picks++;
    this.#taken.add(pick);
    this.#pending.add(pick);
    return pick;
  }

  #pick(left: readonly number[], room: number): number | undefined {
    if (this.#isRanked && room >= left.length) return left[0];
    if (this.#picks + room <= HANDFUL) return this.#observed.size < 3 ? left[0] : this.#hopeful(left, LITTLE_HOPE);
    if (this.#picks < this.#uninformed || this.#observed.size < 3)
      return this.#picks % 2 === 0 ? left[0] : this.#farthest(left);
    if ((this.#picks - this.#uninformed) % NEIGHBOUR_EVERY === NEIGHBOUR_EVERY - 1)
      return this.#neighbour(left) ?? this.#hopeful(left, HOPE);
    return this.#hopeful(left, HOPE);
  }

  #farthest(left: readonly number[]): number | undefined {
    return least(left, (i) => -Math.min(...[...this.#taken].map((j) => this.#distance(i, j))));
  }

  #hopeful(left: readonly number[], hope: number): number | undefined {
    const observed: Observed[] = [];
    for (const [i, value] of this.#observed) {
      const point = this.#points[i];
      if (point !== undefined) observed.push({ point, value });
    }
    const pending = [...this.#pending].flatMap((i) => this.#points[i] ?? []);
    const surrogate = new Surrogate(observed, pending);
    return least(this.#promising(left), (i) => {
      const point = this.#points[i];
      return point === undefined ? Number.POSITIVE_INFINITY : surrogate.lower(point, hope);
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
