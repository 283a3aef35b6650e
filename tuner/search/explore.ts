import type { Config } from '../../driver/configurations.js';
import { roundsFor } from '../rounds.js';
import type { Row } from '../types.js';
import { Explorer } from './explorer.js';
import type { Run } from './run.js';
import { Stop } from './stopping.js';

/** As many are all timed. */
const FEW = 24;
/** Of more, a quarter, but no fewer and no more than these. */
const LEAST = 12;
const MOST = 96;
/** Samples of a first look. */
const LOOK = 7;
/** How many of so many configurations are timed. */
const quota = (open: number, exhaustive: boolean): number =>
  exhaustive || open <= FEW ? open : Math.min(MOST, Math.max(LEAST, Math.floor(open / 4)));

interface Begun {
  readonly index: number;
  readonly row: Promise<Row>;
}

interface ExplorationOptions {
  readonly seed: number;
  readonly exhaustive: boolean;
  /** As `SearchOptions` has it. */
  readonly first: readonly Config[];
  readonly doubtful: readonly Config[];
}

/** Estimates are right within a half: so far behind the best of the others one that is doubtful is worth a try. */
const HOPE = 1.5;

/** Indices of the open rows that are candidates. */
function candidates({ ledger }: Run, doubtful: readonly Config[]): readonly number[] {
  const open = ledger.in('open');
  if (open.length <= FEW) return open;
  const doubted = new Set(doubtful.map((config) => ledger.indexOf(config)));
  const estimate = (i: number): number => ledger.at(i).estimateMs ?? Number.POSITIVE_INFINITY;
  const others = open.filter((i) => !doubted.has(i));
  const best = Math.min(...others.map(estimate));
  return open.filter((i) => !doubted.has(i) || estimate(i) <= HOPE * best);
}

/** Times configurations for the first time, best guess first, while the next ones are prepared. */
export class Exploration {
  readonly #run: Run;
  readonly #explorer: Explorer;
  /** What is prepared ahead, in the order in which it will be timed, whatever is ready first. */
  readonly #begun: Begun[] = [];
  /** Configurations that are still to be picked. */
  #wanted: number;
  #reserveMs = 0;
  #isShort = false;

  constructor(run: Run, { seed, exhaustive, first, doubtful }: ExplorationOptions) {
    const { ledger } = run;
    const open = exhaustive ? ledger.in('open') : candidates(run, doubtful);
    const measured = ledger.in('measured');
    this.#run = run;
    this.#wanted = Math.max(0, quota(open.length + measured.length, exhaustive) - measured.length);
    this.#explorer = new Explorer(ledger.rows, {
      among: [...open, ...measured],
      leading: first.flatMap((config) => ledger.indexOf(config) ?? []),
      seed,
      uninformed: Math.round(this.#wanted / 4),
      isRanked: this.#wanted === open.length,
    });
    for (const i of measured) this.#explorer.observe(i, ledger.interval(i).median);
    run.toTry = this.#wanted;
  }

  /**
   * Until all that are wanted are timed. Throws Stop where no more fit the budget, of which a share is kept; may then be called
   * again.
   */
  async go(keptShare: number): Promise<void> {
    const run = this.#run;
    run.stage = 'explore';
    this.#isShort = false;
    this.#reserveMs = Number.isFinite(run.costs.leftMs) ? run.costs.leftMs * keptShare : 0;
    for (let head = this.#shift(); head !== null; head = this.#shift()) {
      const { index, row } = head;
      if (await run.prepared(index, row)) {
        this.#fill(run.ahead);
        const count = this.#isUrgent() ? await this.#once(index) : LOOK;
        // What turns out to take too long stays as it is.
        if (count > 0 && run.costs.affords(run.sampleMs([index], count))) await run.sample([index], count);
      }
      this.#learn(index);
    }
    if (this.#isShort) throw new Stop('budget');
  }

  /** The next one that is to be timed; null where there is none. */
  #shift(): Begun | null {
    this.#fill(Math.max(1, this.#run.ahead));
    return this.#begun.shift() ?? null;
  }

  /** Begins as many as are wanted, and end in time. */
  #fill(ahead: number): void {
    const { costs } = this.#run;
    const fits = (index: number): boolean => costs.affords(this.#neededMs(index) + this.#reserveMs);
    while (this.#begun.length < ahead && this.#wanted > 0) {
      const index = this.#explorer.next(this.#room(), fits);
      if (index === null) {
        this.#isShort = this.#explorer.hasMore;
        return;
      }
      this.#wanted--;
      this.#begun.push({ index, row: this.#run.begin(index) });
    }
  }

  /** Until it is timed, after those that are under way, which are timed while it is prepared. */
  #neededMs(index: number): number {
    const before = this.#begun.reduce((sum, b) => sum + this.#run.sampleMs([b.index], LOOK), 0);
    return Math.max(before, this.#run.costs.prepareMs) + this.#run.sampleMs([index], LOOK);
  }

  /** How many more the budget has room for, if they are as fast as the best. Before anything is known, for one. */
  #room(): number {
    const { costs, ledger } = this.#run;
    if (!Number.isFinite(costs.leftMs)) return Number.POSITIVE_INFINITY;
    const best = ledger.best === null ? undefined : ledger.indexOf(ledger.best.config);
    if (best === undefined) return 1;
    // As many are prepared at a time as are begun ahead.
    const paceMs = costs.prepareMs / Math.max(1, this.#run.ahead) + this.#run.sampleMs([best], LOOK);
    return Math.floor((costs.leftMs - this.#reserveMs) / paceMs);
  }

  /** How many samples of it are still wanted. */
  async #once(index: number): Promise<number> {
    const { ledger } = this.#run;
    await this.#run.sample([index], 1);
    return ledger.at(index).state === 'measured' ? roundsFor(ledger.interval(index).median, LOOK) - 1 : 0;
  }

  /** Whether a budget may end before anything is measured: a call costs little where nothing has to warm up for it. */
  #isUrgent(): boolean {
    const { costs, ledger, ahead } = this.#run;
    return ahead === 0 && Number.isFinite(costs.leftMs) && ledger.best === null;
  }

  /** What became of one. For one that is out another is tried: what is wanted are times. */
  #learn(index: number): void {
    const { ledger } = this.#run;
    if (ledger.at(index).state === 'measured') this.#explorer.observe(index, ledger.interval(index).median);
    else {
      this.#explorer.drop(index);
      this.#wanted++;
      this.#run.toTry++;
    }
  }
}
