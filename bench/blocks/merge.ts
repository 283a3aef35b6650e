import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { BlockMeasurements } from './measurements.js';
import { measurementsText, merged } from './merged.js';

/**
 * Puts the cases of a later session in place of those of a data file, each with the date and commit it was measured at:
 *   node dist/bench/blocks/merge.js LATER.json [--into bench/blocks/data/h100-cuda.json] [--only REGEX] [--note TEXT]
 * The note takes the place of the one that is there; an empty one drops it.
 * Then tune-rows.js, ../reports/main.js, leave_one_out.py, and test/bench/blocks.test.ts.
 */
const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    into: { type: 'string', default: 'bench/blocks/data/h100-cuda.json' },
    only: { type: 'string', default: '' },
    note: { type: 'string' },
  },
});
const [later] = positionals;
if (later === undefined)
  throw new Error('Name the file to merge: merge.js LATER.json [--into FILE] [--only REGEX] [--note TEXT]');

const read = (file: string): BlockMeasurements => JSON.parse(readFileSync(file, 'utf8')) as BlockMeasurements;
const { measurements: all, said } = merged(read(options.into), read(later), new RegExp(options.only));
const { note: before, ...rest } = all;
const note = options.note ?? before ?? '';
writeFileSync(options.into, measurementsText({ ...rest, ...(note === '' ? {} : { note }) }));
for (const line of said) console.log(line);
