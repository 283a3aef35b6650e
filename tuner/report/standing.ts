import { configKey } from '../search/knobs.js';
import { type Interval, medianInterval } from '../statistics.js';
import type { Outcome, Row } from '../types.js';

/** A configuration that was measured, and how it stands against the best. */
export interface Standing {
  readonly row: Row;
  readonly interval: Interval;
  /** Time over that of the best. */
  readonly ratio: number;
  readonly isBest: boolean;
}

/** Measured configurations: the best first, then by their time. */
export function standings({ rows, best }: Outcome): readonly Standing[] {
  const timed = rows.flatMap((row) =>
    row.state === 'measured' && row.samples !== undefined ? [{ row, interval: medianInterval(row.samples.ms) }] : [],
  );
  const bestKey = best === null ? null : keyOfConfig(best);
  const first = timed.find(({ row }) => keyOfConfig(row) === bestKey);
  return timed
    .map(({ row, interval }) => ({
      row,
      interval,
      ratio: first === undefined ? Number.NaN : interval.median / first.interval.median,
      isBest: keyOfConfig(row) === bestKey,
    }))
    .sort((a, b) => Number(b.isBest) - Number(a.isBest) || a.interval.median - b.interval.median);
}

const keyOfConfig = ({ config }: Row): string => configKey(config);

/** Configurations that are out for one reason. */
export interface Cause {
  readonly state: Row['state'];
  readonly code: string | null;
  readonly rows: readonly Row[];
}

/** What is out, by state and code, the most frequent first; and what was never tried. */
export function causes({ rows }: Outcome): readonly Cause[] {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    if (row.state === 'measured') continue;
    const key = `${row.state} ${row.code ?? ''}`;
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return [...groups.values()]
    .map((group) => ({ state: group[0]?.state ?? 'open', code: group[0]?.code ?? null, rows: group }))
    .sort((a, b) => b.rows.length - a.rows.length);
}

/** `no configuration was measured`: what happened to those of a state, after their number. */
export const STATES: Readonly<Record<Row['state'], string>> = {
  measured: 'measured',
  open: 'not tried',
  pruned: 'pruned by the kernel',
  limit: 'over a limit of the device',
  same: 'the same program as another',
  wrong: 'wrong',
  crash: 'crashed',
  hang: 'did not end',
  memory: 'out of memory',
  lost: 'lost the device',
  error: 'failed',
};
