import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Contender } from '../benchmark/contender.js';
import { kernelFiles } from '../cli/sources.js';
import { LacError } from '../compiler/diag/diagnostic.js';
import { loadReference, referenceFileOf } from '../driver/load-reference.js';
import type { Reference } from '../driver/reference.js';
import { declaresKernels, isPlan, type KernelDecl, type PlanDecl, SourceProject } from '../driver/source.js';
import { configText } from '../runtime/config-text.js';
import { type Device, openDevice } from '../runtime/index.js';
import { measure } from '../tuner/measure.js';
import { digits, median, table } from './table.js';

/**
 * How far what a call takes without tuned configurations is behind them, for every kernel and plan with knobs at the sizes of
 * its reference:
 *   node dist/bench/defaults.js [--device webgpu:software] [--kernel NAME ...] [--seconds 1.5] [--samples 25]
 * "Tuned" is what a call takes with the files beside the sources (`lac tune --all` writes them); "untuned" the same of a copy
 * of the kernels without these files, for a plan in all its steps. The tuning cache is not asked. The two are launched in
 * turn, for about so many seconds each, and nothing is compared with the reference. Where both are the same configuration,
 * nothing is timed.
 */
const { values: options } = parseArgs({
  options: {
    device: { type: 'string', default: 'webgpu:software' },
    kernel: { type: 'string', multiple: true, default: [] },
    seconds: { type: 'string', default: '1.5' },
    samples: { type: 'string', default: '25' },
  },
});
process.env.LAC_TUNING_CACHE = 'off';

const BEHIND = 1.3;
const ROOT = resolve('.');
const FOLDER = 'kernels';

type Decl = KernelDecl | PlanDecl;

interface Pair {
  readonly name: string;
  readonly reference: Reference;
  readonly untuned: Decl;
  readonly tuned: Decl;
}

/** A copy of the kernels in which no configuration is said to be good. */
function withoutRows(): string {
  const copy = mkdtempSync(join(tmpdir(), 'lac-defaults-'));
  const isKept = (file: string): boolean => !file.endsWith('.tune.json');
  cpSync(join(ROOT, FOLDER), join(copy, FOLDER), { recursive: true, filter: isKept });
  for (const name of ['dsl', 'driver', 'package.json']) symlinkSync(join(ROOT, name), join(copy, name));
  return copy;
}

async function pairs(copy: string): Promise<Pair[]> {
  const found: Pair[] = [];
  const [project, other] = [new SourceProject(), new SourceProject()];
  for (const file of kernelFiles([join(ROOT, FOLDER)], (f) => declaresKernels(readFileSync(f, 'utf8')))) {
    const path = referenceFileOf(file);
    if (path === null) continue;
    const bare = declarations(other, join(copy, relative(ROOT, file)));
    for (const tuned of declarations(project, file)) {
      const untuned = bare.find((d) => d.name === tuned.name);
      const isWanted = options.kernel.length === 0 || options.kernel.includes(tuned.name);
      if (untuned === undefined || !isWanted || Object.keys(tuned.tune).length === 0) continue;
      const reference = await referenceOf(path, tuned.name);
      if (reference !== null) found.push({ name: tuned.name, reference, untuned, tuned });
    }
  }
  return found;
}

function declarations(project: SourceProject, file: string): Decl[] {
  const { kernels, plans, diagnostics } = project.read(file);
  const errors = diagnostics.filter((d) => d.severity === 'error');
  if (errors.length > 0) throw new LacError(errors);
  return [...kernels, ...plans];
}

async function referenceOf(path: string, kernel: string): Promise<Reference | null> {
  try {
    return await loadReference(path, kernel);
  } catch (error) {
    if (error instanceof LacError && error.diagnostics.every((d) => d.code === 'LAC0902')) return null;
    throw error;
  }
}

/** How many times as long the untuned takes, and both configurations. */
interface Result {
  readonly name: string;
  readonly configs: readonly [untuned: string, tuned: string];
  readonly ms: readonly [untuned: number, tuned: number] | null;
  readonly ratio: number;
}

async function compared({ name, reference, untuned, tuned }: Pair, device: Device): Promise<Result | string> {
  const open: Contender[] = [];
  const request = { dims: {}, dtypes: {}, options: {}, seed: 1, affordable: 0 };
  try {
    for (const decl of [untuned, tuned])
      open.push(
        await Contender.open({ role: 'kernel', name, decl, reference, checked: false, config: {} }, request, device),
      );
    const [a, b] = open as [Contender, Contender];
    const configs = [configText(a.facts.config ?? {}, ' '), configText(b.facts.config ?? {}, ' ')] as const;
    if (!/^tuned/.test(b.facts.chosen ?? '')) return `no row: ${configs[0]}`;
    if (!isPlan(tuned) && configs[0] === configs[1]) return { name, configs, ms: null, ratio: 1 };
    const how = { count: Number(options.samples), samplesMs: 1000 * Number(options.seconds) };
    const [x, y] = await measure(device, [a, b], how);
    if (x === undefined || y === undefined || 'tooSlow' in x || 'tooSlow' in y) return 'too slow';
    const ms = [median(x.ms), median(y.ms)] as const;
    return { name, configs, ms, ratio: ms[0] / ms[1] };
  } catch (error) {
    if (error instanceof LacError) return error.message;
    throw error;
  } finally {
    for (const contender of open) contender.free();
  }
}

const copy = withoutRows();
const results: Result[] = [];
try {
  const device = await openDevice(options.device);
  for (const pair of await pairs(copy)) {
    const result = await compared(pair, device);
    if (typeof result === 'string') console.log(`${pair.name}: not compared, ${result}`);
    else results.push(result);
  }
  device.destroy();
} finally {
  rmSync(copy, { recursive: true });
}
results.sort((a, b) => b.ratio - a.ratio);
const rows = results.map(({ name, configs, ms, ratio }) => [
  name,
  ...configs,
  ...(ms ?? ['', '']).map((x) => (typeof x === 'number' ? digits(x) : x)),
  ms === null ? 'same' : ratio.toFixed(2),
]);
console.log(table(['kernel', 'untuned', 'tuned', 'untuned, ms', 'tuned, ms', 'ratio'], rows));
const behind = results.filter(({ ratio }) => ratio > BEHIND).length;
const faster = results.filter(({ ratio }) => ratio < 1 / BEHIND).length;
console.log(`\n${results.length} compared: ${behind} are more than 30 % behind, ${faster} as far ahead`);
