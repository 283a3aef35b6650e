import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cholesky, solveLower } from '../../tuner/search/cholesky.js';
import { type Observed, type Point, Surrogate } from '../../tuner/search/surrogate.js';

test('L L^T is the matrix again, and L x = b is solved', () => {
  const numbers = fc.array(fc.double({ min: -2, max: 2, noNaN: true }), { minLength: 36, maxLength: 36 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), numbers, (n, draw) => {
      const entry = (i: number, j: number): number => draw[i * 6 + j] ?? 0;
      const indices = [...Array(n).keys()];
      const k = (i: number, j: number): number =>
        indices.reduce((sum, m) => sum + entry(i, m) * entry(j, m), i === j ? 1 : 0);
      const l = cholesky(n, k);
      const b = indices.map((i) => entry(i, 5));
      const x = solveLower(l, b);
      for (const i of indices) {
        for (const j of indices.slice(0, i + 1)) {
          const product = (l[i] ?? []).reduce((sum, v, m) => sum + v * (l[j]?.[m] ?? 0), 0);
          expect(product).toBeCloseTo(k(i, j), 8);
        }
        expect((l[i] ?? []).reduce((sum, v, m) => sum + v * (x[m] ?? 0), 0)).toBeCloseTo(b[i] ?? 0, 8);
      }
    }),
  );
});

describe('the surrogate', () => {
  const line = (estimate: (x: number) => number | null): Observed[] =>
    [0, 1, 2, 4, 5, 7].map((x) => ({ point: { at: [x], estimate: estimate(x) }, value: (x - 3) ** 2 / 10 }));

  test('passes by what it has seen, and is sure of that alone', () => {
    const seen = line(() => null);
    const surrogate = new Surrogate(seen);
    for (const { point, value } of seen) {
      expect(Math.abs(surrogate.lower(point, 0) - value)).toBeLessThan(0.1);
      expect(surrogate.lower(point, 0) - surrogate.lower(point, 1)).toBeLessThan(0.1);
    }
    const far = { at: [30], estimate: null };
    expect(surrogate.lower(far, 0) - surrogate.lower(far, 1)).toBeGreaterThan(0.3);
    expect(surrogate.lower({ at: [3], estimate: null }, 0)).toBeLessThan(0.15);
  });

  test('believes estimates that were right, and none that were not', () => {
    const far = (estimate: number) => ({ at: [30], estimate });
    const spread = (seen: Observed[]): number => {
      const surrogate = new Surrogate(seen);
      return surrogate.lower(far(2), 0) - surrogate.lower(far(0), 0);
    };
    expect(spread(line((x) => (x - 3) ** 2 / 10))).toBeGreaterThan(0.5);
    expect(spread(line((x) => -((x - 3) ** 2)))).toBe(0);
    expect(spread(line(() => 1))).toBe(0);
  });

  test('knows nothing but the mean of a single value', () => {
    const surrogate = new Surrogate([{ point: { at: [1], estimate: 0 }, value: 5 }]);
    expect(surrogate.lower({ at: [2], estimate: 1 }, 0)).toBeCloseTo(5);
  });

  test('hopes for less beside what is being measured, and expects of it what it did', () => {
    const seen = line(() => null);
    const at = (x: number): Point => ({ at: [x], estimate: null });
    const [pending, beside, far] = [at(20), at(21), at(50)];
    const [without, with_] = [new Surrogate(seen), new Surrogate(seen, [pending])];
    expect(with_.lower(pending, 0)).toBeCloseTo(without.lower(pending, 0), 6);
    for (const point of [pending, beside]) {
      const deviation = (of: Surrogate): number => of.lower(point, 0) - of.lower(point, 1);
      expect(deviation(with_)).toBeLessThan(0.6 * deviation(without));
    }
    expect(with_.lower(far, 3)).toBeCloseTo(without.lower(far, 3), 6);
  });
});
