import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareRuns, storedEntry, verdictOf } from '../../benchmark/compare.js';
import { figuresOf } from '../../benchmark/figures.js';
import type { Figures } from '../../benchmark/types.js';
import { pointAt, runOf } from './runs.js';

const figures = (ms: readonly number[]): Figures => figuresOf({ ms, how: 'timestamp' });
const THRESHOLD = 0.05;

/** Samples about `centre`, each off by at most `noise` of it. */
const around = (centre: number, noise: number) =>
  fc
    .array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 6, maxLength: 60 })
    .map((offs) => offs.map((off) => centre * (1 + off * noise)));
const centres = fc.double({ min: 1e-3, max: 1e3, noNaN: true });

describe('two runs', () => {
  test('that differ by less than the threshold are never told apart', () => {
    const pair = centres.chain((c) => fc.tuple(around(c, 0.02), around(c, 0.02)));
    fc.assert(
      fc.property(pair, ([a, b]) => {
        expect(verdictOf(figures(a), figures(b), THRESHOLD)).toBe('same');
      }),
    );
  });

  test('that differ by less than their noise are never told apart: one is a part of the other, in any order', () => {
    const samples = fc.array(fc.double({ min: 1, max: 3, noNaN: true }), { minLength: 12, maxLength: 60 });
    fc.assert(
      fc.property(samples, fc.double({ min: 0, max: 0.3 }), (ms, threshold) => {
        const sorted = [...ms].sort((x, y) => x - y);
        // Half of them, from the middle: its median is within the interval of the whole.
        const part = sorted.slice(sorted.length >> 2, sorted.length - (sorted.length >> 2));
        expect(verdictOf(figures(sorted), figures(part), threshold)).toBe('same');
        expect(verdictOf(figures(part.reverse()), figures(ms), threshold)).toBe('same');
      }),
    );
  });

  test('of which one takes clearly longer are always told apart, and which of them', () => {
    const pair = centres.chain((c) =>
      fc.double({ min: 1.15, max: 100, noNaN: true }).chain((by) => fc.tuple(around(c, 0.02), around(c * by, 0.02))),
    );
    fc.assert(
      fc.property(pair, ([fast, slow]) => {
        expect(verdictOf(figures(fast), figures(slow), THRESHOLD)).toBe('slower');
        expect(verdictOf(figures(slow), figures(fast), THRESHOLD)).toBe('faster');
      }),
    );
  });

  test('a threshold is what it says: 10 % slower passes at 12 %', () => {
    const [a, b] = [figures(Array(20).fill(1)), figures(Array(20).fill(1.1))];
    expect(verdictOf(a, b, 0.12)).toBe('same');
    expect(verdictOf(a, b, 0.09)).toBe('slower');
  });

  test('are matched by kernel, sizes, dtypes and options, in whatever order they are named', () => {
    const before = runOf([
      pointAt(1, [1, 1, 1], { dims: { N: 1, B: 2 } }),
      pointAt(2, [1, 1, 1]),
      pointAt(4, [1, 1, 1], { options: { causal: true } }),
      pointAt(8, [1, 1, 1]),
    ]);
    const after = runOf([
      pointAt(1, [2, 2, 2], { dims: { B: 2, N: 1 } }),
      pointAt(2, [2, 2, 2], { dtypes: { T: 'bf16' } }),
      pointAt(4, [2, 2, 2]),
      pointAt(8, [1, 1, 1], { entries: [{ role: 'kernel', name: 'scale', state: 'wrong', why: 'NaN' }] }),
    ]);
    const { changes, onlyBefore, onlyAfter } = compareRuns(before, after, THRESHOLD);
    expect(changes.map((c) => [c.point.dims.N, c.ratio, c.verdict])).toEqual([[1, 2, 'slower']]);
    expect(onlyBefore.map((p) => p.dims.N)).toEqual([2, 4]);
    expect(onlyAfter.map((p) => p.dims.N)).toEqual([2, 4]);
  });

  test('a stored time stands beside the points that have it', () => {
    const stored = runOf([pointAt(8, [1, 2, 3])]);
    expect(storedEntry(stored, pointAt(8, [9]), 'run.json')).toMatchObject({ role: 'baseline', name: 'run.json' });
    expect(storedEntry(stored, pointAt(9, [9]), 'run.json')).toBeNull();
  });
});
