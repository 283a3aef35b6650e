import { cdiv } from '../../dsl/index.js';
import { ALMOST, doublings, down, type On, tooLarge, up, WEBGPU_BYTES, within } from '../blocks.js';
import { CROWD, farOnWebgpu } from './webgpu-blocks.js';

/** A state of `rows` by `total` for each of `heads`, over N tokens. */
interface Problem {
  readonly rows: number;
  readonly total: number;
  readonly heads: number;
  readonly N: number;
}

/** Elements of the state of f32 that registers hold: of a program whose products are the tensor cores', of another. */
const TENSOR_STATE = 16384;
const OTHER_STATE = 8192;
/** Those of a software driver, and elements of a chunk of the columns there. */
const CPU_STATE = 4096;
const CPU_CHUNK = 1024;
/** Multiply-adds of a chunk with the state that are a warp's share. */
const WARP_PRODUCTS = 32768;

/**
 * How far blocks are, in doublings, from the rule of docs/reports/block-sizes.md: what was best wherever it was measured. A
 * program has the state of `rows` by `columns`, takes C tokens at a time, and one of G parts of the sequence, if `isSplit`; the
 * last tokens first, if `isReverse`.
 */
export function farFromBest(
  blocks: { C: number; columns: number; warps: number; stages: number; G: number },
  problem: Problem & { isSplit: boolean; isReverse: boolean },
  { processors, sharedBytes, elementBytes }: On,
): number {
  return processors > 1 && sharedBytes <= WEBGPU_BYTES
    ? farOnWebgpu(blocks, problem, { processors, elementBytes })
    : farOnOthers(blocks, problem, { processors, sharedBytes, elementBytes });
}

/** Whether a program of f32 through WebGPU has a large block of a state with long rows: four warps are best with it. */
export const isWideOnWebgpu = (rows: number, columns: number, { processors, sharedBytes, elementBytes }: On): boolean =>
  processors > 1 && sharedBytes <= WEBGPU_BYTES && elementBytes === 4 && rows > 64 && columns >= 64;

/** On a GPU through CUDA, and on a CPU. */
function farOnOthers(
  { C, columns, warps, stages, G }: { C: number; columns: number; warps: number; stages: number; G: number },
  { rows, total, heads, N, isSplit, isReverse }: Problem & { isSplit: boolean; isReverse: boolean },
  { processors, sharedBytes, elementBytes }: On,
): number {
  const wide = elementBytes === 4;
  const isCpu = processors === 1;
  const isTensorF32 = wide && sharedBytes > WEBGPU_BYTES;

  // Columns: all, as far as registers hold them, but few enough to occupy the device; or parts of long sequences do that: of
  // f32 where half of the columns do not.
  const state = isCpu ? CPU_STATE : isTensorF32 ? TENSOR_STATE : OTHER_STATE;
  const held = wide || isCpu ? within(8, down(state / rows), 128) : 128;
  const all = Math.min(held, up(total));
  const half = Math.min(wide ? 32 : 64, up(total));
  const missing = (ALMOST * processors) / (heads * cdiv(total, half));
  const halfMissing = wide && half >= total ? missing / 2 : missing;
  const bestG = isSplit && N >= 2048 && rows <= 128 && halfMissing >= 2 ? within(1, down(missing), 8) : 1;
  const narrow = within(8, down((ALMOST * heads * total) / processors), all);
  const bestColumns = bestG > 1 ? half : Math.min(all, narrow);
  const programs = heads * cdiv(total, bestColumns);
  const isCrowd = rows <= 64 && programs > CROWD * processors && (!wide || isTensorF32);

  // Tokens: 64, or 128 where nobody else fills the waits; f32 half of it, and half again beside as large a state as there is.
  const atOnce = bestG > 1 || (rows <= 64 && bestColumns === all && programs <= 2 * processors);
  const narrowC = isCrowd ? 32 : atOnce ? 128 : 64;
  const isFull = isTensorF32 && rows * bestColumns >= TENSOR_STATE;
  // Part of the columns of f32 with rows of 64, in kernels that are not cut along the sequence: longer chunks.
  const isHalved = isTensorF32 && !isSplit && rows > 32 && rows <= 64 && bestColumns < all;
  const isLong = bestG > 1 || (isHalved && (isReverse || bestColumns >= 32));
  const wideC = isLong ? 64 : isCrowd || isFull ? 16 : 32;
  const cpuC = within(16, CPU_CHUNK / bestColumns, 32);
  const bestC = Math.min(isCpu ? cpuC : wide ? wideC : narrowC, up(within(16, N, 128)));

  // Warps: by the blocks that they share, the chunk's and that of the state. Fewer than 4 tokens a warp are no share.
  const share = (Math.max(C > 64 ? 8 * C : 4 * C, rows) * columns) / 4096;
  // A program whose best chunk does not fit has more to do with a token.
  const narrowShares = C < bestC ? 2 * share : share;
  const shares = wide ? (C * rows * columns) / WARP_PRODUCTS : narrowShares;
  const isTiny = isTensorF32 && rows * columns <= 256;
  const gpuWarps = within(isCrowd || isTiny ? 2 : 4, isCrowd ? shares / 2 : shares, wide ? Math.min(8, C / 4) : 8);

  // Three stages where rows are short: a chunk is computed sooner than the next one has come.
  const isShort = rows <= 32 && bestG === 1 && (wide ? isTensorF32 && !isCrowd : bestC === 128);
  const gpuStages = isShort ? 3 : 2;
  return (
    3 * doublings(columns, bestColumns) +
    2 * doublings(C, bestC) +
    doublings(warps, isCpu ? 2 : gpuWarps) +
    3 * Math.abs(stages - (isCpu ? 1 : gpuStages)) +
    2 * doublings(G, bestG)
  );
}

