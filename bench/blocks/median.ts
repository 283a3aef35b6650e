import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { BlockMeasurements } from './measurements.js';
import { medians } from './medians.js';
import { measurementsText } from './merged.js';

/**
 * Of several runs of measure.js with the same cases, the median of each time: where times scatter, as on a CPU.
 *   node dist/bench/blocks/median.js RUN.json ... [--out bench/blocks/data/software.json] [--doubt TEXT]
 */
const { values: options, positionals: files } = parseArgs({
  allowPositionals: true,
  options: { out: { type: 'string', default: 'artifacts/blocks.json' }, doubt: { type: 'string' } },
});
const [first, ...others] = files.map((file) => JSON.parse(readFileSync(file, 'utf8')) as BlockMeasurements);
if (first === undefined) throw new Error('Name the runs: median.js RUN.json ... [--out FILE] [--doubt TEXT]');
const { measurements, said } = medians([first, ...others]);
const doubt = options.doubt === undefined ? {} : { doubt: options.doubt };
writeFileSync(options.out, measurementsText({ ...measurements, ...doubt }));
for (const line of said) console.log(line);
console.log(`${measurements.cases.length} cases of ${files.length} runs: ${options.out}`);
