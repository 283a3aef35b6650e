import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { measureErrors } from '../../bench/cuda/math-errors.js';
import { devices } from '../kernels/session.js';
import { between, everywhere, operands, SPECIAL } from './samples.js';

const ROOT = resolve(import.meta.dirname, '../..');
const open = devices('rounding', 'webgpu', 'sm80', 'sm90');

/** Pairs: special ones crossed, functions' own operands with small exponents and divisors, and anything with anything. */
function pairs(): { x: Float64Array; z: Float64Array } {
  const crossed = SPECIAL.flatMap((x) => SPECIAL.map((z) => [x, z] as const));
  const own = operands(300);
  const any = everywhere(21, 400);
  const x = [...crossed.map(([a]) => a), ...own, ...any, ...between(0, 9, 23, 300)];
  const z = [
    ...crossed.map(([, b]) => b),
    ...between(-7, 7, 22, own.length),
    ...everywhere(24, 400),
    ...between(-30, 30, 25, 300),
  ];
  return { x: Float64Array.from(x), z: Float64Array.from(z) };
}

describe('the functions of the language, compiled for', () => {
  it.each(['rounding', 'webgpu', 'sm80', 'sm90'] as const)('%s, are in the bounds of the table', async (key) => {
    const { x, z } = pairs();
    expect(x.length % 256).not.toBe(0);
    const measured = await measureErrors(open[key], x, z, ROOT);
    expect(measured.flatMap((m) => m.faults)).toEqual([]);
    expect(measured.filter((m) => m.share > 1)).toEqual([]);
    expect(measured.filter((m) => m.ulp > 0).length).toBeGreaterThan(10);
  });
});
