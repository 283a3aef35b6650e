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
/** Share of the budget that is left for the race. */
const RACE_SHARE = 0.2;

/** How many of so many configurations are timed. */
const quota = (open: number, exhaustive: boolean): number =>
  exhaustive || open <= FEW ? open : Math.min(MOST, Math.max(LEAST, Math.floor(open / 4)));

interface Begun {
  readonly index: number;
  readonly row: Promise<Row>;
}

/** Times configurations for the first time, best guess first, while the next ones are prepared. */
export async function explore(run: Run, seed: number, exhaustive: boolean): Promise<void> {
  const queue = new Queue(run, seed, exhaustive);
  for (let head = queue.shift(); head !== null; head = queue.shift()) {
    const { index, row } = head;
    if (await run.prepared(index, row)) {
      queue.fill();
      run.mustAfford(run.sampleMs([index], LOOK));
      await run.sample([index], LOOK);
    }
    queue.learn(index);
  }
}

/** What is prepared ahead, in the order in which it will be timed, whatever is ready first. */
class Queue {
  readonly #run: Run;
  readonly #explorer: Explorer;
  readonly #reserveMs: number;
  readonly #isRanked: boolean;
  readonly #begun: Begun[] = [];
  /** Configurations that are still to be picked. */
  #wanted: number;
  #isShort = false;

  constructor(run: Run, seed: number, exhaustive: boolean) {
    const { ledger } = run;
    const [open, measured] = [ledger.in('open'), ledger.in('measured')];
    this.#run = run;
    this.#wanted = Math.max(0, quota(open.length + measured.length, exhaustive) - measured.length);
    this.#isRanked = this.#wanted === open.length;
    this.#explorer = new Explorer(ledger.rows, [...open, ...measured], seed, Math.round(this.#wanted / 4));
    for (const i of measured) this.#explorer.observe(i, ledger.interval(i).median);
    this.#reserveMs = Number.isFinite(run.costs.leftMs) ? run.costs.leftMs * RACE_SHARE : 0;
    run.toTry = this.#wanted;
  }

  /** The next one that is to be timed; null where there is none. */
  shift(): Begun | null {
    this.fill();
    const head = this.#begun.shift();
    if (head === undefined && this.#isShort) throw new Stop('budget');
    return head ?? null;
  }

  /** Begins as many as are wanted, and end in time. */
  fill(): void {
    while (this.#begun.length < this.#run.ahead && this.#wanted > 0 && !this.#isShort) {
      const index = this.#isRanked ? this.#explorer.nextRanked() : this.#explorer.next();
      if (index === null) return;
      this.#isShort = !this.#run.costs.affords(this.#neededMs(index) + this.#reserveMs);
      if (this.#isShort) return;
      this.#wanted--;
      this.#begun.push({ index, row: this.#run.begin(index) });
    }
  }

  /** Until it is timed, after those that are under way. */
  #neededMs(index: number): number {
    const before = this.#begun.reduce((sum, b) => sum + this.#run.sampleMs([b.index], LOOK), 0);
    return before + this.#run.costs.most.prepare + this.#run.sampleMs([index], LOOK);
  }

  /** What became of one. For one that is out another is tried: what is wanted are times. */
  learn(index: number): void {
    const { ledger } = this.#run;
    if (ledger.at(index).state === 'measured') this.#explorer.observe(index, ledger.interval(index).median);
    else {
      this.#wanted++;
      this.#run.toTry++;
    }
  }
}
