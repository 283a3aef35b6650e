import type { Resources, Row, Samples } from './types.js';

/** The median of samples, and the interval that holds the true median with the confidence asked for. */
export interface Interval {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/**
 * Fewer than six samples bound the median by their range with less than 95 %. So the range is widened on both sides by this
 * many times itself: what Student's t says for normal noise. Index: number of samples.
 */
const WIDEN_FEW = [0, 0, 6, 1, 0.3, 0.05];

/** Half the interval of a single sample, of which nobody knows how noisy it is, relative. */
const SINGLE_NOISE = 0.05;

export function median(ms: readonly number[]): number {
  const sorted = ascending(ms);
  const middle = sorted.length >> 1;
  const upper = at(sorted, middle);
  return sorted.length % 2 === 1 ? upper : (at(sorted, middle - 1) + upper) / 2;
}

/**
 * Median and interval by order statistics: of n samples the k smallest and the k largest are left out, for the largest k
 * that keeps the confidence, whatever their distribution (David and Nagaraja 2003, section 7.1).
 */
export function medianInterval(ms: readonly number[], confidence = 0.95): Interval {
  const sorted = ascending(ms);
  const n = sorted.length;
  const middle = median(sorted);
  if (n === 0) return { median: Number.NaN, low: 0, high: Number.POSITIVE_INFINITY };
  if (n === 1) return { median: middle, low: middle * (1 - SINGLE_NOISE), high: middle * (1 + SINGLE_NOISE) };
  const k = leftOut(n, confidence);
  const [low, high] = [at(sorted, k), at(sorted, n - 1 - k)];
  const wider = (WIDEN_FEW[n] ?? 0) * (high - low);
  return { median: middle, low: Math.max(0, low - wider), high: high + wider };
}

/** Largest k with P(at most k of n fair coins show heads) <= (1 - confidence) / 2; 0 where there is none. */
function leftOut(n: number, confidence: number): number {
  let k = 0;
  let logTerm = -n * Math.LN2;
  let tail = Math.exp(logTerm);
  while (2 * tail <= 1 - confidence) {
    logTerm += Math.log((n - k) / (k + 1));
    k++;
    tail += Math.exp(logTerm);
  }
  return Math.max(0, k - 1);
}

/**
 * Whether the noise is larger than the difference: the distance of the medians against what is uncertain of each on the side
 * of the other, added as independent errors are. What ties has intervals that meet.
 */
export function tie(a: Samples, b: Samples): boolean {
  return tied(medianInterval(a.ms), medianInterval(b.ms));
}

function tied(a: Interval, b: Interval): boolean {
  const [fast, slow] = a.median <= b.median ? [a, b] : [b, a];
  return slow.median - fast.median <= Math.hypot(fast.high - fast.median, slow.median - slow.low);
}

/** Below 0 where `a` takes less of the device: shared memory, then registers of a program, threads, programs. */
export function compareFootprint(a: Resources | undefined, b: Resources | undefined): number {
  if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined);
  const registers = (r: Resources): number => (r.registers ?? 0) * r.threads;
  return (
    a.sharedBytes - b.sharedBytes ||
    (a.spillBytes ?? 0) - (b.spillBytes ?? 0) ||
    registers(a) - registers(b) ||
    a.threads - b.threads ||
    a.programs - b.programs
  );
}

/**
 * How far behind the fastest the median of a winner may be. Few samples and much noise make everything tie, and of much that
 * ties what takes the least of the device is slow more often than not.
 */
const MOST_BEHIND = 0.05;

/**
 * The row to use: of those measured that tie with the fastest, and are hardly behind it, the one of the smallest footprint;
 * null where none is measured. No row is below the interval of the winner. Of equal ones the first.
 */
export function winner(rows: readonly Row[]): Row | null {
  const timed = rows.flatMap((row) =>
    row.state === 'measured' && row.samples !== undefined && row.samples.ms.length > 0
      ? [{ row, interval: medianInterval(row.samples.ms) }]
      : [],
  );
  const [first, ...others] = timed;
  if (first === undefined) return null;
  const fastest = others.reduce((best, t) => (t.interval.median < best.interval.median ? t : best), first);
  const highest = Math.min(...timed.map((t) => t.interval.high));
  const slowest = fastest.interval.median * (1 + MOST_BEHIND);
  const best = timed
    .filter((t) => tied(t.interval, fastest.interval) && t.interval.low <= highest && t.interval.median <= slowest)
    .reduce((best, t) => ((compareFootprint(t.row.resources, best.row.resources) || by(t, best)) < 0 ? t : best));
  return best.row;
}

const by = (a: { readonly interval: Interval }, b: { readonly interval: Interval }): number =>
  a.interval.median - b.interval.median;

const ascending = (ms: readonly number[]): readonly number[] => [...ms].sort((a, b) => a - b);
const at = (sorted: readonly number[], i: number): number => sorted[i] ?? Number.NaN;
