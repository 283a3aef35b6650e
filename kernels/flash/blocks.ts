import { ALMOST, doublings, down, type On, tooLarge, up, WEBGPU_BYTES, within } from '../blocks.js';

/** `rows` stay with a program, which walks over all others, `others` at a time. */
interface Blocks {
  readonly rows: number;
  readonly others: number;
  readonly warps: number;
  readonly stages: number;
}

/** `total` rows of `width` elements for each of `heads`. */
interface Problem {
  readonly total: number;
  readonly heads: number;
  readonly width: number;
}

/**
 * What is good where there are rows enough to occupy the device. `share`: bytes of sums that are a warp's, or rows through
 * WebGPU; `bytes`: needed.
 */
interface Good {
  readonly rows: number;
  readonly others: number;
  readonly share: number;
  readonly bytes: number;
}

/** How far blocks are, in doublings, from what is good. */
function far(
  { rows, others, warps, stages }: Blocks,
  { total, heads, width }: Problem,
  good: Good,
  { processors, sharedBytes, elementBytes }: On,
): number {
  const isWebgpu = sharedBytes <= WEBGPU_BYTES;
  const occupying = down((ALMOST * heads * total) / processors);
  const bestRows = within(16, Math.min(occupying, up(total)), good.rows);
  // Short rows have as much to do besides their products as longer ones.
  const sums = bestRows * Math.max(width * elementBytes, 256);
  const bestWarps = within(2, (isWebgpu ? bestRows : sums) / good.share, isWebgpu ? 4 : 8);
  return (
    2 * doublings(rows, bestRows) +
    doublings(others, good.others) +
    doublings(warps, bestWarps) +
    Math.abs(stages - (isWebgpu ? 1 : 2)) +
    tooLarge(good.bytes, sharedBytes)
  );
}

/** Queries that stay with a program of the forward pass, from what was best where it was measured. */
export function farFromBestForward(blocks: Blocks, problem: Problem, on: On): number {
  const { rows, others, stages } = blocks;
  const { width } = problem;
  const isWebgpu = on.sharedBytes <= WEBGPU_BYTES;
  const wide = isWebgpu || on.elementBytes === 4;
  const good = {
    rows: isWebgpu || (!wide && width > 128) ? 64 : 128,
    others: !wide && width <= 64 ? 64 : 32,
    share: isWebgpu ? 8 : 8192,
    bytes: isWebgpu
      ? (rows + others) * width * 4 + 5 * rows * others
      : (rows + 2 * stages * others) * width * on.elementBytes,
  };
  return far(blocks, problem, good, on);
}

/** What stays with a program of the backward pass beside what it reads of others: two operands. */
const backwardBytes = ({ rows, others, stages }: Blocks, width: number, { sharedBytes, elementBytes }: On): number =>
  sharedBytes <= WEBGPU_BYTES
    ? (rows + others) * 2 * width * 4
    : (2 * rows + 2 * stages * others) * width * elementBytes;

/** The same for keys of the backward pass: two sums. */
export function farFromBestKeys(blocks: Blocks, problem: Problem, on: On): number {
  const isWebgpu = on.sharedBytes <= WEBGPU_BYTES;
  const narrow = !isWebgpu && on.elementBytes === 2;
  const scores = isWebgpu ? 4 * blocks.rows * blocks.others : 4096;
  const good = {
    rows: isWebgpu && problem.width > 64 ? 32 : 64,
    others: narrow && problem.width <= 64 ? 64 : isWebgpu ? 16 : 32,
    share: isWebgpu ? 4 : 4096,
    bytes: backwardBytes(blocks, problem.width, on) + scores,
  };
  return far(blocks, problem, good, on);
}

/** The same for queries of the backward pass: one sum. */
export function farFromBestQueries(blocks: Blocks, problem: Problem, on: On): number {
  const isWebgpu = on.sharedBytes <= WEBGPU_BYTES;
  const narrow = !isWebgpu && on.elementBytes === 2;
  const good = {
    rows: isWebgpu ? 32 : narrow && problem.width <= 128 ? 128 : 64,
    others: isWebgpu && problem.width <= 64 ? 64 : 32,
    share: isWebgpu ? 4 : narrow ? 8192 : 4096,
    bytes: backwardBytes(blocks, problem.width, on),
  };
  return far(blocks, problem, good, on);
}
