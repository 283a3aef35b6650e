import { Bug } from '../diag/diagnostic.js';
import { axisIndex } from './axes.js';
import { dotLayout } from './blocked.js';
import { complement, rank } from './gf2.js';
import type { Layout } from './layout.js';
import { isSurjective, log2, makeLayout, mapBases } from './layout.js';

/**
 * How a dot multiplies: `mma.sync` on 16-bit operands (m16n8k16) or tf32 (m16n8k8), or scalar multiply-adds. The fragment
 * tables are those of the PTX ISA ("Matrix fragments for mma.m16n8k16 / m16n8k8"), lane = 4g + t.
 *
 * For tf32 the summation index is permuted, the same way in both operands: hardware k bits 1, 2, 4 are k bits 2, 4, 1 of
 * the tile. An accumulator then is an A operand by renaming registers, and two neighbours along k lie in one thread.
 */
export const DOT_INSTRUCTIONS = ['m16n8k16', 'm16n8k8', 'fma'] as const;
export type DotInstruction = (typeof DOT_INSTRUCTIONS)[number];
export type Side = 'a' | 'b';

/** Summands that one instruction takes; no fewer can be summed by it. */
export const stepOf = (instr: DotInstruction): number => ({ m16n8k16: 16, m16n8k8: 8, fma: 1 })[instr];

/** Rows and columns of the accumulator of one mma. */
export const MMA_ROWS = 16;
export const MMA_COLUMNS = 8;

/** Where a warp bit takes the warp: a row (XOR), a column. Both 0: the warps of that bit compute the same. */
export interface WarpStep {
  readonly row: number;
  readonly column: number;
}

/** Bits from..to-1 of an axis that has `extent` positions; 0, a copy, for those that it does not have. */
const bits = (from: number, to: number, extent: number): number[] =>
  Array.from({ length: Math.max(0, log2(to) - log2(from)) }, (_, i) => from * 2 ** i).map((b) => (b < extent ? b : 0));

/** Those that it has. */
const bitsWithin = (from: number, extent: number): number[] => (from < extent ? bits(from, extent, extent) : []);

/**
 * Accumulator of mma.sync instructions: one m16n8 tile, repeated in registers over columns, then rows, as far as the warps
 * leave them. Extents below the instruction's are filled by copies. The warps' steps must span the top rows and columns.
 */
export function mmaAccumulator(shape: readonly [number, number], warps: readonly WarpStep[]): Layout {
  const [M, N] = shape;
  const rows = M / 2 ** rank(warps.map((w) => w.row));
  const columns = N / 2 ** rank(warps.map((w) => w.column));
  if (rows < Math.min(M, MMA_ROWS) || columns < Math.min(N, MMA_COLUMNS))
    throw new Bug(`layout: ${warps.length} warp bits split a tile of ${M}x${N} below one instruction`);
  const row = (list: readonly number[]) => list.map((r) => r * N);
  const register = [
    ...bits(1, 2, N),
    ...row(bits(8, 16, M)),
    ...bitsWithin(MMA_COLUMNS, columns),
    ...row(bitsWithin(MMA_ROWS, rows)),
  ];
  const lane = [...bits(2, 8, N), ...row(bits(1, 8, M))];
  const layout = makeLayout(shape, { register, lane, warp: warps.map((w) => w.row * N + w.column) });
  if (!isSurjective(layout)) throw new Bug(`layout: the warps leave out a part of a tile of ${M}x${N}`);
  return layout;
}

/** Accumulator of scalar multiply-adds: a register block a thread, columns in runs of four. */
export function fmaAccumulator(shape: readonly [number, number], threads: number): Layout {
  const [M, N] = shape;
  const runN = Math.min(4, N);
  const used = Math.max(1, Math.min(threads, (M * N) / runN));
  const block = (M * N) / used;
  const maxRegsM = block < 16 ? Math.max(1, block / runN) : 2 ** Math.floor(Math.log2(block) / 2);
  const spec = { M, N, threads: used, maxRegsM, maxRegsN: block / maxRegsM, runM: 1, runN, inDim: 'lane' } as const;
  const { lane = [], warp = [], ...rest } = dotLayout(spec).layout.ins;
  const idle = Array.from({ length: log2(threads) - 5 - warp.length }, () => 0);
  return makeLayout(shape, { ...rest, lane, warp: [...warp, ...idle] });
}

/**
 * Layout in which a dot reads an operand, [M, K] or [K, N], given its accumulator's. The rows (columns) are where the
 * accumulator has them; all of k lies inside a warp. Registers: those of the instruction, then more rows (columns),
 * then more k, so that a loop over k takes the highest register bits.
 */
export function operandLayout(instr: DotInstruction, accumulator: Layout, K: number, side: Side): Layout {
  if (K < stepOf(instr)) throw new Bug(`layout: ${instr} sums no ${K} products`);
  const outer = partOf(accumulator, side);
  const shape = side === 'a' ? [outer.extent, K] : [K, outer.extent];
  const place = ([at, k]: readonly [number, number]) => (side === 'a' ? at * K + k : k * outer.extent + at);
  const alongK = (list: readonly number[]) => list.map((k) => place([0, k]));
  const across = (list: readonly number[]) => list.map((at) => place([at, 0]));
  const { register, lane } = fragment(instr, side, outer, alongK, across, K);
  return makeLayout(shape, { register, lane, warp: across(outer.warp) });
}

/** What an accumulator says of the rows (columns) of an operand. */
interface Outer {
  readonly extent: number;
  readonly register: readonly number[];
  readonly lane: readonly number[];
  readonly warp: readonly number[];
}

function partOf(accumulator: Layout, side: Side): Outer {
  const axis = side === 'a' ? 0 : 1;
  const extent = accumulator.shape[axis];
  if (extent === undefined || accumulator.shape.length !== 2) throw new Bug('layout: an accumulator has rank 2');
  const along = mapBases(accumulator, [extent], (b) => axisIndex(accumulator.shape, axis, b));
  const { register = [], lane = [], warp = [] } = along.ins;
  return { extent, register, lane, warp };
}

type Spread = (positions: readonly number[]) => number[];

function fragment(instr: DotInstruction, side: Side, outer: Outer, alongK: Spread, across: Spread, K: number) {
  if (instr === 'fma') {
    const own = across(complement([], outer.register));
    const k = alongK(bitsWithin(1, K));
    return { register: side === 'a' ? [...k, ...own] : [...own, ...k], lane: across(outer.lane) };
  }
  // Register bits 0 and 1 of an accumulator are column 1 and row 8, lanes 0, 1 columns 2, 4, lanes 2..4 rows 1, 2, 4.
  const more = across(outer.register.slice(2).filter((b) => b !== 0));
  const eight = across([outer.register[1] ?? 0]);
  const outerLanes = side === 'a' ? outer.lane.slice(2, 5) : bits(1, 8, outer.extent);
  const lane = [...alongK([2, 4]), ...across(outerLanes)];
  const [low, high] = instr === 'm16n8k16' ? [[1], [8]] : [[], [1]];
  const rest = alongK(bitsWithin(stepOf(instr), K));
  const own = side === 'a' ? eight : [];
  return { register: [...alongK(low), ...own, ...alongK(high), ...more, ...rest], lane };
}
