import { Bug } from '../diag/diagnostic.js';
import { registerRun } from './algebra.js';
import { spanInOrder } from './axes.js';
import { combine, rank } from './gf2.js';
import type { Layout } from './layout.js';
import { log2, registerCount } from './layout.js';
import { byteOffsets, offsetBases, type Storage } from './storage.js';

/** Shared memory has 32 banks of 4 bytes; one wavefront serves 128 bytes (assumed for WGSL too: wgsl.md). */
const BANKS = 32;
export const WAVEFRONT_BYTES = 4 * BANKS;

/** Lane bits that go together in one phase of an access of this many bytes a lane. */
export const phaseBits = (bytesPerLane: number): number => log2(Math.min(32, WAVEFRONT_BYTES / bytesPerLane));

/** Words of one lane's vector, as bases. */
const vectorWords = (bytesPerLane: number): number[] =>
  Array.from({ length: log2(Math.max(1, bytesPerLane / 4)) }, (_, i) => 2 ** i);

/**
 * Wavefronts of one phase of an access, where lane bit b reads at byte offset `laneBases[b]` (1 is free of conflicts).
 * Distinct words are 2^rank; words of one bank differ by a vector that vanishes mod 32. Equal addresses cost nothing.
 */
export function ways(laneBases: readonly number[], bytesPerLane: number): number {
  const lanes = laneBases.slice(0, phaseBits(bytesPerLane)).map((b) => b >>> 2);
  const words = [...lanes, ...vectorWords(bytesPerLane)];
  return 2 ** (rank(words) - rank(words.map((w) => w & (BANKS - 1))));
}

/** The same by counting, for any byte offsets, one for each lane of a phase: for offsets that are not linear. */
export function countWays(offsets: readonly number[], bytesPerLane: number): number {
  const vector = spanInOrder(vectorWords(bytesPerLane));
  const words = new Set(offsets.flatMap((offset) => vector.map((w) => (offset >>> 2) + w)));
  const load = new Array<number>(BANKS).fill(0);
  for (const word of words) load[word % BANKS] = (load[word % BANKS] ?? 0) + 1;
  return Math.max(...load);
}

/** One way of reading or writing a whole tile. */
export interface Access {
  readonly layout: Layout;
  /** Elements that one instruction moves for a thread: neighbours along the last axis. */
  readonly vector: number;
  /** How often it happens; default 1. */
  readonly executions?: number;
}

/** What does not depend on the storage: the instructions of a thread (one register each), lanes, and phases of a warp. */
interface Pattern {
  readonly issued: readonly number[];
  /** Tile index of the five bits that choose a lane of a warp (of 32 neighbouring invocations). */
  readonly laneBases: readonly number[];
  readonly phases: number;
}

function patternOf({ layout, vector }: Access, elementBytes: number): Pattern {
  const bytesPerLane = vector * elementBytes;
  const run = registerRun(layout, layout.shape.length - 1, vector);
  if (run.width < vector || bytesPerLane > 16) throw new Bug(`layout: no vectors of ${vector} along the last axis`);
  const inVector = run.bits.reduce((m, b) => m | (2 ** b), 0);
  const issued = [...Array(registerCount(layout)).keys()].filter((r) => (r & inVector) === 0);
  const laneBases = layout.ins.lane ?? (layout.ins.invocation ?? []).slice(0, 5);
  return { issued, laneBases, phases: 2 ** (5 - phaseBits(bytesPerLane)) };
}

/**
 * Wavefronts that one warp needs for the whole access. For padded rows warp 0 is counted, over all its registers.
 * Throws `Bug` where the registers of a thread do not form the vectors that are asked for.
 */
export function wavefronts(access: Access, elementBytes: number, storage: Storage): number {
  const { layout, vector } = access;
  const pattern = patternOf(access, elementBytes);
  const bases = offsetBases(layout.shape, elementBytes, storage);
  if (bases === null) return countWavefronts(access, elementBytes, storage, pattern);
  const lanes = pattern.laneBases.map((b) => combine(bases, b));
  return pattern.issued.length * pattern.phases * ways(lanes, vector * elementBytes);
}

function countWavefronts(access: Access, elementBytes: number, storage: Storage, pattern: Pattern): number {
  const { layout, vector } = access;
  const at = byteOffsets(layout.shape, elementBytes, storage);
  const lanes = spanInOrder(Array.from({ length: 5 }, (_, i) => pattern.laneBases[i] ?? 0));
  const phaseLanes = 32 / pattern.phases;
  let total = 0;
  for (const r of pattern.issued) {
    const register = combine(layout.ins.register ?? [], r);
    for (let first = 0; first < 32; first += phaseLanes) {
      const offsets = lanes.slice(first, first + phaseLanes).map((lane) => at(register ^ lane));
      total += countWays(offsets, vector * elementBytes);
    }
  }
  return total;
}
