import { canonical } from '../store/digest.js';
import type { TuningKey } from '../store/types.js';
import type { Config } from './configurations.js';

/** Of this process: what it tuned counts for it, whatever becomes of the cache. */
const found = new Map<string, Config>();

export function rememberTuned(key: TuningKey, config: Config): void {
  found.set(canonical(key), config);
}

/** What `kernel.tune` settled on in this process for sizes like these; null where it was not called. */
export const tunedHere = (key: TuningKey): Config | null =>
  found.size === 0 ? null : (found.get(canonical(key)) ?? null);
