import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { doublings, pointsOf } from '../../benchmark/sweep.js';
import { sweep } from '../../cli/sweep.js';
import { codesOf } from './runs.js';

const isPower = (n: number): boolean => n > 0 && Number.isInteger(Math.log2(n));
const extents = fc.integer({ min: 0, max: 2 ** 40 });

describe('a sweep', () => {
  test('of a range has both ends and every power of two between them', () => {
    fc.assert(
      fc.property(extents, extents, (a, b) => {
        const all = doublings(a, b);
        expect([all[0], all.at(-1)]).toEqual([a, b]);
        expect(new Set(all).size).toBe(all.length);
        const inside = all.slice(1, -1);
        expect(inside.every(isPower)).toBe(true);
        const [least, most] = [Math.min(a, b), Math.max(a, b)];
        const expected = Array.from({ length: 42 }, (_, i) => 2 ** i).filter((p) => p > least && p < most);
        expect(inside.sort((x, y) => x - y)).toEqual(expected);
      }),
    );
  });

  test('says what it reads: ranges, lists, several dimensions, dimensions that go together', () => {
    expect(sweep('N=1k..8k')).toEqual([{ names: ['N'], sizes: [1024, 2048, 4096, 8192] }]);
    expect(sweep('N=1k,3k,8k')).toEqual([{ names: ['N'], sizes: [1024, 3072, 8192] }]);
    expect(sweep('N=4..1,1..2')).toEqual([{ names: ['N'], sizes: [4, 2, 1] }]);
    expect(sweep('D=E=64,128', sweep('N=100..300,B=1'))).toEqual([
      { names: ['N'], sizes: [100, 128, 256, 300] },
      { names: ['B'], sizes: [1] },
      { names: ['D', 'E'], sizes: [64, 128] },
    ]);
  });

  test('reads back what was written, whatever the names and sizes', () => {
    const axis = fc.record({
      names: fc.uniqueArray(fc.stringMatching(/^[A-Z][a-z]{0,3}$/), { minLength: 1, maxLength: 3 }),
      sizes: fc.uniqueArray(extents, { minLength: 1, maxLength: 5 }),
    });
    fc.assert(
      fc.property(fc.array(axis, { minLength: 1, maxLength: 3 }), (axes) => {
        const text = axes.map(({ names, sizes }) => `${names.join('=')}=${sizes.join(',')}`).join(',');
        expect(sweep(text)).toEqual(axes);
      }),
    );
  });

  test.each(['', 'N', '1k', 'N=', 'N=,1', 'N=1..', 'N=1..2..3', 'N=x', '=4', 'N=-1', 'N=1.5', '2N=4', 'N=1k,M'])(
    'refuses %j',
    (text) => {
      expect(() => sweep(text)).toThrow(/is not|is no|belongs to no/);
    },
  );

  test('gives every combination once, the first dimension slowest', () => {
    fc.assert(
      fc.property(fc.array(fc.uniqueArray(extents, { minLength: 1, maxLength: 4 }), { maxLength: 4 }), (sizes) => {
        const points = pointsOf(sizes.map((of, i) => ({ names: [`D${i}`, `E${i}`], sizes: of })));
        expect(points).toHaveLength(sizes.reduce((n, of) => n * of.length, 1));
        expect(new Set(points.map((p) => JSON.stringify(p))).size).toBe(points.length);
        for (const point of points)
          sizes.forEach((of, i) => {
            expect(of).toContain(point[`D${i}`]);
            expect(point[`E${i}`]).toBe(point[`D${i}`]);
          });
      }),
    );
    expect(pointsOf(sweep('N=1,2,D=3,4')).map((p) => [p.N, p.D])).toEqual([
      [1, 3],
      [1, 4],
      [2, 3],
      [2, 4],
    ]);
  });

  test('of one dimension twice, or of too many points, is LAC0930', () => {
    expect(codesOf(() => pointsOf(sweep('N=1,D=N=2')))).toEqual(['LAC0930']);
    const many = `A=${Array.from({ length: 101 }, (_, i) => i).join(',')},B=1..512`;
    expect(codesOf(() => pointsOf(sweep(many)))).toEqual(['LAC0930']);
  });
});
