import { cdiv } from '../../dsl/index.js';

/** The least power of two that holds x. */
const whole = (x: number): number => 2 ** Math.ceil(Math.log2(x));

/** Columns of a program are at least so many, and at most. */
const [NARROW, WIDE] = [16, 128];

/**
 * How far blocks are, in doublings, from what was best wherever it was measured (docs/reports/block-sizes.md). A program
 * has a state of `rows` by `columns`, of `total` columns for each of `heads`, and takes C of N tokens at a time.
 *
 * All columns, up to 128, while that gives a third of the multiprocessors a program; C rows of the state by 8192 elements, at
 * most 64 tokens, or 128 where all programs run at once; a warp for 512 elements of C x columns, from 4 to 8. A CPU runs
 * one program at a time, and each of its invocations costs alike.
 */
export function farFromBest(
  { C, columns, warps, stages }: { C: number; columns: number; warps: number; stages: number },
  { rows, total, heads, N }: { rows: number; total: number; heads: number; N: number },
  processors: number,
): number {
  const all = Math.min(WIDE, whole(total));
  const filling = 2 ** Math.floor(Math.log2(Math.max(1, (3 * heads * total) / processors)));
  const bestColumns = Math.min(all, Math.max(NARROW, filling));
  const atOnce = bestColumns === all && heads * cdiv(total, all) <= 2 * processors;
  const gpuC = Math.min(atOnce ? 128 : 64, 8192 / whole(rows));
  const bestC = Math.min(processors === 1 ? 32 : gpuC, Math.max(NARROW, whole(Math.max(1, N))));
  const bestWarps = processors === 1 ? 2 : Math.min(8, Math.max(4, (C * columns) / 512));
  const bestStages = processors === 1 ? 1 : 2;
  return (
    3 * Math.abs(Math.log2(columns / bestColumns)) +
    2 * Math.abs(Math.log2(C / bestC)) +
    Math.abs(Math.log2(warps / bestWarps)) +
    Math.abs(stages - bestStages)
  );
}
