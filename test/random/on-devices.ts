import { parseArgs } from 'node:util';
import fc from 'fast-check';
import { LacError } from '../../compiler/diag/diagnostic.js';
import { compare, cudaOn, type Place, webgpuOn } from './agree.js';
import { programs } from './programs.js';

/**
 * Random programs on the devices of this machine, for bench/cuda/session.sh:
 *   node dist/test/random/on-devices.js [--runs 500] [--seed 1] [--devices cuda:0,webgpu] [--sm 90] [--seconds 120]
 * A seed repeats its programs. Ends with 1 where a device disagrees with the interpreter.
 */
const { values: options } = parseArgs({
  options: {
    runs: { type: 'string', default: '500' },
    seed: { type: 'string', default: '1' },
    devices: { type: 'string', default: 'cuda:0,webgpu' },
    sm: { type: 'string', default: '90' },
    seconds: { type: 'string', default: '120' },
  },
});

const placeOf = (which: string): Place =>
  which.startsWith('webgpu') ? webgpuOn(which) : cudaOn(which, Number(options.sm));
const places = options.devices.split(',').map(placeOf);
const until = performance.now() + Number(options.seconds) * 1000;
const counts: Record<string, Record<string, number>> = {};
let wrong = 0;

function count(place: Place, verdict: string): void {
  const mine = counts[place.name] ?? {};
  counts[place.name] = { ...mine, [verdict]: (mine[verdict] ?? 0) + 1 };
}

for (const program of fc.sample(programs(), { numRuns: Number(options.runs), seed: Number(options.seed) })) {
  if (performance.now() > until) break;
  for (const place of places) {
    let found: string;
    try {
      const verdict = await compare(program, place);
      found = typeof verdict === 'string' ? verdict : `WRONG: ${verdict.message}`;
    } catch (error) {
      found = `FAILED: ${error instanceof LacError ? JSON.stringify(error.diagnostics[0]) : String(error)}`;
    }
    count(place, found.split(':')[0] as string);
    if (/^[A-Z]/.test(found) && ++wrong <= 5) console.log(place.name, found, program.text);
  }
}
for (const [name, verdicts] of Object.entries(counts)) console.log(name, JSON.stringify(verdicts));
process.exit(wrong > 0 ? 1 : 0);
