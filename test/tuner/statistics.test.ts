import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type RandomStream, randomStream } from '../../driver/random.js';
import { compareFootprint, median, medianInterval, tie, winner } from '../../tuner/statistics.js';
import type { Resources, Row, Samples } from '../../tuner/types.js';

const samples = (...ms: number[]): Samples => ({ ms, how: 'timestamp' });
const times = fc.array(fc.double({ min: 0.001, max: 1000, noNaN: true }), { minLength: 1, maxLength: 40 });
/** Medians that lie close together, so that ties occur. */
const closeTimes = fc
  .tuple(fc.double({ min: 1, max: 1.1, noNaN: true }), fc.array(fc.double({ min: -0.05, max: 0.05, noNaN: true })))
  .map(([centre, noise]) => [centre, ...noise.map((x) => centre * (1 + x))]);

describe('the interval of the median', () => {
  test('holds the median, and does not depend on the order', () => {
    fc.assert(
      fc.property(times, (ms) => {
        const { median: middle, low, high } = medianInterval(ms);
        expect(low).toBeLessThanOrEqual(middle);
        expect(high).toBeGreaterThanOrEqual(middle);
        expect(medianInterval([...ms].reverse())).toEqual({ median: middle, low, high });
      }),
    );
  });

  test('is that of the binomial distribution', () => {
    const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);
    // Tables of order statistics for 95 %: David and Nagaraja 2003.
    for (const [n, k] of [
      [6, 1],
      [8, 1],
      [9, 2],
      [15, 4],
      [30, 10],
      [100, 40],
    ] as const)
      expect(medianInterval(upTo(n))).toMatchObject({ low: k, high: n + 1 - k });
    expect(medianInterval(upTo(30), 0.5)).toMatchObject({ low: 13, high: 18 });
  });

  test('of few samples it is wider than their range, and of one as wide as noise may be', () => {
    expect(medianInterval([1])).toEqual({ median: 1, low: 0.95, high: 1.05 });
    expect(medianInterval([2, 1])).toEqual({ median: 1.5, low: 0, high: 8 });
    expect(medianInterval([1, 2, 3])).toEqual({ median: 2, low: 0, high: 5 });
    expect(medianInterval([])).toEqual({ median: Number.NaN, low: 0, high: Number.POSITIVE_INFINITY });
    expect(median([4, 1, 3, 2])).toBe(2.5);
  });

  /** Noise of a sample: number `i` of `n`, true median 1. */
  const NOISES: Readonly<Record<string, (random: RandomStream, i: number, n: number) => number>> = {
    normal: (r) => 1 + 0.02 * r.normal(),
    skewed: (r) => Math.exp(0.3 * r.normal()),
    outliers: (r) => (r.uniform() < 0.1 ? (r.uniform() < 0.5 ? 5 : 0.2) : 1) * (1 + 0.01 * r.normal()),
    'two clocks': (r) => (r.uniform() < 0.5 ? 0.9 : 1.1) + 0.1 * (r.uniform() - 0.5),
    drift: (r, i, n) => 1 + 0.1 * ((i + 0.5) / n - 0.5) + 0.01 * r.normal(),
  };
  test.each(Object.keys(NOISES))('covers the true median as often as it says: %s', (name) => {
    const noise = NOISES[name] ?? (() => 0);
    for (const n of name === 'skewed' || name === 'outliers' ? [7, 15, 45] : [3, 5, 7, 15, 45]) {
      let covered = 0;
      const trials = 600;
      for (let trial = 0; trial < trials; trial++) {
        const random = randomStream(trial, `${name} ${n}`);
        const { low, high } = medianInterval(Array.from({ length: n }, (_, i) => noise(random, i, n)));
        if (low <= 1 && 1 <= high) covered++;
      }
      // Of two clocks no fewer than half of the few samples may come from one: then nobody can know of the other.
      expect(covered / trials, `${n} samples`).toBeGreaterThan(name === 'two clocks' && n < 6 ? 0.7 : 0.92);
    }
  });
});

