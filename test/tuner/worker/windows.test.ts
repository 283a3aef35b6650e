import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { windowsOf } from '../../../tuner/worker/check.js';

describe('windows of an output', () => {
  test('lie in it, begin at whole words, and reach both ends', () => {
    fc.assert(
      fc.property(fc.oneof(fc.nat({ max: 1e5 }), fc.nat({ max: 2 ** 31 })), (size) => {
        const windows = windowsOf(size);
        for (const [begin, count] of windows) {
          expect(begin % 2).toBe(0);
          expect(begin).toBeGreaterThanOrEqual(0);
          expect(begin + count).toBeLessThanOrEqual(size);
        }
        if (size === 0) return;
        expect(windows[0]?.[0]).toBe(0);
        const [begin = 0, count = 0] = windows.at(-1) ?? [];
        expect(size - begin - count).toBeLessThanOrEqual(1);
      }),
    );
  });
});
