import { spanInOrder } from '../../layout/axes.js';
import { complement, rank } from '../../layout/gf2.js';
import { MMA_ROWS, type WarpStep } from '../../layout/mma.js';
import type { ArrangedDot } from './classes.js';

/** Warps w and w' with the same low bits share a sub-core. */
const SUB_CORE_BITS = 2;
/** Columns, or summands, of a block that is skipped or not. */
const BLOCK = 16;

/**
 * Rows of the warps, permuted by XOR so that sub-cores have even work where parts of products are known to be zero: each
 * warp bit above the sub-core's takes its own row step XOR a permutation of the row groups. All are tried.
 */
export function balanceRows(warps: readonly WarpStep[], rows: number, dots: readonly ArrangedDot[]): WarpStep[] {
  const steps = warps.map((w) => w.row);
  const groups = complement([], steps);
  const bounded = dots.filter(({ op }) => (op.attrs.zero_a ?? op.attrs.zero_out) !== undefined);
  if (bounded.length === 0 || warps.length <= SUB_CORE_BITS || groups.length === 0) return [...warps];
  const cost = rowCosts(bounded, rows);
  let best = steps;
  let least = imbalance(steps, rows, cost);
  for (const candidate of permutations(steps, groups)) {
    const load = imbalance(candidate, rows, cost);
    if (load < least) [best, least] = [candidate, load];
  }
  return warps.map((w, i) => ({ ...w, row: best[i] ?? 0 }));
}

/** Row steps of all warp bits, the higher ones permuted in every way that reaches the same rows. */
function* permutations(steps: readonly number[], groups: readonly number[]): Generator<number[]> {
  const low = steps.slice(0, SUB_CORE_BITS);
  const high = steps.slice(SUB_CORE_BITS);
  const span = spanInOrder(groups);
  const size = rank(steps);
  for (let n = 0; n < span.length ** high.length; n++) {
    const moved = high.map((step, i) => step ^ (span[Math.floor(n / span.length ** i) % span.length] ?? 0));
    if (rank([...low, ...moved]) === size) yield [...low, ...moved];
  }
}

/** Work of the busiest sub-core. */
function imbalance(steps: readonly number[], rows: number, cost: (group: number) => number): number {
  const load = new Array<number>(2 ** SUB_CORE_BITS).fill(0);
  spanInOrder(steps).forEach((row, warp) => {
    const core = warp % load.length;
    load[core] = (load[core] ?? 0) + cost(row / rows);
  });
  return Math.max(...load);
}

/** Blocks that each group of rows has to multiply. */
function rowCosts(dots: readonly ArrangedDot[], rows: number): (group: number) => number {
  const known = new Map<number, number>();
  return (group) => {
    const cost = known.get(group) ?? dots.reduce((sum, dot) => sum + blocksOf(dot, group * rows, rows), 0);
    known.set(group, cost);
    return cost;
  };
}

function blocksOf({ op, trips }: ArrangedDot, from: number, rows: number): number {
  const [a, out] = [op.operands[0]?.type, op.results[0]?.type];
  if (a?.kind !== 'tile' || out?.kind !== 'tile') return 0;
  const [K = 1, N = 1] = [a.shape[1], out.shape[1]];
  let blocks = 0;
  for (let row = from; row < from + rows; row += MMA_ROWS)
    blocks += live(op.attrs.zero_a, row, K) * live(op.attrs.zero_out, row, N);
  return blocks * trips;
}

/** Blocks of a row of 16 x 16 blocks in which some element is not proven zero, by triples [p, q, s]: zero where p r + q c + s < 0. */
function live(triples: readonly number[] = [], row: number, columns: number): number {
  const most = (factor: number, from: number) => Math.max(factor * from, factor * (from + BLOCK - 1));
  let count = 0;
  for (let column = 0; column < columns; column += BLOCK) {
    let zero = false;
    for (let i = 0; i + 2 < triples.length; i += 3) {
      const [p = 0, q = 0, s = 0] = triples.slice(i, i + 3);
      zero ||= most(p, row) + most(q, column) + s < 0;
    }
    if (!zero) count++;
  }
  return count;
}
