import { registerRun } from './algebra.js';
import { axisField } from './axes.js';
import { bitsOf, rank } from './gf2.js';
import type { Layout } from './layout.js';
import { basesOf, log2, makeLayout, tileBits } from './layout.js';

/** Layouts over lanes and warps in which tiles go to and come from global memory, rows (the last axis) contiguous there. */

/** One access of a thread moves up to this; a sector of the cache is twice as much. */
const VECTOR_BYTES = 16;
export const SECTOR_BYTES = 32;
const LANE_BITS = 5;

const units = (bits: readonly number[]): number[] => bits.map((b) => 2 ** b);
const range = (from: number, to: number): number[] =>
  Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);
const padded = (bits: readonly number[], length: number): number[] => [
  ...units(bits),
  ...range(bits.length, length).map(() => 0),
];

const columnBits = (shape: readonly number[]): number => log2(shape[shape.length - 1] ?? 1);
const vectorBits = (shape: readonly number[], elementBytes: number): number =>
  Math.min(log2(VECTOR_BYTES / elementBytes), columnBits(shape));

/**
 * Coalesced: a thread holds 16 neighbouring bytes, lanes go along the row and then over rows, warps over rows and then
 * along them (whole rows in a warp, where they fit, need no other warp to be folded). The rest returns to registers;
 * threads beyond the tile repeat it.
 */
export function coalescedLayout(shape: readonly number[], elementBytes: number, warps: number): Layout {
  const [vector, columns, all] = [vectorBits(shape, elementBytes), columnBits(shape), tileBits(shape)];
  const inOrder = range(vector, all);
  const lane = inOrder.slice(0, LANE_BITS);
  const left = inOrder.slice(LANE_BITS);
  const rowsFirst = [...left.filter((b) => b >= columns), ...left.filter((b) => b < columns)];
  const warp = rowsFirst.slice(0, log2(warps));
  const register = [...range(0, vector), ...left.filter((b) => !warp.includes(b))];
  return makeLayout(shape, {
    register: units(register),
    lane: padded(lane, LANE_BITS),
    warp: padded(warp, log2(warps)),
  });
}

/**
 * For folding along an axis what can be made in any layout: neighbours along the axis in one thread, then in its warp;
 * the other axes over lanes and warps.
 */
export function foldLayout(shape: readonly number[], axis: number, elementBytes: number, warps: number): Layout {
  if (shape.length < 2) return coalescedLayout(shape, elementBytes, warps);
  const { extent, shift } = axisField(shape, axis);
  const along = range(shift, shift + log2(extent));
  const others = range(0, tileBits(shape)).filter((b) => !along.includes(b));
  const own = Math.min(along.length, Math.max(0, tileBits(shape) - LANE_BITS - log2(warps)));
  const threads = [...along.slice(own), ...others];
  const lane = threads.slice(0, LANE_BITS);
  const warp = threads.slice(LANE_BITS, LANE_BITS + log2(warps));
  const register = [...along.slice(0, own), ...threads.slice(LANE_BITS + log2(warps))];
  return makeLayout(shape, {
    register: units(register),
    lane: padded(lane, LANE_BITS),
    warp: padded(warp, log2(warps)),
  });
}

/** Bytes side by side along the rows that the threads of a warp touch with one access each. */
export function contiguousBytes(l: Layout, elementBytes: number): number {
  const last = l.shape.length - 1;
  if (last < 0) return elementBytes;
  let bits = registerRun(l, last, VECTOR_BYTES / elementBytes).bits.length;
  while (bits < columnBits(l.shape) && l.ins.lane?.includes(2 ** bits)) bits++;
  return elementBytes * 2 ** bits;
}

/** How many times the threads hold a tile altogether. */
export const copies = (l: Layout): number => 2 ** (basesOf(l).length - rank(basesOf(l)));

const fillsSectors = (l: Layout, elementBytes: number): boolean =>
  contiguousBytes(l, elementBytes) >= Math.min(SECTOR_BYTES, elementBytes * 2 ** columnBits(l.shape));

/**
 * Layout in which a tile that lies as `l` is stored. Where `l` writes pieces of sectors: each warp deals out the elements
 * that it has anew, runs of 16 bytes along the rows, so that only its own lanes exchange data; else coalesced.
 */
export function storeLayout(l: Layout, elementBytes: number): Layout {
  if (fillsSectors(l, elementBytes)) return l;
  const inWarp = insideWarp(l, elementBytes);
  if (inWarp !== null && fillsSectors(inWarp, elementBytes)) return inWarp;
  return coalescedLayout(l.shape, elementBytes, 2 ** (l.ins.warp?.length ?? 0));
}

/** The same elements in each warp, in order over its registers and lanes; null where they are no box of the tile. */
function insideWarp(l: Layout, elementBytes: number): Layout | null {
  const own = [...(l.ins.register ?? []), ...(l.ins.lane ?? [])];
  const box = bitsOf(own.reduce((m, b) => m | b, 0));
  if (box.length !== rank(own)) return null;
  const vector = box.filter((bit, i) => bit === i).slice(0, vectorBits(l.shape, elementBytes)).length;
  const lane = box.slice(vector, vector + LANE_BITS);
  const register = [...box.slice(0, vector), ...box.slice(vector + LANE_BITS)];
  return makeLayout(l.shape, {
    register: units(register),
    lane: padded(lane, LANE_BITS),
    warp: l.ins.warp ?? [],
  });
}

/** A load may read global memory in this layout: half sectors at least, and not much more often than once. */
export function readsWell(l: Layout, elementBytes: number): boolean {
  const coalesced = coalescedLayout(l.shape, elementBytes, 2 ** (l.ins.warp?.length ?? 0));
  const wanted = Math.min(VECTOR_BYTES, elementBytes * 2 ** columnBits(l.shape));
  return contiguousBytes(l, elementBytes) >= wanted && copies(l) <= 2 * copies(coalesced);
}
