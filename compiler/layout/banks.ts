import { Bug } from '../diag/diagnostic.js';
import { compose, registerRun } from './algebra.js';
import { spanInOrder } from './axes.js';
import { combine, rank } from './gf2.js';
import type { Layout } from './layout.js';
import { log2, registerCount, tileBits } from './layout.js';

/** Shared memory has 32 banks of 4 bytes; one wavefront serves 128 bytes (assumed for WGSL too: wgsl.md). */
const BANKS = 32;
const WAVEFRONT_BYTES = 4 * BANKS;

/** Lane bits that go together in one phase of an access of this many bytes a lane. */
const phaseBits = (bytesPerLane: number): number => log2(Math.min(32, WAVEFRONT_BYTES / bytesPerLane));

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
  const banks = Array.from({ length: BANKS }, () => new Set<number>());
  for (const offset of offsets)
    for (const w of spanInOrder(vectorWords(bytesPerLane))) {
      const word = (offset >>> 2) + w;
      banks[word % BANKS]?.add(word);
    }
  return Math.max(...banks.map((b) => b.size));
}

/** One way of reading or writing a whole tile. */
export interface Access {
  readonly layout: Layout;
  /** Elements that one instruction moves for a thread: neighbours along the last axis. */
  readonly vector: number;
  /** How often it happens; default 1. */
  readonly executions?: number;
}

/**
 * Where the elements of a tile lie in shared memory. Rows are the last axis. `swizzle`: inside a row, chunk number c of
 * row r goes to c ^ (((r >> a) & m) << s). `padded`: `padBytes` unused bytes behind each row.
 */
export type Storage =
  | { readonly kind: 'plain' }
  | {
      readonly kind: 'swizzle';
      readonly chunkBytes: number;
      readonly a: number;
      readonly m: number;
      readonly s: number;
    }
  | { readonly kind: 'padded'; readonly padBytes: number };

const rowExtent = (shape: readonly number[]): number => shape[shape.length - 1] ?? 1;
const rowCount = (shape: readonly number[]): number => 2 ** tileBits(shape) / rowExtent(shape);

/** Byte offset of each bit of the tile index; null where storage is not linear. */
export function offsetBases(shape: readonly number[], elementBytes: number, storage: Storage): number[] | null {
  if (storage.kind === 'padded') return null;
  const rowBits = log2(rowExtent(shape));
  return Array.from({ length: tileBits(shape) }, (_, i) => {
    const straight = 2 ** i * elementBytes;
    if (storage.kind === 'plain' || i < rowBits) return straight;
    const row = 2 ** (i - rowBits);
    return straight ^ ((((row >>> storage.a) & storage.m) << storage.s) * storage.chunkBytes);
  });
}

/** Byte offset of the element with this tile index. */
export function byteOffset(shape: readonly number[], elementBytes: number, storage: Storage, index: number): number {
  if (storage.kind !== 'padded') return combine(offsetBases(shape, elementBytes, storage) ?? [], index);
  return index * elementBytes + Math.floor(index / rowExtent(shape)) * storage.padBytes;
}

/** Bytes that the tile takes. */
export function storageBytes(shape: readonly number[], elementBytes: number, storage: Storage): number {
  const plain = 2 ** tileBits(shape) * elementBytes;
  return storage.kind === 'padded' ? plain + (rowCount(shape) - 1) * storage.padBytes : plain;
}

/** Bases of the five bits that choose a lane of a warp (of 32 neighbouring invocations). */
const laneBasesOf = (l: Layout): readonly number[] => l.ins.lane ?? (l.ins.invocation ?? []).slice(0, 5);

/**
 * Wavefronts that one warp needs for the whole access. For padded rows warp 0 is counted, over all its registers.
 * Throws `Bug` where the registers of a thread do not form the vectors that are asked for.
 */
