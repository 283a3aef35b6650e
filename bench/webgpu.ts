import { parseArgs } from 'node:util';
import { LacError } from '../compiler/diag/diagnostic.js';
import { launchSpec } from '../driver/bind.js';
import { dimNames } from '../driver/choices.js';
import { type Compiled, compileKernel } from '../driver/compile.js';
import { type Config, candidates } from '../driver/configurations.js';
import { makeInputs, scalarValues } from '../driver/inputs.js';
import { loadReference, referenceFileOf } from '../driver/load-reference.js';
import { type Dims, type Reference, withDefaults } from '../driver/reference.js';
import { runKernel } from '../driver/run.js';
import { type KernelDecl, SourceProject } from '../driver/source.js';
import { targetOf } from '../driver/target.js';
import { placeTensors } from '../driver/tensors.js';
import type { Device } from '../runtime/device.js';
import { factsOf } from '../runtime/facts.js';
import { bindLaunch, type LaunchPlan } from '../runtime/launch.js';
import { openDevice } from '../runtime/open.js';
import { digits, table, WARM_UP_MS } from './table.js';

/**
 * How fast a kernel runs through WebGPU, over its configurations:
 *   node dist/bench/webgpu.js [--file F] [--kernel K] [--device webgpu] [--shape B=1,H=16,N=4096,D=64,E=64]
 *     [--dtype f32] [--config C=32,BE=64] [--limit 12] [--samples 20] [--bytes 268435456]
 * Each configuration is first run on poisoned outputs and compared with the reference. Launches then go round as many
 * sets of tensors as make up `--bytes`, more than the caches hold.
 */
const { values: options } = parseArgs({
  options: {
    file: { type: 'string', default: 'kernels/lightning/forward.ts' },
    kernel: { type: 'string' },
    device: { type: 'string', default: 'webgpu' },
    shape: { type: 'string', multiple: true, default: ['B=1,H=4,N=1024,D=64,E=64', 'B=1,H=16,N=4096,D=64,E=64'] },
    dtype: { type: 'string', default: 'f32' },
    config: { type: 'string', default: '' },
    limit: { type: 'string', default: '12' },
    samples: { type: 'string', default: '20' },
    bytes: { type: 'string', default: String(2 ** 28) },
    robust: { type: 'string', default: 'true' },
  },
});

function assignments(text: string): Record<string, number> {
  const pairs = text.split(',').filter((p) => p !== '');
  return Object.fromEntries(pairs.map((p) => [p.split('=')[0] ?? '', Number(p.split('=')[1])]));
}

interface Subject {
  readonly decl: KernelDecl;
  readonly reference: Reference;
  readonly device: Device;
  readonly dims: Dims;
}

/** Allocates sets of tensors until they hold `bytes`, and binds a launch to each. */
function bindSets({ decl, reference, device, dims }: Subject, config: Config, bytes: number) {
  const dtypes = Object.fromEntries(
    Object.entries(decl.dtypes).map(([name, all]) => [name, all.find((d) => d === options.dtype) ?? 'f32']),
  ) as Record<string, 'f32'>;
  const inputs = makeInputs(decl.args, dtypes, dims, reference, 0);
  const scalars = scalarValues(decl.args, dims, reference);
  const plans: LaunchPlan[] = [];
  const sets: { free(): void }[] = [];
  let compiled: Compiled | undefined;
  for (let held = 0; held < bytes && plans.length < 64; ) {
    const set = placeTensors(device, decl.args, dtypes, dims, inputs, {});
    sets.push(set);
    const facts = Object.fromEntries(Object.entries(set.tensors).map(([name, t]) => [name, factsOf(t)]));
    compiled ??= compileKernel(decl, { dtypes, dims, config, facts, target: targetOf(device) });
    const { unused } = compiled.variant;
    const used = Object.entries(set.tensors).map(([name, t]) => [name, unused.includes(name) ? null : t]);
    plans.push(bindLaunch(device, launchSpec(decl), compiled.variant, { ...scalars, ...Object.fromEntries(used) }));
    held += Object.values(set.tensors).reduce((n, t) => n + t.size * 4, 0);
  }
  return {
    plans,
    free: () =>
      sets.forEach((s) => {
        s.free();
      }),
  };
}

