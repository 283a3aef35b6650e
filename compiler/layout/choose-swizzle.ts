import { WAVEFRONT_BYTES } from './banks.js';
import type { Layout } from './layout.js';
import {
  type AccessFeatures,
  accessCost,
  accessPatterns,
  patternCost,
  planAccess,
  type SharedAccess,
} from './shared-access.js';
import { offsetBases, rowCount, rowExtent, type Storage } from './storage.js';

/** One way in which a tile in shared memory is read or written as a whole. */
export interface SharedUse {
  readonly layout: Layout;
  readonly direction: 'read' | 'write';
  /** How often it happens; default 1. */
  readonly executions?: number;
}

export interface SwizzleRequest {
  readonly shape: readonly number[];
  readonly elementBytes: 2 | 4;
  readonly uses: readonly SharedUse[];
  readonly features: AccessFeatures;
  /** Chunks of 16 bytes stay whole whatever the uses ask for, so that asynchronous copies can write them. */
  readonly wholeChunks: boolean;
}

export interface CheapestStorage {
  readonly storage: Storage;
  /** SM cycles of one warp: sum over the uses of cost times executions. */
  readonly cost: number;
}

export interface SwizzleChoice extends CheapestStorage {
  /** For each use. */
  readonly accesses: readonly SharedAccess[];
}

/** The cheapest storage, and how each use then reaches it. */
export function chooseSwizzle(request: SwizzleRequest): SwizzleChoice {
  const { shape, elementBytes, uses, features } = request;
  const { storage, cost } = cheapestStorage(request);
  const accesses = uses.map((u) => planAccess(u.layout, shape, elementBytes, storage, u.direction, features));
  return { storage, accesses, cost };
}

/**
 * The cheapest storage without unused bytes for all uses together; of equals the first of the candidates. For rows of
 * 2^n 16-byte chunks it mostly is a = max(0, 3 - n), m = min(7, 2^n - 1), s = 0 (ptx-lowering.md, section 1).
 */
export function cheapestStorage(request: SwizzleRequest): CheapestStorage {
  const { shape, elementBytes, uses, features } = request;
  const storage = cheapest(request);
  const costOf = ({ layout, direction, executions = 1 }: SharedUse): number =>
    accessCost(layout, shape, elementBytes, storage, direction, features) * executions;
  return { storage, cost: uses.reduce((sum, use) => sum + costOf(use), 0) };
}

function cheapest(request: SwizzleRequest): Storage {
  const { shape, elementBytes, uses, features } = request;
  const rowBytes = rowExtent(shape) * elementBytes;
  let best: { storage: Storage; cost: number } = { storage: { kind: 'plain' }, cost: Number.POSITIVE_INFINITY };
  const patternsOf = uses.map((u) => accessPatterns(u.layout, shape, elementBytes, u.direction, features));
  for (const chunkBytes of request.wholeChunks ? [16] : [16, 8, 4]) {
    const patterns = patternsOf.map((patterns) => patterns(chunkBytes));
    const priceOf = (tileOffsets?: readonly number[]): number =>
      patterns.reduce((sum, forms, i) => {
        const cost = Math.min(...forms.map((f) => patternCost(f, tileOffsets)));
        return sum + cost * (uses[i]?.executions ?? 1);
      }, 0);
    const least = priceOf();
    for (const storage of candidates(rowBytes, rowCount(shape), chunkBytes)) {
      if (best.cost <= least) break;
      const cost = priceOf(offsetBases(shape, elementBytes, storage) ?? []);
      if (cost < best.cost) best = { storage, cost };
    }
  }
  return best.storage;
}

/** Row-major order, then what serves rows and columns of 16-byte chunks alike, then all by their parameters. */
function* candidates(rowBytes: number, rows: number, chunkBytes: number): Generator<Storage> {
  const chunks = Math.min(8, rowBytes / chunkBytes);
  if (chunkBytes === 16) {
    yield { kind: 'plain' };
    if (chunks > 1) yield { kind: 'swizzle', chunkBytes, a: Math.log2(8 / chunks), m: chunks - 1, s: 0 };
  }
  yield* swizzles(rowBytes, rows, chunkBytes);
}

/** Chunks of `chunkBytes` stay whole, and every chunk stays in its row. */
export function* swizzles(rowBytes: number, rows: number, chunkBytes: number): Generator<Storage> {
  const chunks = rowBytes / chunkBytes;
  for (let m = 1; m < Math.min(chunks, WAVEFRONT_BYTES / chunkBytes); m = 2 * m + 1)
    for (let a = 0; a <= 4 && 2 ** a < rows; a++)
      for (let s = 0; m << s < chunks && s <= 2; s++) yield { kind: 'swizzle', chunkBytes, a, m, s };
}
