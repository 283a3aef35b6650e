import type { Config } from '../../driver/configurations.js';
import { type RandomStream, randomStream } from '../../driver/random.js';
import { isBehind, roundsFor, SLOW_MS } from '../../tuner/rounds.js';
import type { Bench } from '../../tuner/search/search.js';
import type { Resources, Row, Samples } from '../../tuner/types.js';

/** Time that passes only when everybody waits for it. */
export class FakeClock {
  #now = 0;
  #pumping = false;
  readonly #alarms: { readonly at: number; readonly ring: () => void }[] = [];

  readonly now = (): number => this.#now;

  wait(ms: number): Promise<void> {
    return new Promise((ring) => {
      this.#alarms.push({ at: this.#now + ms, ring });
      this.#alarms.sort((a, b) => a.at - b.at);
      if (!this.#pumping) void this.#pump();
    });
  }

  readonly after = (ms: number): AbortSignal => {
    const due = new AbortController();
    void this.wait(ms).then(() => due.abort());
    return due.signal;
  };

  async #pump(): Promise<void> {
    this.#pumping = true;
    while (this.#alarms.length > 0) {
      await new Promise((done) => setImmediate(done));
      const alarm = this.#alarms.shift();
      if (alarm === undefined) break;
      this.#now = Math.max(this.#now, alarm.at);
      alarm.ring();
    }
    this.#pumping = false;
  }
}

export interface Simulation {
  readonly clock: FakeClock;
  readonly seed: number;
  /** The true milliseconds. */
  ms(config: Config): number;
  /** Standard deviation of the logarithm of a sample, and share of samples that take half as long again. */
  readonly noise?: number;
  readonly outliers?: number;
  /** See `Bench`. */
  readonly ahead?: number;
  /** Milliseconds by the clock. `checks`: preparing launches once, too. */
  readonly checks?: boolean;
  readonly prepareMs?: number;
  readonly warmUpMs?: number;
  readonly recheckMs?: number;
  /** What becomes of a configuration at a step; null: nothing. */
  fault?(config: Config, step: 'prepare' | 'sample' | 'recheck'): Row['state'] | null;
}

/** A device that was never built: configurations take the time that they are said to take, with noise. */
export class SimulatedBench implements Bench {
  readonly calls: { readonly what: 'prepare' | 'sample' | 'recheck'; readonly configs: readonly Config[] }[] = [];
  inFlight = 0;
  mostInFlight = 0;
  launches = 0;
  readonly ahead: number;
  readonly #of: Simulation;
  readonly #random: RandomStream;

  constructor(simulation: Simulation) {
    this.#of = simulation;
    this.ahead = simulation.ahead ?? 2;
    this.#random = randomStream(simulation.seed, 'noise');
  }

  async prepare(config: Config): Promise<Row> {
    this.calls.push({ what: 'prepare', configs: [config] });
    this.mostInFlight = Math.max(this.mostInFlight, ++this.inFlight);
    await this.#of.clock.wait((this.#of.prepareMs ?? 100) + (this.#of.checks === true ? this.#of.ms(config) : 0));
    this.inFlight--;
    return this.#row(config, 'prepare') ?? { config, state: 'open', resources: footprintOf(config) };
  }

  async sample(configs: readonly Config[], count: number, bestMs?: number): Promise<readonly (Samples | Row)[]> {
    this.calls.push({ what: 'sample', configs });
    const results = configs.map((config) => this.#row(config, 'sample') ?? this.#samples(config, count, bestMs));
    const spent = results.map((r) => ('state' in r ? 0 : r.ms.reduce((sum, ms) => sum + ms, 0)));
    await this.#of.clock.wait(spent.reduce((sum, ms) => sum + ms, this.#of.warmUpMs ?? 20));
    return results;
  }

  async recheck(config: Config): Promise<Row | null> {
    this.calls.push({ what: 'recheck', configs: [config] });
    await this.#of.clock.wait(this.#of.recheckMs ?? 5);
    return this.#row(config, 'recheck');
  }

  #row(config: Config, step: 'prepare' | 'sample' | 'recheck'): Row | null {
    const state = this.#of.fault?.(config, step) ?? null;
    return state === null ? null : { config, state, why: `at ${step}` };
  }

  #samples(config: Config, count: number, bestMs = Number.POSITIVE_INFINITY): Samples {
    const truth = this.#of.ms(config);
    const rounds = roundsFor(truth, count);
    if (truth >= SLOW_MS && isBehind([], truth, bestMs)) return { ms: [truth], how: 'host' };
    const ms: number[] = [];
    while (ms.length < rounds && !(truth >= SLOW_MS && isBehind(ms, truth, bestMs))) {
      const slow = this.#random.uniform() < (this.#of.outliers ?? 0) ? 1.5 : 1;
      ms.push(truth * slow * Math.exp((this.#of.noise ?? 0) * this.#random.normal()));
    }
    this.launches += ms.length;
    return { ms, how: 'timestamp' };
  }
}

const footprintOf = (config: Config): Resources => ({
  sharedBytes: Object.values(config).reduce((sum, value) => sum + value, 0),
  threads: 32 * (config.warps ?? 1),
  programs: 1,
});
