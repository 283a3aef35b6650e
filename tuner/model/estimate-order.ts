import type { Config } from '../../driver/configurations.js';
import type { Row } from '../types.js';

/** Part of the configurations that is estimated wherever it lies, and the least number of them. */
const SPREAD_SHARE = 1 / 12;
const LEAST_SPREAD = 16;
/** Hopeful ones that are given out before what was told meanwhile is looked at. */
const BATCH = 8;

/**
 * In which order a space is estimated, so that an end before the last one costs least: some that lie evenly in it, then
 * those that the knobs' values, each for itself, let expect to be fastest. Deterministic.
 */
export class EstimateOrder {
  /** For each row, its knobs with their values. */
  readonly #keys: readonly (readonly string[])[];
  /** Indices of open rows that were not given out, in order of declaration. */
  readonly #left: Set<number>;
  #queue: number[];
  readonly #effects = new Map<string, Mean>();
  readonly #all = new Mean();

  constructor(rows: readonly Row[]) {
    this.#keys = rows.map((row) => keysOf(row.config));
    const open = rows.flatMap((row, i) => (row.state === 'open' ? [i] : []));
    this.#left = new Set(open);
    this.#queue = evenly(open).slice(0, Math.max(LEAST_SPREAD, Math.ceil(open.length * SPREAD_SHARE)));
  }

  /** Index of the row that is to be estimated next; null: none is left. */
  next(): number | null {
    if (this.#queue.length === 0) this.#queue = this.#mostHopeful();
    const index = this.#queue.shift();
    if (index === undefined) return null;
    this.#left.delete(index);
    return index;
  }

  /** Those that follow, whatever estimates say meanwhile. */
  get following(): readonly number[] {
    return this.#queue;
  }

  /** What an estimate said, milliseconds. Of rows that turned out not to fit nothing is told. */
  tell(index: number, estimateMs: number): void {
    const value = Math.log(estimateMs);
    this.#all.add(value);
    for (const key of this.#keys[index] ?? []) {
      const mean = this.#effects.get(key) ?? new Mean();
      mean.add(value);
      this.#effects.set(key, mean);
    }
  }

  #mostHopeful(): number[] {
    const expected = [...this.#left].map((index) => ({ index, value: this.#expected(index) }));
    return expected
      .sort((a, b) => a.value - b.value)
      .slice(0, BATCH)
      .map(({ index }) => index);
  }

  /** Logarithm of the time over the mean time, if knobs had nothing to do with each other. */
  #expected(index: number): number {
    return (this.#keys[index] ?? []).reduce((sum, key) => {
      const mean = this.#effects.get(key);
      return mean === undefined ? sum : sum + mean.value - this.#all.value;
    }, 0);
  }
}

const keysOf = (config: Config): string[] => Object.entries(config).map(([knob, value]) => `${knob}=${value}`);

class Mean {
  #sum = 0;
  #count = 0;

  add(x: number): void {
    this.#sum += x;
    this.#count++;
  }

  get value(): number {
    return this.#count === 0 ? 0 : this.#sum / this.#count;
  }
}

const GOLDEN_SECTION = (Math.sqrt(5) - 1) / 2;

/** The same numbers, so that every beginning of the list is spread over all of it. */
function evenly(list: readonly number[]): readonly number[] {
  const n = list.length;
  let step = Math.max(1, Math.round(n * GOLDEN_SECTION));
  while (greatestCommonDivisor(step, n) > 1) step++;
  return list.map((_, k) => list[(k * step) % n] as number);
}

const greatestCommonDivisor = (a: number, b: number): number => (b === 0 ? a : greatestCommonDivisor(b, a % b));
