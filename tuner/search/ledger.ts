import type { Config } from '../../driver/configurations.js';
import { type Interval, medianInterval, winner } from '../statistics.js';
import type { Row, Samples } from '../types.js';
import { configKey } from './knobs.js';

/** What is known of every configuration. A row is `measured` only while the outputs after its last timing were right. */
export class Ledger {
  readonly #rows: Row[];
  readonly #indices: ReadonlyMap<string, number>;
  readonly #intervals = new Map<number, Interval>();
  readonly #timed = new Set<number>();

  constructor(rows: readonly Row[], known: readonly Row[]) {
    this.#rows = [...rows];
    this.#indices = new Map(rows.map((row, i) => [configKey(row.config), i]));
    for (const row of known) {
      const index = this.indexOf(row.config);
      if (index !== undefined && row.state !== 'open' && rows[index]?.state === 'open')
        this.settle(index, { ...rows[index], ...row, config: rows[index].config });
    }
  }

  get rows(): readonly Row[] {
    return this.#rows;
  }

  /** Configurations that were timed since, right or not. */
  get timed(): number {
    return this.#timed.size;
  }

  at(index: number): Row {
    const row = this.#rows[index];
    if (row === undefined) throw new RangeError(`row ${index} of ${this.#rows.length}`);
    return row;
  }

  indexOf(config: Config): number | undefined {
    return this.#indices.get(configKey(config));
  }

  config(index: number): Config {
    return this.at(index).config;
  }

  /** Indices of the rows in a state. */
  in(state: Row['state']): number[] {
    return this.#rows.flatMap((row, i) => (row.state === state ? [i] : []));
  }

  settle(index: number, row: Row): void {
    this.#rows[index] = row;
    this.#intervals.delete(index);
  }

  /** Timed, whether or not its outputs turn out to be right. Says whether that is new. */
  touch(index: number): boolean {
    const isNew = !this.#timed.has(index);
    this.#timed.add(index);
    return isNew;
  }

  /** Where the median of a measured row lies. */
  interval(index: number): Interval {
    const held = this.#intervals.get(index) ?? medianInterval(this.at(index).samples?.ms ?? []);
    this.#intervals.set(index, held);
    return held;
  }

  get best(): Row | null {
    return winner(this.#rows);
  }
}

/** Samples of one configuration from two calls. */
export const joined = (a: Samples | undefined, b: Samples): Samples =>
  a === undefined || a.how !== b.how ? b : { ms: [...a.ms, ...b.ms], how: b.how };
