import { diagnostic, LacError } from '../../compiler/diag/diagnostic.js';

/** Version of the PTX language: [major, minor]. */
export type PtxVersion = readonly [number, number];

/**
 * A generation of NVIDIA GPUs, and what it lets one kernel use (CUDA C++ Programming Guide, "Compute Capabilities").
 * Which instructions it has is in their rows (`supports` in isa/instructions.ts); the flags are those that plans ask for.
 */
export interface PtxTarget {
  /** Compute capability times ten. */
  readonly sm: number;
  /** What `.target` says. A program that uses instructions of this very architecture says `${name}a`. */
  readonly name: `sm_${number}`;
  /** The least `.version` that knows this target. */
  readonly ptxVersion: PtxVersion;
  /** The least `.version` that knows `${name}a`; null where there is no such target. */
  readonly specificVersion: PtxVersion | null;
  /** Bytes of shared memory that one block may ask for (opt-in, dynamic). */
  readonly sharedBytesPerBlock: number;
  /** Bytes of shared memory of a multiprocessor; every resident block takes 1024 more than it asked for. */
  readonly sharedBytesPerSm: number;
  /** Warps that are resident on a multiprocessor at most. */
  readonly warpsPerSm: number;
  /** Blocks that are resident on a multiprocessor at most. */
  readonly blocksPerSm: number;
  /** Has stmatrix. */
  readonly stmatrix: boolean;
  /** Adds and multiplies bf16 pairs; without it there is fma.rn.bf16x2. */
  readonly bf16Arithmetic: boolean;
}

/** The same on every target here. */
export const REGISTERS_PER_SM = 65536;
export const REGISTERS_PER_THREAD = 255;
export const THREADS_PER_BLOCK = 1024;
/** Threads that execute together. */
export const WARP = 32;

const KB = 1024;

/** By rising compute capability. A program for one of them runs on every later one, without what is `specific`. */
export const TARGETS: readonly PtxTarget[] = [
  target(80, [7, 0], null, { block: 163, sm: 164, warps: 64, blocks: 32 }),
  target(86, [7, 1], null, { block: 99, sm: 100, warps: 48, blocks: 16 }),
  target(89, [7, 8], null, { block: 99, sm: 100, warps: 48, blocks: 24 }),
  target(90, [7, 8], [8, 0], { block: 227, sm: 228, warps: 64, blocks: 32 }),
  target(100, [8, 6], [8, 6], { block: 227, sm: 228, warps: 64, blocks: 32 }),
  target(120, [8, 7], [8, 7], { block: 99, sm: 100, warps: 48, blocks: 24 }),
];

function target(
  sm: number,
  ptxVersion: PtxVersion,
  specificVersion: PtxVersion | null,
  limits: { block: number; sm: number; warps: number; blocks: number },
): PtxTarget {
  return {
    sm,
    name: `sm_${sm}`,
    ptxVersion,
    specificVersion,
    sharedBytesPerBlock: limits.block * KB,
    sharedBytesPerSm: limits.sm * KB,
    warpsPerSm: limits.warps,
    blocksPerSm: limits.blocks,
    stmatrix: sm >= 90,
    bf16Arithmetic: sm >= 90,
  };
}

/**
 * The newest target whose programs a device of compute capability `sm` / 10 runs.
 * @throws LacError LAC0520 for devices older than all of them.
 */
export function targetFor(sm: number): PtxTarget {
  const found = TARGETS.findLast((t) => t.sm <= sm);
  if (found !== undefined) return found;
  throw new LacError(
    diagnostic('LAC0520', `compute capability ${(sm / 10).toFixed(1)} is below 8.0`, null, {
      help: ['the GPU backend needs asynchronous copies and bf16 tensor cores: Ampere (A100, RTX 30) or newer'],
    }),
  );
}

/** Whether `a` is `b` or later. */
export function versionAtLeast(a: PtxVersion, b: PtxVersion): boolean {
  return a[0] > b[0] || (a[0] === b[0] && a[1] >= b[1]);
}

export function newerVersion(a: PtxVersion, b: PtxVersion): PtxVersion {
  return versionAtLeast(a, b) ? a : b;
}
