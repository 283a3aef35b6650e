import { cdiv } from '../../dsl/index.js';
import { doublings, down, type On, up, within } from '../blocks.js';

/** Elements of a row, or of several short ones, that are a program's, and an invocation's. */
const PROGRAM = 2048;
const INVOCATION = 32;

/** Rows that a program holds at once where it has all of them that it wants. */
export const rowsOfProgram = (K: number): number => within(1, down(PROGRAM / up(K)), 8);

/** How far blocks of rows are, in doublings, from what was best where it was measured: a row in registers, read once. */
export function farFromBestRows(
  { BM, BK, warps }: { BM: number; BK: number; warps: number },
  { M, K }: { M: number; K: number },
  { processors }: Pick<On, 'processors'>,
): number {
  const bestBM = within(1, down(Math.min(PROGRAM / up(K), M / processors)), 8);
  const passes = cdiv(K, BK) - 1;
  const own = (BM * BK) / (32 * warps);
  const far = 4 * passes + doublings(BK, up(K)) + doublings(BM, bestBM) + doublings(own, INVOCATION);
  // On a CPU, few warps as ever; and all of a row, as far as registers allow.
  return processors === 1 ? (BK >= K && warps <= 4 ? 0 : 1) : far;
}
