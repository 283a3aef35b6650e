import { cdiv } from '../../dsl/index.js';
import { ALMOST, doublings, down, type On, up, within } from '../blocks.js';

/** Elements of the state that a program has: of all products in f32, of others; where sequences are cut; of few long ones. */
const STATE = 8192;
const NARROW_STATE = 16384;
const SPLIT_STATE = 4096;
const LEAST_STATE = 2048;
const LEAST_NARROW_STATE = 4096;
/** Multiply-adds of a chunk with the state that are a warp's share. */
const WARP_PRODUCTS = 16384;

/**
 * How far blocks are, in doublings, from the rule of docs/reports/block-sizes.md for a GPU through WebGPU, where products are
 * sums of f32 without tensor cores and chunks lie in at most 48 KiB of workgroup memory.
 */
export function farOnWebgpu(
  { C, columns, warps, stages, G }: { C: number; columns: number; warps: number; stages: number; G: number },
  { rows, total, heads, N, isSplit }: { rows: number; total: number; heads: number; N: number; isSplit: boolean },
  { processors, elementBytes }: Omit<On, 'sharedBytes'>,
): number {
  const wide = elementBytes === 4;

  // Columns: all that the state has room for, but few enough to occupy the device; or parts of long sequences do that.
  const held = within(8, down((wide ? STATE : NARROW_STATE) / rows), wide ? 64 : 128);
  const all = Math.min(held, up(total));
  const ofParts = Math.min(within(8, down(SPLIT_STATE / rows), 64), up(total));
  const missing = (ALMOST * processors) / (heads * cdiv(total, ofParts));
  const bestG = isSplit && N >= 2048 && missing >= 2 ? within(1, down(missing), 8) : 1;
  const few = wide ? LEAST_STATE : LEAST_NARROW_STATE;
  const least = Math.min(all, within(8, down(few / rows), all));
  const narrow = within(least, down((ALMOST * heads * total) / processors), all);
  const bestColumns = bestG > 1 ? ofParts : narrow;

  // Tokens: by the rows, fewest beside long ones, whose chunks take most workgroup memory, and beside a small state.
  const wideC = rows <= 32 ? (bestG > 1 ? 32 : 16) : rows <= 64 ? Math.max(32, bestColumns) : 4096 / up(rows);
  const narrowC = rows <= 32 ? 16 : bestG > 1 ? 2048 / up(rows) : within(16, 4096 / up(rows), 32);
  const bestC = Math.min(within(16, wide ? wideC : narrowC, 64), up(within(16, N, 128)));

  // Fewer than 4 tokens a warp are no share, nor, beyond 4 warps, fewer than 8 columns.
  const bestWarps = within(
    2,
    (C * rows * columns) / WARP_PRODUCTS,
    Math.min(Math.min(8, C / 4), Math.max(4, columns / 8)),
  );
  return (
    3 * doublings(columns, bestColumns) +
    2 * doublings(C, bestC) +
    doublings(warps, bestWarps) +
    3 * Math.abs(stages - 2) +
    2 * doublings(G, bestG)
  );
}
