/** Durations of each kind that are remembered. */
const REMEMBERED = 8;

/** What the steps of a search have taken: the largest of the last durations is what the next one is granted. */
export class Costs {
  readonly #begin: number;
  readonly #last = { prepare: [] as number[], overhead: [] as number[], recheck: [] as number[] };
  readonly #now: () => number;
  readonly #budgetMs: number;

  constructor(now: () => number, budgetMs = Number.POSITIVE_INFINITY) {
    this.#now = now;
    this.#begin = now();
    this.#budgetMs = budgetMs;
  }

  get elapsedMs(): number {
    return this.#now() - this.#begin;
  }

  get leftMs(): number {
    return this.#budgetMs - this.elapsedMs;
  }

  /** Notes how long a step takes for each of its configurations; of sampling, what it takes beyond the launches. */
  async spent<T>(
    what: keyof Costs['most'],
    step: Promise<T>,
    configurations = 1,
    launchesMs: (result: T) => number = () => 0,
  ): Promise<T> {
    const begin = this.#now();
    const result = await step;
    this.#last[what].push(Math.max(0, this.#now() - begin - launchesMs(result)) / configurations);
    if (this.#last[what].length > REMEMBERED) this.#last[what].shift();
    return result;
  }

  get most(): { readonly prepare: number; readonly overhead: number; readonly recheck: number } {
    const { prepare, overhead, recheck } = this.#last;
    return { prepare: Math.max(0, ...prepare), overhead: Math.max(0, ...overhead), recheck: Math.max(0, ...recheck) };
  }

  /** Whether something that takes so long would end in time. Before anything is learned, time that is left is enough. */
  affords(ms: number): boolean {
    return this.#budgetMs === Number.POSITIVE_INFINITY || (this.leftMs > 0 && ms <= this.leftMs);
  }
}
