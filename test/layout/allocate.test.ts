import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Interval } from '../../compiler/layout/allocate.js';
import { planMemory } from '../../compiler/layout/allocate.js';

const interval = fc
  .record({
    bytes: fc.integer({ min: 0, max: 100 }),
    align: fc.constantFrom(1, 4, 16, 64),
    start: fc.nat({ max: 20 }),
    length: fc.nat({ max: 8 }),
  })
  .map(({ bytes, align, start, length }) => ({ bytes, align, start, end: start + length }));
const intervals = fc.array(interval, { maxLength: 12 }).map((list) => list.map((x, id): Interval => ({ id, ...x })));

test('no two blocks overlap in both memory and time, each is aligned, and total is the top', () => {
  fc.assert(
    fc.property(intervals, (list) => {
      const { offsets, total } = planMemory(list);
      const ends = list.map((x, i) => (x.bytes === 0 ? 0 : (offsets[i] ?? 0) + x.bytes));
      expect(total).toBe(Math.max(0, ...ends));
      list.forEach((x, i) => {
        expect((offsets[i] ?? 0) % x.align).toBe(0);
        list.slice(0, i).forEach((y, j) => {
          const time = x.start <= y.end && y.start <= x.end;
          const memory =
            (offsets[i] ?? 0) < (offsets[j] ?? 0) + y.bytes && (offsets[j] ?? 0) < (offsets[i] ?? 0) + x.bytes;
          if (x.bytes > 0 && y.bytes > 0) expect(time && memory).toBe(false);
        });
      });
    }),
  );
});

test('at least what is live at one point, at most what no reuse would take', () => {
  fc.assert(
    fc.property(intervals, (list) => {
      const { total } = planMemory(list);
      let stacked = 0;
      for (const x of list) if (x.bytes > 0) stacked = Math.ceil(stacked / x.align) * x.align + x.bytes;
      expect(total).toBeLessThanOrEqual(stacked);
      for (let t = 0; t <= 28; t++) {
        const live = list.filter((x) => x.start <= t && t <= x.end);
        expect(total).toBeGreaterThanOrEqual(live.reduce((n, x) => n + x.bytes, 0));
      }
    }),
  );
});

test('blocks of one size take exactly what is live at the fullest point', () => {
  fc.assert(
    fc.property(intervals, (list) => {
      const equal = list.map((x) => ({ ...x, bytes: 16, align: 16 }));
      const live = [...Array(29).keys()].map((t) => equal.filter((x) => x.start <= t && t <= x.end).length);
      expect(planMemory(equal).total).toBe(16 * Math.max(0, ...live));
    }),
  );
});

test('blocks that are never live together share memory; the limit is reported, not enforced', () => {
  const list = [0, 1, 2].map((id) => ({ id, bytes: 64, align: 16, start: id * 2, end: id * 2 + 1 }));
  expect(planMemory(list, 64)).toEqual({ offsets: [0, 0, 0], total: 64, fits: true });
  expect(planMemory(list, 63).fits).toBe(false);
  expect(planMemory([])).toEqual({ offsets: [], total: 0, fits: true });
});

test('a malformed block is a bug', () => {
  expect(() => planMemory([{ id: 'x', bytes: 4, align: 3, start: 0, end: 1 }])).toThrow(/block x/);
  expect(() => planMemory([{ id: 'x', bytes: 4, align: 4, start: 2, end: 1 }])).toThrow(/live 2..1/);
});
