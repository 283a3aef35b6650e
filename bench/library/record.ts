import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { LibraryCase, LibraryMeasurements } from './measurements.js';
import { measurementsText, recorded, type TuneEvent } from './recorded.js';

/**
 * Puts what `lac tune --json` printed, JSON Lines, into a data file: of each kernel at each size in place of what it holds.
 *   node dist/bench/library/record.js LINES --date 2026-11-23 --commit 6f6af96 [--into bench/library/data/h100-cuda.json]
 * Then test/bench/library.test.ts.
 */
const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    into: { type: 'string', default: 'bench/library/data/h100-cuda.json' },
    date: { type: 'string' },
    commit: { type: 'string' },
  },
});
const [lines] = positionals;
const { date, commit } = options;
if (lines === undefined || date === undefined || commit === undefined)
  throw new Error('Name the lines, the day and the program: record.js LINES --date DAY --commit COMMIT [--into FILE]');

const measured = JSON.parse(readFileSync(options.into, 'utf8')) as LibraryMeasurements;
const events = readFileSync(lines, 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => JSON.parse(line) as TuneEvent);
const relative = (file: string): string => path.relative('.', file);
const cases = recorded(events, { date, commit, relative });
const isSame = (a: LibraryCase, b: LibraryCase): boolean =>
  (['kernel', 'dims', 'dtypes', 'options'] as const).every((key) => JSON.stringify(a[key]) === JSON.stringify(b[key]));
const kept = measured.cases.filter((own) => !cases.some((later) => isSame(own, later)));
writeFileSync(options.into, measurementsText({ ...measured, cases: [...kept, ...cases] }));
console.log(`${cases.length} cases, ${kept.length} kept`);
