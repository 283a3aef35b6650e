import { cdiv } from '../../dsl/index.js';

/** Powers of two: the least that is not below x, and the greatest that is not above it, from 1 up. */
const up = (x: number): number => 2 ** Math.ceil(Math.log2(x));
const down = (x: number): number => 2 ** Math.floor(Math.log2(Math.max(1, x)));
const within = (least: number, x: number, most: number): number => Math.min(most, Math.max(least, x));

const doublings = (a: number, b: number): number => Math.abs(Math.log2(a / b));

/** What `prefer` has of a device and of dtypes. */
interface On {
  readonly processors: number;
  readonly sharedBytes: number;
  readonly elementBytes: number;
}

/** A state of `rows` by `total` for each of `heads`, over N tokens. */
interface Problem {
  readonly rows: number;
  readonly total: number;
  readonly heads: number;
  readonly N: number;
}

/** So many programs, or almost, occupy every multiprocessor; CROWD times as many wait for each other's leavings. */
const ALMOST = 1.1;
const CROWD = 6;

/**
 * How far blocks are, in doublings, from the rule of docs/reports/block-sizes.md: what was best wherever it was measured. A
 * program has the state of `rows` by `columns`, takes C tokens at a time, and one of G parts of the sequence.
 */
export function farFromBest(
  { C, columns, warps, stages, G }: { C: number; columns: number; warps: number; stages: number; G: number },
  { rows, total, heads, N, isSplit }: Problem & { isSplit: boolean },
  { processors, sharedBytes, elementBytes }: On,
): number {
  const wide = elementBytes === 4;
  const isCpu = processors === 1;

  // Columns: all, as far as registers hold them, but few enough to occupy the device; or parts of long sequences do that.
  const all = Math.min(wide ? (rows > 128 ? 32 : 64) : 128, up(total));
  const half = Math.min(wide ? 32 : 64, up(total));
  const missing = (ALMOST * processors) / (heads * cdiv(total, half));
  const bestG = isSplit && N >= 2048 && rows <= 128 ? within(1, down(missing), 8) : 1;
  const narrow = within(8, down((ALMOST * heads * total) / processors), all);
  const bestColumns = bestG > 1 ? half : Math.min(all, narrow);
  const programs = heads * cdiv(total, bestColumns);
  const queued = programs > CROWD * processors;
  const isCrowd = rows <= 64 && queued;

  // Tokens: 64, or 128 where nobody else fills the waits; f32 half of it.
  const atOnce = bestG > 1 || (rows <= 64 && bestColumns === all && programs <= 2 * processors);
  const narrowC = isCrowd ? 32 : atOnce ? 128 : 64;
  const wideC = bestG > 1 || (rows > 64 && bestColumns < 32) ? 64 : 32;
  const bestC = Math.min(isCpu ? 32 : wide ? wideC : narrowC, up(within(16, N, 128)));

  // f32 of wide heads fills a multiprocessor with one program, unless two fit without a second stage: out of step, as those of
  // many short sequences come to be, they fill each other's waits.
  const bytes = 4 * (rows * bestColumns + bestC * (3 * rows + 2 * bestColumns + bestC));
  const inPairs = wide && rows > 64 && queued && 2 * bytes <= sharedBytes;

  // Warps: by the blocks that they share, the chunk's and that of the state.
  const shared = wide
    ? rows > 64
      ? inPairs
        ? 4
        : 8
      : (C * columns) / 256
    : (Math.max(C > 64 ? 8 * C : 4 * C, rows) * columns) / 4096;
  const gpuWarps = within(isCrowd ? 2 : 4, isCrowd ? shared / 2 : shared, 8);
  return (
    3 * doublings(columns, bestColumns) +
    2 * doublings(C, bestC) +
    doublings(warps, isCpu ? 2 : gpuWarps) +
    3 * Math.abs(stages - (isCpu || inPairs ? 1 : 2)) +
    2 * doublings(G, bestG)
  );
}

/** The same for a kernel whose programs have the whole state, and two products more with it. */
export function farFromBestWhole(
  { C, warps, stages }: { C: number; warps: number; stages: number },
  { rows, total, heads, N }: Problem,
  { processors, elementBytes }: Omit<On, 'sharedBytes'>,
): number {
  const isCpu = processors === 1;
  const isLarge = Math.max(rows, total) > 64;
  const isCrowd = heads > CROWD * processors;
  // Half as many make memory as busy where heads are half as wide: shorter chunks would end before it answers.
  const isFull = ALMOST * heads * (64 / within(32, up(Math.max(rows, total)), 64)) >= processors;
  const gpuC = isCrowd ? (isLarge ? 16 : 32) : isLarge || isFull ? 64 : 32;
  const bestC = Math.min(isCpu || elementBytes === 4 ? 32 : gpuC, up(within(16, N, 64)));
  const bestWarps = isCpu ? 2 : isLarge && !isCrowd ? 8 : 4;
  return 2 * doublings(C, bestC) + doublings(warps, bestWarps) + 3 * Math.abs(stages - (isCpu ? 1 : 2));
}
