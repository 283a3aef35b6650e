import { cheapestStorage } from './choose-swizzle.js';
import { type Conversion, planDirect } from './convert.js';
import type { Layout } from './layout.js';
import type { AccessFeatures } from './shared-access.js';
import { meeting, SYNC_CYCLES, warpsOf } from './shared-trip.js';
import type { Storage } from './storage.js';

/** A layout in which a tile is wanted, and how often. */
export interface Destination {
  readonly layout: Layout;
  readonly executions: number;
}

export interface RouteRequest {
  readonly from: Layout;
  /** How often the tile is made. */
  readonly executions: number;
  readonly destinations: readonly Destination[];
  readonly elementBytes: 2 | 4;
  readonly features: AccessFeatures;
  /** See `SwizzleRequest`. */
  readonly wholeChunks: boolean;
}

export interface Routes {
  /** For each destination. */
  readonly kinds: readonly Conversion['kind'][];
  /** Where the tile lies for those that read it from shared memory; null if none does. */
  readonly storage: Storage | null;
  /** SM cycles. */
  readonly cost: number;
}

/**
 * How one tile reaches all layouts in which it is wanted. What goes through shared memory shares one buffer and one
 * write, so that a destination that could do without may join those that cannot.
 */
export function planRoutes(request: RouteRequest): Routes {
  const { from, destinations, elementBytes } = request;
  const direct = destinations.map((d) => planDirect(from, d.layout, { elementBytes }));
  const all = [...destinations.keys()];
  const forced = all.filter((i) => direct[i] === null);
  // Nothing beats what stays in the thread.
  const open = all.filter((i) => direct[i]?.kind === 'shuffle');
  const price = (shared: readonly number[]): Routes => {
    const trip = sharedCost(request, shared);
    const rest = all.filter((i) => !shared.includes(i));
    const moved = rest.map((i) => (direct[i]?.cost ?? 0) * (destinations[i]?.executions ?? 1));
    const kinds = all.map((i) => (shared.includes(i) ? 'shared' : (direct[i]?.kind ?? 'shared')));
    return { kinds, storage: trip.storage, cost: trip.cost + moved.reduce((sum, c) => sum + c, 0) };
  };
  const choices = [forced, ...open.map((i) => [...forced, i]), ...(open.length > 1 ? [[...forced, ...open]] : [])];
  return choices.map(price).reduce((best, r) => (r.cost < best.cost ? r : best));
}

function sharedCost(r: RouteRequest, indices: readonly number[]): { storage: Storage | null; cost: number } {
  if (indices.length === 0) return { storage: null, cost: 0 };
  const readers = r.destinations.filter((_, i) => indices.includes(i));
  const { storage, cost } = cheapestStorage({
    shape: r.from.shape,
    elementBytes: r.elementBytes,
    uses: [
      { layout: r.from, direction: 'write', executions: r.executions },
      ...readers.map((d) => ({ ...d, direction: 'read' as const })),
    ],
    features: r.features,
    wholeChunks: r.wholeChunks,
  });
  // One barrier, among all who have to meet, lets every reader go on.
  const sync = Math.max(...readers.map((d) => SYNC_CYCLES[meeting(r.from, d.layout).scope]));
  return { storage, cost: warpsOf(r.from) * cost + r.executions * sync };
}
