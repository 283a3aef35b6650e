import { canonical } from './digest.js';
import type { Content } from './entry.js';
import type { Offer, TuningKey } from './types.js';

/** Sizes that are off by more than this many doublings, all taken together, are another problem. */
const NEAR = 3;

/**
 * What configurations that tunes settled on have to offer for a key of the same problem, best first: those of this device
 * before those of its architecture, then the nearest sizes, then the latest.
 */
export function offersFor(key: TuningKey, settled: readonly Content[]): Offer[] {
  return settled
    .flatMap((content) => (content.kind === 'best' ? offer(key, content) : []))
    .sort((a, b) => rank(a) - rank(b) || a.doublings - b.doublings);
}

const rank = ({ how, imported }: Offer): number => (how === 'architecture' ? 2 : 0) + (imported ? 1 : 0);

function offer(key: TuningKey, { key: of, config, imported }: Extract<Content, { kind: 'best' }>): Offer[] {
  const here = of.device === key.device;
  const doublings = doublingsBetween(key.sizes, of.sizes);
  if ((!here && of.architecture !== key.architecture) || doublings > NEAR) return [];
  const how = !here ? 'architecture' : canonical(of.sizes) === canonical(key.sizes) ? 'exact' : 'sizes';
  return [{ config, how, doublings, device: of.device, imported }];
}

/** A size that the key does not know fits; buckets of other names cannot be compared. */
function doublingsBetween(asked: TuningKey['sizes'], measured: TuningKey['sizes']): number {
  if (Object.keys(asked).some((name) => !(name in measured))) return Number.POSITIVE_INFINITY;
  return Object.entries(asked).reduce((sum, [name, size]) => sum + octaves(size, measured[name] as number), 0);
}

const octaves = (a: number, b: number): number => Math.abs(Math.log2(Math.max(a, 1) / Math.max(b, 1)));
