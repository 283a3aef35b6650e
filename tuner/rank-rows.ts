import type { Estimate, Estimator } from './model/estimate.js';
import type { Row } from './types.js';

interface RankOptions {
  /** Milliseconds of a clock that does not go back. */
  readonly now: () => number;
  readonly signal: AbortSignal;
  /** What all estimates may take together; the rows that are left then have none. */
  readonly limitMs: number;
  readonly onEstimate: (row: Row, estimate: Estimate) => void;
  readonly onProgress: (done: number, of: number) => void;
}

/** Milliseconds of estimating between two looks at what else there is to do, and between two words about it. */
const TURN_MS = 30;
const WORD_MS = 300;

/**
 * Open rows with what the cost model says of them, or out with its reason, in their order. Where the time does not suffice
 * for all, those that have an estimate lie evenly in the space. The event loop keeps turning meanwhile.
 */
export async function rankRows(
  rows: readonly Row[],
  estimate: Estimator,
  { now, signal, limitMs, onEstimate, onProgress }: RankOptions,
): Promise<readonly Row[]> {
  const ranked = [...rows];
  const open = evenly([...rows.keys()].filter((i) => rows[i]?.state === 'open'));
  const begin = now();
  let [turn, word] = [begin, begin];
  for (const [done, i] of open.entries()) {
    if (signal.aborted || now() - begin >= limitMs) break;
    const row = rows[i] as Row;
    const found = estimate(row.config);
    if ('estimateMs' in found) onEstimate(row, found);
    ranked[i] =
      'state' in found ? { ...row, ...found } : { ...row, estimateMs: found.estimateMs, resources: found.resources };
    if (now() - turn < TURN_MS) continue;
    if (now() - word >= WORD_MS) {
      word = now();
      onProgress(done + 1, open.length);
    }
    await new Promise(setImmediate);
    turn = now();
  }
  return ranked;
}

/** The same numbers, so that every beginning of the list is spread over all of it. */
function evenly(list: readonly number[]): readonly number[] {
  const n = list.length;
  let step = Math.max(1, Math.round(n * 0.6180339887498949));
  while (greatestCommonDivisor(step, n) > 1) step++;
  return list.map((_, k) => list[(k * step) % n] as number);
}

const greatestCommonDivisor = (a: number, b: number): number => (b === 0 ? a : greatestCommonDivisor(b, a % b));
