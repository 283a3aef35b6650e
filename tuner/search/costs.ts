/** `overhead`: of sampling, what it takes beyond the launches. */
type Step = 'prepare' | 'overhead' | 'recheck';

/** Durations of each kind that are remembered. */
const REMEMBERED = 8;

/** What the steps of a search have taken. */
export class Costs {
  readonly #begin: number;
  readonly #last: Record<Step, number[]> = { prepare: [], overhead: [], recheck: [] };
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

  /** Notes how long a step takes for each of its configurations. */
  async spent<T>(
    what: Step,
    step: Promise<T>,
    configurations = 1,
    launchesMs: (result: T) => number = () => 0,
  ): Promise<T> {
    const begin = this.#now();
    const result = await step;
    this.note(what, Math.max(0, this.#now() - begin - launchesMs(result)) / configurations);
    return result;
  }

  note(what: Step, ms: number): void {
    this.#last[what].push(ms);
    if (this.#last[what].length > REMEMBERED) this.#last[what].shift();
  }

  /** Of a configuration: the mean of the last ones, since compilers take very different times. */
  get prepareMs(): number {
    const { prepare } = this.#last;
    return prepare.reduce((sum, ms) => sum + ms, 0) / Math.max(1, prepare.length);
  }

  /** Beside the launches of a configuration, until its outputs are checked again: the most of the last ones. */
  get overheadMs(): number {
    return Math.max(0, ...this.#last.overhead) + Math.max(0, ...this.#last.recheck);
  }

  /** Whether something that takes so long would end in time. Before anything is learned, time that is left is enough. */
  affords(ms: number): boolean {
    return this.#budgetMs === Number.POSITIVE_INFINITY || (this.leftMs > 0 && ms <= this.leftMs);
  }
}
