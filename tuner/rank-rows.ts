import type { Config } from '../driver/configurations.js';
import type { Estimate, Estimator } from './model/estimate.js';
import { EstimateOrder } from './model/estimate-order.js';
import type { Modelled } from './model/kernel-model.js';
import type { Row } from './types.js';

interface RankOptions {
  /** Milliseconds of a clock that does not go back. */
  readonly now: () => number;
  readonly signal: AbortSignal;
  /** What all estimates may take together; the rows that are left then have none. */
  readonly limitMs: number;
  /** Another process finds out about a configuration; null: none does. */
  readonly model?: (config: Config) => Promise<Modelled | null> | null;
  readonly onEstimate: (row: Row, estimate: Estimate) => void;
  readonly onProgress: (done: number, of: number) => void;
}

/** Milliseconds of estimating between two looks at what else there is to do, and between two words about it. */
const TURN_MS = 30;
const WORD_MS = 300;

/**
 * Open rows with what the cost model says of them, or out with its reason, in their order. Where the time does not suffice
 * for all, some that lie evenly in the space have an estimate, and those that look best by them. The event loop keeps
 * turning meanwhile.
 */
export async function rankRows(
  rows: readonly Row[],
  estimate: Estimator,
  { now, signal, limitMs, model, onEstimate, onProgress }: RankOptions,
): Promise<readonly Row[]> {
  const ranked = [...rows];
  const order = new EstimateOrder(rows);
  const open = rows.filter((row) => row.state === 'open').length;
  const begin = now();
  let [turn, word] = [begin, begin];
  const asked = new Map<number, Promise<Modelled | null>>();
  const ask = (i: number): void => {
    const asking = asked.has(i) ? null : (model?.((rows[i] as Row).config) ?? null);
    if (asking !== null) asked.set(i, asking);
  };
  for (let done = 1; !signal.aborted && now() - begin < limitMs; done++) {
    const i = order.next();
    if (i === null) break;
    const row = rows[i] as Row;
    for (const next of [i, ...order.following]) ask(next);
    const modelled = await unlessAborted(asked.get(i) ?? null, signal);
    if (signal.aborted) break;
    const found = estimate(row.config, modelled ?? undefined);
    if ('estimateMs' in found) {
      order.tell(i, found.estimateMs);
      onEstimate(row, found);
    }
    ranked[i] =
      'state' in found ? { ...row, ...found } : { ...row, estimateMs: found.estimateMs, resources: found.resources };
    if (now() - turn < TURN_MS) continue;
    if (now() - word >= WORD_MS) {
      word = now();
      onProgress(done, open);
    }
    await new Promise(setImmediate);
    turn = now();
  }
  return ranked.some((row) => row.state === 'open') ? ranked : withSpills(rows, ranked);
}

/** Null where the signal comes first. */
function unlessAborted<T>(work: Promise<T | null> | null, signal: AbortSignal): Promise<T | null> | null {
  if (work === null) return null;
  return new Promise((resolve, reject) => {
    const stop = (): void => resolve(null);
    signal.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}

/** Slow is better than not at all: where nothing else is left, what spills registers is measured. */
const withSpills = (rows: readonly Row[], ranked: readonly Row[]): readonly Row[] =>
  ranked.map((row, i) => (row.code === 'LAC0503' ? (rows[i] as Row) : row));
