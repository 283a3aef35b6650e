import { describe, expect, test } from 'vitest';
import { compare, indexOf, toleranceFor } from '../../driver/compare.js';

const f32 = toleranceFor('f32', ['f32']);
const of = (...x: number[]): Float64Array => Float64Array.from(x);
const check = (got: Float64Array, want: Float64Array) => compare('y', got, want, [2, got.length / 2], f32);

describe('comparison with the reference', () => {
  test('equal passes, and names no difference', () => {
    const c = check(of(1, 2, 3, 4), of(1, 2, 3, 4));
    expect(c).toMatchObject({ ok: true, rmse: 0, maxAbs: 0, nonFinite: 0 });
  });

  test('one wrong element fails, and is named', () => {
    const c = check(of(1, 2, 9, 4), of(1, 2, 3, 4));
    expect(c.ok).toBe(false);
    expect(c.worst).toEqual({ index: [1, 0], got: 9, want: 3 });
    expect(c.maxAbs).toBe(6);
  });

  test('one element among many that RMSE alone would let pass', () => {
    const want = new Float64Array(1_000_000).fill(1);
    const got = want.slice();
    got[77] = 1.005;
    const c = compare('y', got, want, [want.length], f32);
    expect(c.rmse).toBeLessThan(1e-5);
    expect(c).toMatchObject({ ok: false, worst: { index: [77] } });
  });

  test('NaN passes only where the reference has it, an infinity only where it is the same', () => {
    expect(check(of(1, Number.NaN), of(1, Number.NaN)).ok).toBe(true);
    expect(check(of(1, Number.NaN), of(1, 2))).toMatchObject({ ok: false, nonFinite: 1 });
    expect(check(of(1, 2), of(1, Number.NaN))).toMatchObject({ ok: false, nonFinite: 1 });
    expect(check(of(1, -Infinity), of(1, -Infinity)).ok).toBe(true);
    expect(check(of(1, Infinity), of(1, -Infinity)).ok).toBe(false);
    expect(check(of(0, Number.NaN), of(0, 0)).ok).toBe(false);
  });

  test('what terms cancel to is measured by the size of the terms, where that is larger', () => {
    const off = (size: number) => compare('y', of(1e-3, 1.5e-3), of(1e-3, 1e-3), [2], f32, { size });
    expect(off(0)).toMatchObject({ ok: false });
    expect(off(1e-4).rmse).toBe(off(0).rmse);
    expect(off(100)).toMatchObject({ ok: true });
    expect(compare('y', of(1, 1e-2), of(1, 0), [2], f32, { size: 1 })).toMatchObject({ ok: false });
  });

  test('the lowest finite value stands for -Infinity where the device has none', () => {
    const lowest = -(2 ** 128 - 2 ** 104);
    const withExtreme = (got: number) => compare('y', of(1, got), of(1, -Infinity), [2], f32, { extreme: -lowest });
    expect(withExtreme(lowest).ok).toBe(true);
    expect(withExtreme(-1e38).ok).toBe(false);
    expect(withExtreme(-lowest).ok).toBe(false);
  });

  test('too few values', () => {
    expect(compare('y', of(1), of(1, 1), [2], f32).ok).toBe(false);
  });

  test('an output without elements passes', () => {
    expect(compare('y', of(), of(), [0], f32)).toMatchObject({ ok: true, worst: null });
  });

  test('bounds follow the dtypes', () => {
    expect(toleranceFor('f32', ['bf16']).rmse).toBe(0.005);
    expect(toleranceFor('f16', []).rmse).toBe(0.005);
    expect(toleranceFor('f32', ['f32', 'i32'])).toEqual({ rmse: 1e-5, element: 1e-4 });
    expect(toleranceFor('i32', ['f16'])).toEqual({ rmse: 0, element: 0 });
    expect(toleranceFor('f32', ['f32'], { rmse: 1e-3 })).toEqual({ rmse: 1e-3, element: 1e-2 });
    expect(toleranceFor('f32', ['f32'], { rmse16: 1e-2 })).toEqual({ rmse: 1e-5, element: 1e-4 });
    expect(toleranceFor('f32', ['bf16'], { rmse16: 1e-2 })).toEqual({ rmse: 1e-2, element: 1e-1 });
  });
});

test('index of a position', () => {
  expect(indexOf(5, [2, 3])).toEqual([1, 2]);
  expect(indexOf(0, [])).toEqual([]);
});
