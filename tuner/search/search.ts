import type { Config } from '../../driver/configurations.js';
import type { Outcome, Row, Samples } from '../types.js';
import { Exploration } from './explore.js';
import { race } from './race.js';
import { Run } from './run.js';
import { Stop } from './stopping.js';

/** Calls of `prepare` under way where a bench does not say. */
export const DEFAULT_AHEAD = 2;

/**
 * What the search asks for. A configuration is `prepare`d once, before anything else is asked of it. Faults of a
 * configuration are rows; a promise is rejected only where nothing can go on.
 */
export interface Bench {
  /** Calls of `prepare` that keep it busy while it samples: 0 where it does one thing at a time, DEFAULT_AHEAD where it does not say. */
  readonly ahead?: number;
  /** Compiled, loaded and checked: `open` with its resources, or out with the reason. `ahead` may be in flight. */
  prepare(config: Config): Promise<Row>;
  /**
   * Times configurations in turn: one launch of each, at most `count` rounds. In their order; a row for one that fell out.
   * Fewer samples come back where launches are slow, and of slow ones that are behind a best that takes no more than `bestMs`.
   */
  sample(configs: readonly Config[], count: number, bestMs?: number): Promise<readonly (Samples | Row)[]>;
  /** Whether the outputs are still right after timing: null, or the row that says why not. */
  recheck(config: Config): Promise<Row | null>;
}

/** How far a search has come; given with every row that changes. */
export interface Progress {
  /** `explore`: configurations are timed for the first time; `race`: those that may be the fastest are timed again. */
  readonly stage: 'explore' | 'race';
  /** Configurations that were tried (timed, or out), and how many will be at most. */
  readonly tried: number;
  readonly toTry: number;
  readonly best: Row | null;
  readonly elapsedMs: number;
  /** By what was learned so far, and within the budget; null before anything was. */
  readonly leftMs: number | null;
}

export interface SearchOptions {
  readonly budgetMs?: number;
  readonly seed: number;
  /** Milliseconds of any clock that does not go back. */
  readonly now: () => number;
  /** Ends the search with what is known: `interrupted`. */
  readonly signal: AbortSignal;
  /** Ends it with what is known: `budget`. For a call that takes longer than was foreseen: `AbortSignal.timeout(budgetMs)`. */
  readonly expired?: AbortSignal;
  /** Times every configuration that is open. */
  readonly exhaustive?: boolean;
  /** Timed before all others, in this order, where they are open: what is used as long as nothing better is found. */
  readonly first?: readonly Config[];
  /** Timed only where the space is small, or `exhaustive`, or the model nearly puts them before all others. */
  readonly doubtful?: readonly Config[];
  /** Rows of an earlier run: not measured again. */
  readonly known: readonly Row[];
  /** A row that is settled, or whose samples have become more. */
  onRow(row: Row, progress: Progress): void;
}

export type SearchResult = Pick<Outcome, 'rows' | 'best' | 'measured' | 'ended'>;

/**
 * The fastest of `rows`. Where few are open, or `exhaustive`, all of them are timed; of many, a quarter, which `Explorer`
 * picks. Then those that may be the fastest are timed again and again, until they differ or tie. Deterministic under a seed,
 * given the same measurements and time for all of it. Rows come back in their order, with what became known of them;
 * `measured` are those that were timed here, and not the known ones.
 */
export async function search(rows: readonly Row[], bench: Bench, options: SearchOptions): Promise<SearchResult> {
  const run = new Run(rows, bench, options);
  const ended = await endOf(run, options).finally(() => run.end());
  const { best, timed } = run.ledger;
  const isFailed = ended === 'done' && best === null;
  return { rows: run.ledger.rows, best, measured: timed, ended: isFailed ? 'failed' : ended };
}

/** Share of a budget that is kept for the race. */
const RACE_SHARE = 0.2;

/** What the race leaves of a budget goes to others that fit in, until nothing does. */
async function endOf(
  run: Run,
  { seed, exhaustive = false, first = [], doubtful = [] }: SearchOptions,
): Promise<SearchResult['ended']> {
  const exploration = new Exploration(run, { seed, exhaustive, first, doubtful });
  for (let keptShare = RACE_SHARE; ; keptShare = 0) {
    const before = run.steps;
    const explored = await untilStopped(exploration.go(keptShare));
    if (explored === 'interrupted') return explored;
    // Where time is short, to know one better is worth less than to know another.
    const raced = await untilStopped(race(run, explored === 'done' ? 1 : 2));
    if (raced === 'interrupted' || explored === 'done') return raced;
    if (run.steps === before && keptShare === 0) return explored;
  }
}

async function untilStopped(stage: Promise<void>): Promise<SearchResult['ended']> {
  try {
    await stage;
    return 'done';
  } catch (error) {
    if (error instanceof Stop) return error.ended;
    throw error;
  }
}
