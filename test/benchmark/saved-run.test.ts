import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { figuresOf } from '../../benchmark/figures.js';
import { readRun, savedRun } from '../../benchmark/saved-run.js';
import type { BenchRun, Entry, Point } from '../../benchmark/types.js';
import { codesOf, pointAt, runOf } from './runs.js';

const folder = mkdtempSync(join(tmpdir(), 'lac-bench-'));
afterAll(() => rmSync(folder, { recursive: true }));
let files = 0;
const stored = (text: string): string => {
  const file = join(folder, `${++files}.json`);
  writeFileSync(file, text);
  return file;
};

const name = fc.string({ minLength: 1, maxLength: 8 }).filter((s) => s !== '__proto__');
const sizes = fc.dictionary(name, fc.nat(), { maxKeys: 3, noNullPrototype: true });
const positive = fc.double({ min: 1e-9, max: 1e12, noNaN: true });
const count = fc.option(fc.nat(), { nil: null });
const entry: fc.Arbitrary<Entry> = fc.record(
  {
    role: fc.constantFrom('kernel', 'baseline', 'peer'),
    name: fc.string(),
    state: fc.constantFrom('measured', 'unchecked', 'wrong', 'failed'),
    why: fc.string(),
    chosen: fc.string(),
    config: sizes,
    checkedAt: sizes,
    rmse: positive,
    time: fc
      .record({
        ms: fc.array(positive, { minLength: 1, maxLength: 9 }),
        how: fc.constantFrom('timestamp' as const, 'host' as const),
      })
      .map(figuresOf),
  },
  { requiredKeys: ['role', 'name', 'state'], noNullPrototype: true },
);
const point: fc.Arbitrary<Point> = fc.record(
  {
    kernel: name,
    dims: sizes,
    dtypes: fc.dictionary(name, fc.constantFrom('f32', 'bf16', 'i32'), { maxKeys: 2, noNullPrototype: true }),
    options: fc.dictionary(name, fc.oneof(fc.boolean(), fc.integer(), fc.string()), {
      maxKeys: 2,
      noNullPrototype: true,
    }),
    work: fc.record({ bytes: fc.nat(), flops: count, tokens: count }, { noNullPrototype: true }),
    bound: fc.option(fc.record({ ms: positive, by: fc.constant('copy' as const) }, { noNullPrototype: true }), {
      nil: null,
    }),
    entries: fc.array(entry, { maxLength: 3 }),
  },
  { noNullPrototype: true },
);

describe('a stored run', () => {
  test('is read back as it was', () => {
    fc.assert(
      fc.property(fc.array(point, { maxLength: 3 }), fc.string(), fc.array(fc.string()), (points, device, notes) => {
        const run: BenchRun = runOf(points, { device, notes });
        expect(readRun(stored(savedRun(run)))).toEqual(run);
      }),
      { numRuns: 40 },
    );
  });

  test('has medians that follow from its samples, whatever the file says', () => {
    const text = savedRun(runOf([pointAt(8, [1, 2, 3])])).replace(/"medianMs": 2/, '"medianMs": 0.001');
    expect(text).toContain('0.001');
    expect(readRun(stored(text)).points[0]?.entries[0]?.time?.medianMs).toBe(2);
  });

  test('that is damaged is LAC0931, never something else: a byte of it changed, or its end missing', () => {
    const text = savedRun(runOf([pointAt(8, [1, 2, 3])]));
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.constantFrom('', '"', '9', '{', 'x', '-', 'null'), (at, by) => {
        for (const broken of [text.slice(0, at) + by + text.slice(at + 1), text.slice(0, at)]) {
          const codes = codesOf(() => readRun(stored(broken)));
          expect(codes.filter((code) => code !== 'LAC0931')).toEqual([]);
        }
      }),
      { numRuns: 60 },
    );
  });

  test.each([
    ['no file', () => join(folder, 'missing.json'), 'no such file'],
    ['no JSON', () => stored('{'), 'is no JSON'],
    ['of another tool', () => stored('{"kind":"trace"}'), 'was not written by lac bench'],
    ['of another version', () => stored('{"kind":"bench","lac":2}'), 'this lac reads 1'],
    ['with negative times', () => stored(savedRun(runOf([pointAt(8, [1, -2])]))), 'ms[1]'],
    ['without samples', () => stored(savedRun(runOf([pointAt(8, [])])).replaceAll(/null/g, '1')), 'has no samples'],
    ['with strange dtypes', () => stored(savedRun(runOf([pointAt(8, [1])])).replace('"f32"', '"f13"')), 'dtypes.T'],
  ])('%s is refused, and the message names the place', (_what, file, says) => {
    expect(() => readRun(file())).toThrow(says);
    expect(codesOf(() => readRun(file()))).toEqual(['LAC0931']);
  });
});
