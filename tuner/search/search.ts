import { Bug } from '../../compiler/diag/diagnostic.js';
import type { Config } from '../../driver/configurations.js';
import type { Outcome, Row, Samples } from '../types.js';

/**
 * What the search asks for. A configuration is `prepare`d once, before anything else is asked of it. Faults of a
 * configuration are rows; a promise is rejected only where nothing can go on.
 */
export interface Bench {
  /** Compiled, loaded and checked: `open` with its resources, or out with the reason. Two may be in flight. */
  prepare(config: Config): Promise<Row>;
  /**
   * Times configurations in turn: one launch of each, at most `count` rounds. In their order; a row for one that fell out.
   * Fewer samples come back where launches are slow.
   */
  sample(configs: readonly Config[], count: number): Promise<readonly (Samples | Row)[]>;
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
  /** Rows of an earlier run: not measured again. */
  readonly known: readonly Row[];
  /** A row that is settled, or whose samples have become more. */
  onRow(row: Row, progress: Progress): void;
}

export type SearchResult = Pick<Outcome, 'rows' | 'best' | 'measured' | 'ended'>;

/**
 * The fastest of `rows`. Deterministic under a seed, given the same measurements. The rows come back in their order, with
 * what became known of them.
 */
export async function search(rows: readonly Row[], bench: Bench, options: SearchOptions): Promise<SearchResult> {
  throw new Bug(`search of ${rows.length} rows: ${typeof bench.prepare}, seed ${options.seed}`);
}
