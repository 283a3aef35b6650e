import { Bug } from '../diag/diagnostic.js';
import { chooseSwizzle } from './choose-swizzle.js';
import { complement, kernel, solver } from './gf2.js';
import { basesOf, type Layout, threadCount } from './layout.js';
import type { AccessFeatures, SharedAccess } from './shared-access.js';
import type { Storage } from './storage.js';

/** SM cycles that a barrier takes among these threads (assumed; ptx-lowering.md, section 2). */
export const SYNC_CYCLES = { warp: 5, warps: 25, workgroup: 40 } as const;

/** Through shared memory: write by one layout, barrier, read by another. */
export interface SharedTrip {
  readonly kind: 'shared';
  /** Who has to meet at the barrier. */
  readonly scope: keyof typeof SYNC_CYCLES;
  /** For `warps`: w and w' must meet iff w ^ w' lies in this span of warp bits. */
  readonly meet: readonly number[];
  readonly storage: Storage;
  readonly write: SharedAccess;
  readonly read: SharedAccess;
  readonly cost: number;
}

export interface TripOptions {
  readonly elementBytes?: 2 | 4;
  readonly features?: AccessFeatures;
  /** See `SwizzleRequest`. */
  readonly wholeChunks?: boolean;
}

export const warpsOf = (l: Layout): number => Math.max(1, threadCount(l) / 32);

export function planSharedTrip(a: Layout, b: Layout, options: TripOptions = {}): SharedTrip {
  const { elementBytes = 4, features = { stmatrix: false }, wholeChunks = false } = options;
  const { storage, accesses, cost } = chooseSwizzle({
    shape: a.shape,
    elementBytes,
    uses: [
      { layout: a, direction: 'write' },
      { layout: b, direction: 'read' },
    ],
    features,
    wholeChunks,
  });
  const [write, read] = accesses;
  if (write === undefined || read === undefined) throw new Bug('layout: a trip has a write and a read');
  const { scope, meet } = meeting(a, b);
  return { kind: 'shared', scope, meet, storage, write, read, cost: warpsOf(a) * cost + SYNC_CYCLES[scope] };
}

/**
 * Writer w meets reader w' iff a.warp(w) ^ b.warp(w') lies in S, the span of all register and lane bases: a linear
 * relation, so those who must meet are cosets of the span of its sums w ^ w'.
 */
export function meeting(a: Layout, b: Layout): Pick<SharedTrip, 'scope' | 'meet'> {
  const bits = a.ins.warp?.length ?? 0;
  const own = ['register', 'lane'] as const;
  const inside = complement([], [...basesOf(a, own), ...basesOf(b, own)]);
  const warps = [...(a.ins.warp ?? []), ...(b.ins.warp ?? [])];
  // Kernel vectors of [a.warp | b.warp | S]: the first 2*bits coordinates are pairs (w, w').
  const pairs = kernelOfQuotient(warps, inside);
  const sums = pairs.map((p) => (p & (2 ** bits - 1)) ^ (p >>> bits));
  const meet = complement([], sums);
  return { scope: meet.length === 0 ? 'warp' : meet.length === bits ? 'workgroup' : 'warps', meet };
}

/** All x with combine(bases, x) in the span of `modulo`, as a basis. */
function kernelOfQuotient(bases: readonly number[], modulo: readonly number[]): readonly number[] {
  const frame = complement(modulo, bases);
  const inFrame = solver([...modulo, ...frame]);
  const coordinates = (v: number): number => {
    const x = inFrame(v);
    if (x === null) throw new Bug('layout: a base outside the span that it is part of');
    return x >>> modulo.length;
  };
  return kernel(bases.map(coordinates));
}