/** Median of `samples` launches, each on the next set of tensors. */
async function measure(subject: Subject, config: Config): Promise<{ ms: number; best: number; how: string }> {
  const { plans, free } = bindSets(subject, config, Number(options.bytes));
  try {
    const slow = subject.device.info.kind !== 'gpu';
    const timing = await subject.device.time(plans, {
      warmup: 2,
      warmupMs: slow ? 0 : WARM_UP_MS,
      repeat: Number(options.samples),
    });
    return { ms: timing.medianMs, best: Math.min(...timing.samples), how: timing.how };
  } finally {
    free();
  }
}

/** One row: the configuration, its pipeline's time, its launch's time, its error; or why there is none. */
async function bench(subject: Subject, config: Config): Promise<{ key: number; row: string[] }> {
  const name = Object.entries(config)
    .filter(([knob]) => knob !== 'stages')
    .map(([knob, value]) => `${knob}=${value}`)
    .join(' ');
  try {
    const { decl, reference, device, dims } = subject;
    const dtypes = Object.keys(decl.dtypes).length > 0 ? { '*': options.dtype } : {};
    const report = await runKernel({ decl, reference, device, dims, dtypes, config });
    const error = Math.max(...report.outputs.map((o) => o.rmse));
    if (!report.ok) return { key: Number.POSITIVE_INFINITY, row: [name, '', '', '', `WRONG, error ${digits(error)}`] };
    const { ms, best, how } = await measure(subject, config);
    const row = [name, digits(report.pipelineMs), digits(ms), digits(best), `${error.toExponential(1)} (${how})`];
    return { key: ms, row };
  } catch (error) {
    if (!(error instanceof LacError)) throw error;
    return { key: Number.POSITIVE_INFINITY, row: [name, '', '', '', error.diagnostics[0]?.code ?? 'refused'] };
  }
}

/** Configurations that differ on this target: pipeline depth means nothing to WGSL. */
function choices({ decl, dims, device }: Subject): Config[] {
  const given = assignments(options.config);
  const all = [...candidates(decl, dims, given, device.limits.maxInvocations)];
  const seen = new Map(all.reverse().map((c) => [JSON.stringify({ ...c, stages: 0 }), c]));
  return [...seen.values()].reverse().slice(0, Number(options.limit));
}

const project = new SourceProject();
const { kernels } = project.read(options.file);
const decl = kernels.find((k) => options.kernel === undefined || k.name === options.kernel);
const referenceFile = referenceFileOf(options.file);
if (decl === undefined || referenceFile === null) throw new Error(`${options.file}: no such kernel, or no reference`);
const reference = await loadReference(referenceFile, decl.name);
const device = await openDevice(options.device, { robust: options.robust === 'true' });
console.log(`${decl.name}, ${options.dtype}, on ${device.name}${options.robust === 'true' ? '' : ', not robust'}`);
for (const shape of options.shape) {
  const given = Object.entries(withDefaults(reference.shape, assignments(shape)));
  const dims = Object.fromEntries(given.filter(([name]) => dimNames(decl).includes(name)));
  const subject = { decl, reference, device, dims };
  const rows: { key: number; row: string[] }[] = [];
  for (const config of choices(subject)) rows.push(await bench(subject, config));
  rows.sort((a, b) => a.key - b.key);
  console.log(`\n${shape}\n`);
  console.log(
    table(
      ['configuration', 'pipeline ms', 'median ms', 'best ms', 'error'],
      rows.map((r) => r.row),
    ),
  );
}
device.destroy();
