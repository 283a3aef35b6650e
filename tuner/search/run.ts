import type { Config } from '../../driver/configurations.js';
import { roundsBeside, roundsFor } from '../rounds.js';
import { median } from '../statistics.js';
import type { Row, Samples } from '../types.js';
import { Costs } from './costs.js';
import { joined, Ledger } from './ledger.js';
import { type Bench, DEFAULT_AHEAD, type Progress, type SearchOptions } from './search.js';
import { Stopping } from './stopping.js';

/** One search under way: asks the bench, keeps the ledger, notes costs, and reports. */
export class Run {
  readonly ledger: Ledger;
  readonly costs: Costs;
  stage: Progress['stage'] = 'explore';
  /** What `Progress` says. */
  tried = 0;
  toTry = 0;
  /** Calls that were made of the bench to prepare and to time. */
  steps = 0;
  readonly #bench: Bench;
  readonly #options: SearchOptions;
  readonly #stopping: Stopping;
  readonly #prepared = new Set<number>();
  /** Rounds of the race that each was in. */
  readonly #rounds = new Map<number, number>();
  #scale: Scale | null = null;

  constructor(rows: readonly Row[], bench: Bench, options: SearchOptions) {
    this.#bench = bench;
    this.#options = options;
    this.ledger = new Ledger(rows, options.known);
    this.costs = new Costs(options.now, options.budgetMs);
    this.#stopping = new Stopping(options.signal, options.expired);
  }

  end(): void {
    this.#stopping.forget();
  }

  /** Configurations that are prepared ahead of what is timed. */
  get ahead(): number {
    return this.#bench.ahead ?? DEFAULT_AHEAD;
  }

  /** Begins to prepare a configuration; the row that comes of it is not settled yet. */
  begin(index: number): Promise<Row> {
    this.#stopping.check();
    this.steps++;
    const row = this.#prepare(this.ledger.config(index));
    row.catch(() => {});
    return row;
  }

  /** Part of it may have been done before it was asked for. */
  async #prepare(config: Config): Promise<Row> {
    const begin = this.costs.elapsedMs;
    const row = await this.#bench.prepare(config);
    this.costs.note('prepare', Math.max(this.costs.elapsedMs - begin, row.compileMs ?? 0));
    return row;
  }

  /** Whether it may be timed. */
  async prepared(index: number, begun: Promise<Row>): Promise<boolean> {
    const row = await this.#stopping.until(begun);
    const isOpen = row.state === 'open';
    if (isOpen) this.#prepared.add(index);
    else this.tried++;
    this.#settle(index, row);
    return isOpen;
  }

  rounds(index: number): number {
    return this.#rounds.get(index) ?? 0;
  }

  isPrepared(index: number): boolean {
    return this.#prepared.has(index);
  }

  /**
   * Times configurations in turn and checks them again. Samples of the race take the place of those that a configuration
   * was first looked at with, and later ones join them: they were taken beside those of the others.
   */
  async sample(indices: readonly number[], count: number): Promise<void> {
    this.#stopping.check();
    this.steps++;
    const configs = indices.map((i) => this.ledger.config(i));
    const sampling = this.#bench.sample(configs, count, this.#bestBeside(indices));
    const results = await this.#stopping.until(this.costs.spent('overhead', sampling, indices.length, launchesMs));
    for (const [k, index] of indices.entries()) {
      const result = results[k];
      if (result === undefined) throw new RangeError(`${results.length} results for ${indices.length} configurations`);
      const isNew = this.ledger.touch(index);
      if (this.stage === 'explore' && isNew) this.tried++;
      if ('state' in result) this.#settle(index, result);
      else await this.#confirm(index, result);
    }
  }

  async #confirm(index: number, samples: Samples): Promise<void> {
    const fault = await this.#stopping.until(
      this.costs.spent('recheck', this.#bench.recheck(this.ledger.config(index))),
    );
    if (fault !== null) return this.#settle(index, fault);
    const isFirstRace = this.stage === 'race' && this.rounds(index) === 0;
    const earlier = isFirstRace ? undefined : this.ledger.at(index).samples;
    if (this.stage === 'race') this.#rounds.set(index, this.rounds(index) + 1);
    this.#settle(index, { ...this.ledger.at(index), state: 'measured', samples: joined(earlier, samples) });
  }

  #settle(index: number, row: Row): void {
    this.ledger.settle(index, { ...this.ledger.at(index), ...row });
    this.#scale = null;
    this.#options.onRow(this.ledger.at(index), this.#progress());
  }

  /** What a call of `sample` with the checks after it takes, by what was learned. */
  sampleMs(indices: readonly number[], count: number): number {
    const bestMs = this.#bestBeside(indices);
    const rounds = (ms: number): number =>
      bestMs === undefined ? roundsFor(ms, count) : roundsBeside(ms, count, bestMs);
    const launches = indices.map((i) => this.#expectedMs(i)).reduce((sum, ms) => sum + ms * rounds(ms), 0);
    return launches + indices.length * this.costs.overheadMs;
  }

  /** What the best takes at most, for those that are looked at for the first time. */
  #bestBeside(indices: readonly number[]): number | undefined {
    const isFirstLook = this.stage === 'explore' && indices.every((i) => this.ledger.at(i).samples === undefined);
    return isFirstLook ? this.#scaleNow.bestMs : undefined;
  }

  /** Milliseconds of a launch: measured, or by the estimate as much off as usual so far, or the median so far. */
  #expectedMs(index: number): number {
    const { estimateMs, samples } = this.ledger.at(index);
    if (samples !== undefined) return this.ledger.interval(index).median;
    const { ratio, medianMs } = this.#scaleNow;
    return estimateMs !== undefined && ratio > 0 ? estimateMs * ratio : medianMs;
  }

  get #scaleNow(): Scale {
    this.#scale ??= scaleOf(this.ledger);
    return this.#scale;
  }

  #progress(): Progress {
    const { stage, tried, toTry } = this;
    const { elapsedMs, leftMs: budgetMs } = this.costs;
    const aheadMs = stage === 'explore' && tried > 0 ? (elapsedMs / tried) * Math.max(0, toTry - tried) : null;
    const leftMs =
      budgetMs === Number.POSITIVE_INFINITY ? aheadMs : Math.max(0, Math.min(budgetMs, aheadMs ?? budgetMs));
    return { stage, tried, toTry, best: this.ledger.best, elapsedMs, leftMs };
  }
}

/** What is measured, for the times of others. */
interface Scale {
  /** Median of measured times over their estimates; 0 where none has one. */
  readonly ratio: number;
  readonly medianMs: number;
  /** What the best takes at most. */
  readonly bestMs?: number;
}

function scaleOf(ledger: Ledger): Scale {
  const measured = ledger.in('measured').map((i) => ({ ...ledger.interval(i), estimateMs: ledger.at(i).estimateMs }));
  const ratios = measured.flatMap((m) => (m.estimateMs === undefined ? [] : [m.median / m.estimateMs]));
  return {
    ratio: medianOr0(ratios),
    medianMs: medianOr0(measured.map((m) => m.median)),
    ...(measured.length > 0 && { bestMs: Math.min(...measured.map((m) => m.high)) }),
  };
}

const medianOr0 = (values: readonly number[]): number => (values.length === 0 ? 0 : median(values));

const launchesMs = (results: readonly (Samples | Row)[]): number =>
  results.flatMap((r) => ('state' in r ? [] : r.ms)).reduce((sum, ms) => sum + ms, 0);
