import { Bug } from '../diag/diagnostic.js';
import { swizzles } from './choose-storage.js';
import type { Layout } from './layout.js';
import { type AccessFeatures, leastCost, planAccess, type SharedAccess } from './shared-access.js';
import { rowCount, rowExtent, type Storage } from './storage.js';

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

export interface SwizzleChoice {
  readonly storage: Storage;
  /** For each use. */
  readonly accesses: readonly SharedAccess[];
  /** SM cycles of one warp: sum over the uses of cost times executions. */
  readonly cost: number;
}

/**
 * The cheapest storage without unused bytes for all uses together; of equals the one with the smallest parameters
 * (ptx-lowering.md, section 1: for rows of 2^n 16-byte chunks it is a = max(0, 3 - n), m = min(7, 2^n - 1), s = 0).
 */
export function chooseSwizzle(request: SwizzleRequest): SwizzleChoice {
  const { shape, elementBytes, uses, features } = request;
  const times = uses.map((u) => u.executions ?? 1);
  const priceOf = (costs: readonly number[]): number => costs.reduce((sum, c, i) => sum + c * (times[i] ?? 1), 0);
  const least = priceOf(uses.map((u) => leastCost(u.layout, shape, elementBytes, u.direction, features)));
  let best: SwizzleChoice | undefined;
  for (const storage of candidates(request)) {
    const accesses = uses.map((u) => planAccess(u.layout, shape, elementBytes, storage, u.direction, features));
    const cost = priceOf(accesses.map((a) => a.cost));
    if (best === undefined || cost < best.cost) best = { storage, accesses, cost };
    if (best.cost === least) break;
  }
  if (best === undefined) throw new Bug('layout: no storage to choose from');
  return best;
}

/** Plain first, then swizzles by decreasing size of the chunks that they move. */
function* candidates({ shape, elementBytes, wholeChunks }: SwizzleRequest): Generator<Storage> {
  yield { kind: 'plain' };
  const rowBytes = rowExtent(shape) * elementBytes;
  for (const chunkBytes of wholeChunks ? [16] : [16, 8, 4]) yield* swizzles(rowBytes, rowCount(shape), chunkBytes);
}