describe('ties', () => {
  test('are symmetric, and everything ties with itself', () => {
    fc.assert(
      fc.property(closeTimes, closeTimes, (a, b) => {
        expect(tie(samples(...a), samples(...b))).toBe(tie(samples(...b), samples(...a)));
        expect(tie(samples(...a), samples(...a))).toBe(true);
      }),
    );
  });

  test('never join intervals that lie apart', () => {
    fc.assert(
      fc.property(closeTimes, closeTimes, (a, b) => {
        const [i, j] = [medianInterval(a), medianInterval(b)];
        if (i.high < j.low || j.high < i.low) expect(tie(samples(...a), samples(...b))).toBe(false);
      }),
    );
  });

  test('noise larger than the difference', () => {
    const around = (ms: number, noise: number): Samples =>
      samples(...Array.from({ length: 15 }, (_, i) => ms * (1 + (noise * (i - 7)) / 7)));
    expect(tie(around(1, 0.04), around(1.01, 0.04))).toBe(true);
    expect(tie(around(1, 0.004), around(1.01, 0.004))).toBe(false);
  });
});

const use = (sharedBytes: number, more: Partial<Resources> = {}): Resources => ({
  sharedBytes,
  threads: 128,
  programs: 64,
  ...more,
});
const row = (C: number, ms: readonly number[], resources?: Resources): Row => ({
  config: { C },
  state: 'measured',
  samples: { ms, how: 'timestamp' },
  ...(resources === undefined ? {} : { resources }),
});

describe('the winner', () => {
  test('is the fastest, and of those that tie the one of the smallest footprint', () => {
    const steady = [1, 1.001, 0.999, 1, 1.002, 0.998, 1];
    const rows = [
      row(16, steady, use(4096)),
      row(
        32,
        [...steady, 1.003].map((x) => x * 1.0002),
        use(1024),
      ),
      row(
        64,
        steady.map((x) => x * 1.05),
        use(16),
      ),
      {
        ...row(
          128,
          steady.map((x) => x * 0.5),
          use(1),
        ),
        state: 'wrong' as const,
      },
    ];
    expect(winner(rows)?.config).toEqual({ C: 32 });
    expect(winner(rows.slice(2))?.config).toEqual({ C: 64 });
    expect(winner([])).toBeNull();
    expect(
      winner([
        { config: {}, state: 'open' },
        { ...row(1, []), state: 'measured' },
      ]),
    ).toBeNull();
  });

  test('is not a smaller one that is slower by more than the noise, though their intervals meet', () => {
    const around = (ms: number, noise: number): number[] =>
      Array.from({ length: 15 }, (_, i) => ms * (1 + (noise * (i - 7)) / 7));
    const best = (noise: number): Row | null =>
      winner([row(16, around(1, noise), use(4096)), row(32, around(1.01, noise), use(16))]);
    expect(medianInterval(around(1, 0.01)).high).toBeGreaterThan(medianInterval(around(1.01, 0.01)).low);
    expect(best(0.01)?.config).toEqual({ C: 16 });
    expect(best(0.04)?.config).toEqual({ C: 32 });
  });

  test('is a row that nobody beats with certainty', () => {
    const rows = fc.array(fc.tuple(closeTimes, fc.integer({ min: 0, max: 3 })), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(rows, (drawn) => {
        const all = drawn.map(([ms, shared], i) => row(i, ms, use(shared)));
        const best = winner(all);
        const low = medianInterval(best?.samples?.ms ?? []).low;
        for (const { samples: other } of all) expect(low).toBeLessThanOrEqual(medianInterval(other?.ms ?? []).high);
      }),
    );
  });

  test('is no more than a little behind, however much noise there is', () => {
    const noisy = [0.5, 1, 1.6];
    const rows = [
      row(8, noisy, use(4096)),
      row(
        16,
        noisy.map((x) => x * 1.04),
        use(1024),
      ),
      row(
        32,
        noisy.map((x) => x * 1.2),
        use(16),
      ),
    ];
    for (const other of rows) expect(tie(other.samples ?? samples(), samples(...noisy))).toBe(true);
    expect(winner(rows)?.config).toEqual({ C: 16 });
  });

  test('footprints: shared memory, spills, registers, threads, programs; what is not known comes last', () => {
    const ascending = [
      use(0, { registers: 255 }),
      use(8, { registers: 32, threads: 256, programs: 1 }),
      use(8, { registers: 80, threads: 128 }),
      use(8, { registers: 80, threads: 128, programs: 65 }),
      use(8, { registers: 16, spillBytes: 4 }),
      undefined,
    ];
    for (const [i, a] of ascending.entries())
      for (const [j, b] of ascending.entries()) expect(Math.sign(compareFootprint(a, b))).toBe(Math.sign(i - j));
  });
});