export function wavefronts(access: Access, elementBytes: number, storage: Storage): number {
  const { layout, vector } = access;
  const bytesPerLane = vector * elementBytes;
  const run = registerRun(layout, layout.shape.length - 1, vector);
  if (run.width < vector || bytesPerLane > 16) throw new Bug(`layout: no vectors of ${vector} along the last axis`);
  const bases = offsetBases(layout.shape, elementBytes, storage);
  const phases = 2 ** (5 - phaseBits(bytesPerLane));
  const inVector = run.bits.reduce((m, b) => m | (2 ** b), 0);
  const issued = [...Array(registerCount(layout)).keys()].filter((r) => (r & inVector) === 0);
  if (bases !== null) {
    const offsets = compose(bases, layout, tileBits(layout.shape) + log2(elementBytes));
    return issued.length * phases * ways(laneBasesOf(offsets), bytesPerLane);
  }
  const lanes = spanInOrder(laneBasesOf(layout));
  const phaseLanes = Math.min(lanes.length, 2 ** phaseBits(bytesPerLane));
  const at = (index: number) => byteOffset(layout.shape, elementBytes, storage, index);
  let total = 0;
  for (const r of issued) {
    const register = combine(layout.ins.register ?? [], r);
    for (let first = 0; first < lanes.length; first += phaseLanes)
      total += countWays(
        lanes.slice(first, first + phaseLanes).map((lane) => at(register ^ lane)),
        bytesPerLane,
      );
  }
  return total * Math.max(1, phases / Math.ceil(lanes.length / phaseLanes));
}

export interface StorageRequest {
  readonly shape: readonly number[];
  readonly elementBytes: number;
  readonly accesses: readonly Access[];
  /** What may be tried besides row-major order. Default: both. */
  readonly kinds?: readonly ('swizzle' | 'padded')[];
}

export interface StorageChoice {
  readonly storage: Storage;
  readonly bytes: number;
  /** Wavefronts of a warp for each access, once. */
  readonly wavefronts: readonly number[];
  /** Sum of wavefronts times executions. */
  readonly cost: number;
}

/** The cheapest storage for these readers and writers; of equals the smaller one, then the simpler one. */
export function chooseStorage(request: StorageRequest): StorageChoice {
  const { shape, elementBytes, accesses } = request;
  let best: StorageChoice | undefined;
  for (const storage of candidates(request)) {
    const bytes = storageBytes(shape, elementBytes, storage);
    const counts = accesses.map((a) => wavefronts(a, elementBytes, storage));
    const cost = accesses.reduce((sum, a, i) => sum + (counts[i] ?? 0) * (a.executions ?? 1), 0);
    if (best === undefined || cost < best.cost || (cost === best.cost && bytes < best.bytes))
      best = { storage, bytes, wavefronts: counts, cost };
  }
  if (best === undefined) throw new Bug('layout: no storage to choose from');
  return best;
}

/** Plain first; then swizzles (free) and paddings (a row each), from the smallest parameters up. */
function* candidates(request: StorageRequest): Generator<Storage> {
  const { shape, elementBytes, accesses, kinds = ['swizzle', 'padded'] } = request;
  yield { kind: 'plain' };
  const widest = Math.max(4, ...accesses.map((a) => a.vector * elementBytes));
  if (kinds.includes('swizzle')) yield* swizzles(rowExtent(shape) * elementBytes, rowCount(shape), widest);
  if (kinds.includes('padded'))
    for (let padBytes = widest; padBytes <= 64; padBytes *= 2) yield { kind: 'padded', padBytes };
}

/** Chunks of `chunkBytes` stay whole, and every chunk stays in its row. */
export function* swizzles(rowBytes: number, rows: number, chunkBytes: number): Generator<Storage> {
  const chunks = rowBytes / chunkBytes;
  for (let m = 1; m < Math.min(chunks, WAVEFRONT_BYTES / chunkBytes); m = 2 * m + 1)
    for (let a = 0; a <= 4 && 2 ** a < rows; a++)
      for (let s = 0; m << s < chunks && s <= 2; s++) yield { kind: 'swizzle', chunkBytes, a, m, s };
}
