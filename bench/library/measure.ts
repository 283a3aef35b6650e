import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { LacError } from '../../compiler/diag/diagnostic.js';
import type { DType } from '../../compiler/ir/types.js';
import { elementBytes } from '../../driver/compile.js';
import { type Config, candidates } from '../../driver/configurations.js';
import { drawInputs } from '../../driver/inputs.js';
import { loadReference, referenceFileOf } from '../../driver/load-reference.js';
import { type Settled, settle } from '../../driver/preflight.js';
import { prepare } from '../../driver/prepare.js';
import { optionValues, SourceProject } from '../../driver/source.js';
import { deviceNames, maxInvocations, targetOf } from '../../driver/target.js';
import { type PlacedTensors, placeTensors } from '../../driver/tensors.js';
import { configText } from '../../runtime/config-text.js';
import { openDevice } from '../../runtime/index.js';
import { holdClocks } from '../../runtime/steady-clocks.js';
import { type Contender, measure, setsWanted } from '../../tuner/measure.js';
import { digits, median, table } from '../table.js';
import type { TuneEvent } from './recorded.js';

/**
 * What a call takes untuned, in turn with a few rivals that were chosen by hand, kernel by kernel, as long as time lasts:
 *   node dist/bench/library/measure.js [--device cuda:0] [--seconds 150] [--only REGEX] [--rivals FILE] [--out FILE]
 * Prints a table, and leaves in the file what record.js puts into the data. Nothing is compared with a reference.
 */
const { values: options } = parseArgs({
  options: {
    device: { type: 'string', default: 'cuda:0' },
    seconds: { type: 'string', default: '150' },
    only: { type: 'string', default: '' },
    rivals: { type: 'string', default: 'bench/library/rivals.json' },
    out: { type: 'string', default: 'rivals.jsonl' },
  },
});

interface Rivals {
  readonly file: string;
  readonly kernel: string;
  readonly dims: Readonly<Record<string, number>>;
  readonly dtype: DType;
  /** Values in the order of the knobs. */
  readonly configs: readonly (readonly number[])[];
}

const end = performance.now() + 1000 * Number(options.seconds);
const device = await openDevice(options.device);
await holdClocks(device);
const target = targetOf(device);
const all = JSON.parse(readFileSync(options.rivals, 'utf8')) as Readonly<Record<string, readonly Rivals[]>>;
const project = new SourceProject();

/** Programs of one configuration on every set of tensors; null: it exceeds a limit of the device. */
function bound(settled: Settled, sets: readonly PlacedTensors[], config: Config): Contender | null {
  const { decl, scalars } = settled;
  try {
    const launches = sets.map(({ tensors }) => prepare({ decl, device, tensors, scalars, config, how: {} }).launches);
    return { sets: launches.map((one) => one.launches) };
  } catch (error) {
    if (error instanceof LacError && error.diagnostics.every((d) => d.code.startsWith('LAC05'))) return null;
    throw error;
  }
}

async function timed({ file, kernel, dims: given, dtype, configs }: Rivals): Promise<string[]> {
  const { kernels, plans } = project.read(file);
  const decl = [...kernels, ...plans].find((d) => d.name === kernel);
  const path = referenceFileOf(file);
  if (decl === undefined || path === null) throw new Error(`${file} has no ${kernel}, or no reference`);
  const reference = await loadReference(path, kernel);
  const dtypes = Object.fromEntries(Object.keys(decl.dtypes).map((name) => [name, dtype]));
  const settled = settle({ decl, reference, dims: given, dtypes, check: false, values: false });
  const { dims } = settled;
  const inputs = drawInputs(decl.args, settled.dtypes, dims, reference, 1);
  const one = placeTensors(device, decl.args, settled.dtypes, dims, inputs, {});
  const bytes = Object.values(one.tensors).reduce((n, tensor) => n + 4 * tensor.size, 0);
  const sets = [one];
  while (sets.length < Math.min(8, setsWanted(device, bytes, 'cold')))
    sets.push(placeTensors(device, decl.args, settled.dtypes, dims, inputs, {}));

  const contenders = new Map<Config, Contender>();
  const events: TuneEvent[] = [];
  const has = (config: Config): boolean => [...contenders.keys()].some((c) => configText(c) === configText(config));
  const add = (config: Config): boolean => {
    const contender = has(config) ? null : bound(settled, sets, config);
    if (contender !== null) contenders.set(config, contender);
    else if (!has(config)) events.push({ event: 'result', kernel, config, state: 'limit' });
    return contender !== null;
  };
  const names = { ...deviceNames(target), ...elementBytes(decl, settled.dtypes) };
  for (const config of candidates(decl, dims, {}, maxInvocations(target), names)) if (add(config)) break;
  const knobs = Object.keys(decl.tune);
  for (const values of configs) add(Object.fromEntries(knobs.map((knob, i) => [knob, values[i] ?? 0])));

  const samples = await measure(device, [...contenders.values()], { count: 40, samplesMs: 250, warmUpMs: 200 });
  for (const set of sets) set.free();
  const ms = samples.map((s) => ('tooSlow' in s ? Number.NaN : median(s.ms)));
  for (const [i, config] of [...contenders.keys()].entries())
    events.push({ event: 'result', kernel, config, state: 'measured', medianMs: ms[i] ?? Number.NaN });
  const of = { kernel, file, dims, dtypes: settled.dtypes, options: optionValues(decl) };
  events.push({ event: 'result', ended: 'rivals', ...of });
  appendFileSync(options.out, events.map((e) => `${JSON.stringify(e)}\n`).join(''));
  const best = ms.indexOf(Math.min(...ms));
  const [own = {}, ...rest] = [...contenders.keys()].map((c) => configText(c, ' '));
  const others = rest.map((text, i) => `${text}: ${digits(ms[i + 1] ?? Number.NaN)}`).join('; ');
  return [kernel, dtype, String(own), digits(ms[0] ?? 0), ((ms[0] ?? 0) / (ms[best] ?? 1)).toFixed(2), others];
}

writeFileSync(options.out, '');
const rows: string[][] = [];
for (const rivals of all[device.backend === 'webgpu' ? 'webgpu' : 'cuda'] ?? []) {
  if (!new RegExp(options.only).test(rivals.kernel)) continue;
  if (performance.now() > end) rows.push([rivals.kernel, rivals.dtype, 'no time left', '', '', '']);
  else rows.push(await timed(rivals).catch((error: Error) => [rivals.kernel, rivals.dtype, error.message, '', '', '']));
  console.log(rows.at(-1)?.join(' | '));
}
device.destroy();
console.log(table(['kernel', 'dtype', 'untuned', 'ms', 'of the best', 'rivals, ms'], rows));
