import { cdiv } from '../../dsl/index.js';
import { ALMOST, doublings, down, type On, up, within } from '../blocks.js';

/** So many times the programs that occupy every multiprocessor wait for each other's leavings. */
export const CROWD = 6;

/** A state of `rows` by `total` for each of `heads`, over N tokens; in parts, the last tokens first. */
interface Problem {
  readonly rows: number;
  readonly total: number;
  readonly heads: number;
  readonly N: number;
  readonly isSplit: boolean;
  readonly isReverse: boolean;
}

/** Elements of the state that a program has: of all products in f32, of others; where sequences are cut; of few long ones. */
const STATE = 8192;
const NARROW_STATE = 16384;
const SPLIT_STATE = 4096;
const LEAST_STATE = 2048;
/** Multiply-adds of a chunk with the state that are a warp's share. */
const WARP_PRODUCTS = 16384;

/**
 * How far blocks are, in doublings, from the rule of docs/reports/block-sizes.md for a GPU through WebGPU, where products are
 * sums of f32 without tensor cores and chunks lie in at most 48 KiB of workgroup memory.
 */
export function farOnWebgpu(
  { C, columns, warps, stages, G }: { C: number; columns: number; warps: number; stages: number; G: number },
  { rows, total, heads, N, isSplit, isReverse }: Problem,
  { processors, elementBytes }: Omit<On, 'sharedBytes'>,
): number {
  const wide = elementBytes === 4;
  // A state with short rows in 16 bits, of kernels that walk from the last token to the first: as many programs as there can be.
  const isSpread = !wide && isReverse && rows <= 32 && heads <= CROWD * processors;

  // Columns: all that the state has room for, but few enough to occupy the device; or parts of long sequences do that.
  const held = within(8, down((wide ? STATE : NARROW_STATE) / rows), wide ? 64 : 128);
  const all = Math.min(held, up(total));
  const ofParts = Math.min(within(8, down(SPLIT_STATE / rows), 64), up(total));
  const missing = (ALMOST * processors) / (heads * cdiv(total, ofParts));
  const bestG = isSplit && N >= 2048 && missing >= 2 ? within(1, down(missing), 8) : 1;
  // Of 16 bits, short rows stay whole, but not from the last token to the first.
  const few = isSpread ? 8 : !wide && !isReverse && rows <= 64 ? all : within(8, down(LEAST_STATE / rows), all);
  const narrow = within(Math.min(all, few), down((ALMOST * heads * total) / processors), all);
  const bestColumns = bestG > 1 ? ofParts : narrow;

  // Tokens: by the rows, fewest beside long ones, whose chunks take most workgroup memory, and beside a small state.
  const isSmall = rows * bestColumns <= LEAST_STATE;
  const wideC = rows <= 32 ? (bestG > 1 ? 32 : 16) : rows <= 64 ? Math.max(32, bestColumns) : 4096 / up(rows);
  const spreadC = bestColumns < all ? 64 : 32;
  const isByRows = isReverse ? bestColumns < all && rows * bestColumns <= SPLIT_STATE : bestG > 1 && !isSmall;
  const narrowC = isSpread ? spreadC : isByRows ? LEAST_STATE / up(rows) : isSmall ? 16 : 32;
  const bestC = Math.min(within(16, wide ? wideC : narrowC, 64), up(within(16, N, 128)));

  // Fewer than 4 tokens a warp are no share, nor, beyond 4 warps, fewer than 8 columns, unless there is much to do; 4 load long rows.
  const shares = (C * rows * columns) / WARP_PRODUCTS;
  const most = Math.min(8, C / 4, Math.max(4, columns / 8, shares / 2));
  const bestWarps = isSpread ? 8 : within(rows > 64 ? 4 : 2, shares, most);
  // Towards the last token nothing is loaded ahead for the longest rows of gradients, nor of 16 bits for long rows of a small state.
  const isAlone = !isReverse && ((!isSplit && rows > 128) || (!wide && isSmall && rows > 64));
  return (
    3 * doublings(columns, bestColumns) +
    2 * doublings(C, bestC) +
    doublings(warps, bestWarps) +
    3 * Math.abs(stages - (isAlone ? 1 : 2)) +
    2 * doublings(G, bestG)
  );
}