/** The same for a kernel whose programs have the whole state, and two products more with it. */
export function farFromBestWhole(
  { C, warps, stages }: { C: number; warps: number; stages: number },
  { rows, total, heads, N }: Problem,
  { processors, sharedBytes, elementBytes }: On,
): number {
  const isCpu = processors === 1;
  const isLarge = Math.max(rows, total) > 64;
  const isCrowd = heads > CROWD * processors;
  // Half as many make memory as busy where heads are half as wide: shorter chunks would end before it answers.
  const isFull = ALMOST * heads * (64 / within(32, up(Math.max(rows, total)), 64)) >= processors;
  const isSmall = Math.max(rows, total) <= 32;
  const isWebgpu = sharedBytes <= WEBGPU_BYTES;
  const tensorC = isCrowd ? (isLarge ? 16 : 32) : isLarge || isFull ? 64 : 32;
  const tensorWarps = isLarge && !isCrowd ? 8 : 4;
  const webgpuC = isSmall ? (isCrowd ? 8 : 32) : 16;
  const narrowC = isWebgpu ? webgpuC : tensorC;
  const narrowWarps = isWebgpu ? (isSmall && isCrowd ? 2 : 8) : tensorWarps;

  // f32 through WebGPU, and on tensor cores.
  const wideC = isWebgpu ? (isSmall ? 16 : 32) : isLarge || (isCrowd && !isSmall) ? 16 : 32;
  const wideWarps = isWebgpu ? (isSmall ? 2 : isLarge ? 8 : 4) : isLarge ? 8 : isCrowd ? 2 : isSmall ? 4 : 8;
  const wide = elementBytes === 4;
  const bestC = Math.min(isCpu ? 32 : wide ? wideC : narrowC, up(within(16, N, 64)));
  const bestWarps = isCpu ? 2 : wide ? wideWarps : narrowWarps;
  return 2 * doublings(C, bestC) + doublings(warps, bestWarps) + 3 * Math.abs(stages - (isCpu ? 1 : 2));
}

/** The same for a kernel whose programs hold more than a chunk and the state: half of both, of what `simpleGlaFwd` is best with. */
export function farFromBestHalf(
  { C, columns, warps, stages }: { C: number; columns: number; warps: number; stages: number },
  { rows, total, heads, N }: Problem,
  { processors, sharedBytes, elementBytes }: On,
): number {
  const isWebgpu = sharedBytes <= WEBGPU_BYTES;
  const held = within(8, down(OTHER_STATE / rows), 64);
  const occupying = within(8, down((ALMOST * heads * total) / processors), held);
  const bestColumns = Math.min(occupying, up(total));
  const bestC = up(within(16, N, 32));
  const wideWarps = within(4, (C * rows * columns) / WARP_PRODUCTS, 8);
  const bestWarps = isWebgpu || elementBytes === 2 ? 4 : wideWarps;
  return (
    3 * doublings(columns, bestColumns) +
    2 * doublings(C, bestC) +
    doublings(warps, bestWarps) +
    3 * Math.abs(stages - (isWebgpu ? 1 : 2)) +
    (isWebgpu ? tooLarge((rows * columns + C * rows) * 4, sharedBytes) : 0)
  );
}

/** Elements of each of two states of f32 that a program holds. */
const STATE_OF_TWO = 4096;

/** The same for a kernel whose programs hold two states, and give numbers instead of tiles. */
export function farFromBestTwo(
  { C, columns, warps, stages }: { C: number; columns: number; warps: number; stages: number },
  { rows, total, N }: Omit<Problem, 'heads'>,
  { sharedBytes, elementBytes }: Omit<On, 'processors'>,
): number {
  const wide = elementBytes === 4;
  const isWebgpu = sharedBytes <= WEBGPU_BYTES;
  const most = isWebgpu || wide ? 64 : 32;
  const bestColumns = Math.min(within(8, down(STATE_OF_TWO / rows), most), up(total));
  const bestC = Math.min(wide ? 32 : 64, up(within(16, N, 64)));
  const bestWarps = wide && !isWebgpu ? 8 : 4;
  return (
    3 * doublings(columns, bestColumns) +
    2 * doublings(C, bestC) +
    doublings(warps, bestWarps) +
    3 * Math.abs(stages - (isWebgpu ? 1 : 2))
  );
}
