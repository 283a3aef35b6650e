import { createHash } from 'node:crypto';
import type { Knobs, TuningKey } from './types.js';

/** JSON in which the order of names does not count. */
export const canonical = (value: unknown): string => JSON.stringify(value, sorted);

const sorted = (_name: string, value: unknown): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    : value;

export const digest = (...parts: readonly string[]): string => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${part.length}:`).update(part);
  return hash.digest('hex').slice(0, 32);
};

export const keyDigest = (key: TuningKey): string => digest(canonical(key));

/** What keys have in common that differ in device and sizes alone. */
export const problemDigest = ({ kernel, hash, dtypes, comptime, options }: TuningKey): string =>
  digest(canonical({ kernel, hash, dtypes, comptime, options }));

export const configText = (config: Knobs): string => canonical(config);
