import { Bug } from '../diag/diagnostic.js';

/** A block of memory and when it is live, on a line of program points; both ends belong to it. */
export interface Interval {
  readonly id: string | number;
  readonly bytes: number;
  /** A power of two. */
  readonly align: number;
  readonly start: number;
  readonly end: number;
}

export interface MemoryPlan {
  /** Byte offset of each interval, in the order given. */
  readonly offsets: readonly number[];
  readonly total: number;
  /** `total` is within the limit. */
  readonly fits: boolean;
}

/**
 * Places blocks so that no two which are live at one point overlap. First fit, by decreasing size; of several orders the
 * one that needs least, and never more than one block behind the other.
 */
export function planMemory(intervals: readonly Interval[], limit = Number.POSITIVE_INFINITY): MemoryPlan {
  intervals.forEach(check);
  const length = (i: Interval) => i.end - i.start;
  const given = [...intervals.keys()];
  const sorted = (key: (i: Interval) => readonly number[]) => given.toSorted((a, b) => compare(key, intervals, a, b));
  const plans = [
    firstFit(
      intervals,
      sorted((i) => [-i.bytes, -length(i), i.start]),
    ),
    firstFit(
      intervals,
      sorted((i) => [-length(i), -i.bytes, i.start]),
    ),
    firstFit(
      intervals,
      sorted((i) => [i.start, -i.bytes]),
    ),
    firstFit(intervals, given),
  ];
  const best = plans.reduce((a, b) => (b.total < a.total ? b : a));
  return { ...best, fits: best.total <= limit };
}

function check(i: Interval): void {
  const whole = [i.bytes, i.align, i.start, i.end].every(Number.isInteger);
  if (!whole || i.bytes < 0 || i.align < 1 || (i.align & (i.align - 1)) !== 0 || i.end < i.start)
    throw new Bug(`memory plan: block ${i.id} of ${i.bytes} bytes, align ${i.align}, live ${i.start}..${i.end}`);
}

function compare(key: (i: Interval) => readonly number[], all: readonly Interval[], a: number, b: number): number {
  const [x, y] = [all[a], all[b]];
  if (x === undefined || y === undefined) return 0;
  const right = key(y);
  return key(x).reduce((d, v, i) => d || v - (right[i] ?? 0), 0);
}

const alignUp = (n: number, align: number): number => Math.ceil(n / align) * align;

/**
 * Each block in turn at the lowest aligned offset that is free over its whole life. The top never passes that of stacking
 * in the same order, because the place behind all others is always free.
 */
function firstFit(intervals: readonly Interval[], order: readonly number[]): { offsets: number[]; total: number } {
  const offsets = intervals.map(() => 0);
  const placed: { from: number; to: number; start: number; end: number }[] = [];
  let total = 0;
  for (const n of order) {
    const block = intervals[n];
    if (block === undefined || block.bytes === 0) continue;
    let from = 0;
    for (const other of placed) {
      if (other.end < block.start || block.end < other.start) continue;
      if (other.from >= from + block.bytes) break;
      if (other.to > from) from = alignUp(other.to, block.align);
    }
    offsets[n] = from;
    const to = from + block.bytes;
    const at = placed.findIndex((p) => p.from > from);
    placed.splice(at < 0 ? placed.length : at, 0, { from, to, start: block.start, end: block.end });
    total = Math.max(total, to);
  }
  return { offsets, total };
}
