import { tie } from '../tuner/statistics.js';
import { type BenchRun, type Entry, type Figures, isTimed, type Place, type Point } from './types.js';

/** A point of two runs. */
export interface Change {
  readonly point: Point;
  readonly before: Figures;
  readonly after: Figures;
  /** After over before: above 1 is slower. */
  readonly ratio: number;
  readonly verdict: 'slower' | 'faster' | 'same';
}

export interface RunComparison {
  readonly changes: readonly Change[];
  /** Points that only one of the runs has. */
  readonly onlyBefore: readonly Point[];
  readonly onlyAfter: readonly Point[];
}

/** Slower or faster by more than the threshold (0.05: 5 %), and by more than the noise of both. */
export function verdictOf(before: Figures, after: Figures, threshold: number): Change['verdict'] {
  const slower = after.medianMs > before.medianMs;
  const [fast, slow] = slower ? [before, after] : [after, before];
  if (slow.medianMs <= fast.medianMs * (1 + threshold) || tie(fast, slow)) return 'same';
  return slower ? 'slower' : 'faster';
}

/** The kernel's own times of two runs, point by point. What is not timed in both is in neither's favour. */
export function compareRuns(before: BenchRun, after: BenchRun, threshold: number): RunComparison {
  const old = new Map(before.points.map((point) => [keyOf(point), point]));
  const changes = after.points.flatMap((point): Change[] => {
    const [was, is] = [timeOf(old.get(keyOf(point))), timeOf(point)];
    if (was === null || is === null) return [];
    const ratio = is.medianMs / was.medianMs;
    return [{ point, before: was, after: is, ratio, verdict: verdictOf(was, is, threshold) }];
  });
  const now = new Set(after.points.map(keyOf));
  return {
    changes,
    onlyBefore: before.points.filter((point) => !now.has(keyOf(point))),
    onlyAfter: after.points.filter((point) => !old.has(keyOf(point))),
  };
}

/** Stored times as a contender of the points that have them; null for others. */
export const storedEntry = (stored: BenchRun, place: Place, name: string): Entry | null => {
  const time = timeOf(stored.points.find((p) => keyOf(p) === keyOf(place)));
  return time === null ? null : { role: 'baseline', name, state: 'measured', time };
};

function timeOf(point: Point | undefined): Figures | null {
  const entry = point?.entries.find((e) => e.role === 'kernel');
  return entry !== undefined && isTimed(entry) ? entry.time : null;
}

/** The same whatever the order in which sizes are named. */
const keyOf = ({ kernel, dims, dtypes, options }: Place): string =>
  JSON.stringify([kernel, sorted(dims), sorted(dtypes), sorted(options)]);

const sorted = (record: Readonly<Record<string, unknown>>) =>
  Object.entries(record).sort(([a], [b]) => (a < b ? -1 : Number(a > b)));
