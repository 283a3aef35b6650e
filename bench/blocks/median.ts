import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { median } from '../table.js';
import type { BlockMeasurements } from './measurements.js';
import { measurementsText } from './merged.js';

/**
 * Of several runs of measure.js with the same cases, the median of each time: where times scatter, as on a CPU.
 *   node dist/bench/blocks/median.js RUN.json ... --out bench/blocks/data/software.json [--doubt TEXT]
 * A configuration counts where every run has it.
 */
const { values: options, positionals: files } = parseArgs({
  allowPositionals: true,
  options: { out: { type: 'string', default: 'artifacts/blocks.json' }, doubt: { type: 'string' } },
});
const runs = files.map((file) => JSON.parse(readFileSync(file, 'utf8')) as BlockMeasurements);
const [first] = runs;
if (first === undefined) throw new Error('Name the runs: median.js RUN.json ... [--out FILE] [--doubt TEXT]');

const cases = first.cases.flatMap((of) => {
  const alike = runs.map(({ cases: all }) =>
    all.find((c) => c.kernel === of.kernel && c.D === of.D && c.dtype === of.dtype),
  );
  const times = of.times.flatMap(({ config }) => {
    const own = alike.map((c) => c?.times.find((t) => t.config.join() === config.join())?.ms);
    if (own.some((ms) => ms === undefined)) return [];
    const ms = of.shapes.map((_, at) => {
      const all = own.flatMap((one) => one?.[at] ?? []);
      return all.length === runs.length ? Number(median(all).toPrecision(4)) : null;
    });
    return [{ config, ms }];
  });
  return times.length === 0 ? [] : [{ ...of, times }];
});
const doubt = options.doubt === undefined ? {} : { doubt: options.doubt };
writeFileSync(options.out, measurementsText({ ...first, ...doubt, cases }));
console.log(`${cases.length} cases of ${runs.length} runs: ${options.out}`);
