import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { launchSpec } from '../../driver/bind.js';
import { compileKernel } from '../../driver/compile.js';
import { installHost } from '../../driver/host.js';
import { makeInputs, scalarValues } from '../../driver/inputs.js';
import { loadReference, referenceFileOf } from '../../driver/load-reference.js';
import { withDefaults } from '../../driver/reference.js';
import { SourceProject } from '../../driver/source.js';
import { targetOf } from '../../driver/target.js';
import { placeTensors } from '../../driver/tensors.js';
import { bindLaunch, type Device, factsOf, type LaunchArgs, openDevice } from '../../runtime/index.js';
import { digits, median, table } from '../table.js';

/**
 * From a kernel's source to its first result, and what a launch costs afterwards:
 *   node dist/bench/cuda/first-result.js [--device cuda:0] [--file F] [--kernel K] [--dtype bf16] [--runs 3]
 * Cold: a new process with an empty cache of the driver. Cached: a new process that finds what an earlier one compiled.
 */
const { values: options } = parseArgs({
  options: {
    device: { type: 'string', default: 'cuda:0' },
    file: { type: 'string', default: 'kernels/lightning/forward.ts' },
    kernel: { type: 'string', default: 'lightningFwd' },
    dtype: { type: 'string', default: 'bf16' },
    runs: { type: 'string', default: '3' },
    launches: { type: 'string', default: '10000' },
    child: { type: 'boolean', default: false },
  },
});

/** Milliseconds; `total` counts from the start of the process. */
interface Stages {
  readonly start: number;
  readonly read: number;
  readonly open: number;
  readonly compile: number;
  readonly prepare: number;
  readonly run: number;
  readonly total: number;
  /** Microseconds of one launch, warm, the GPU not waited for. */
  readonly launchUs: number;
  /** The same with the arguments checked and bound each time. */
  readonly bindUs: number;
  /** The same as a program writes it: await lightningFwd(device, args). */
  readonly callUs: number;
}

const sinceStart = (): number => process.uptime() * 1000;

async function firstResult(): Promise<Stages> {
  const begin = sinceStart();
  const decl = new SourceProject().read(options.file).kernels.find((k) => k.name === options.kernel);
  const referenceFile = referenceFileOf(options.file);
  if (decl === undefined || referenceFile === null) throw new Error(`${options.file} has no ${options.kernel}`);
  const read = sinceStart();
  // What makes the inputs is no part of the way to a result: a caller has them.
  const reference = await loadReference(referenceFile, decl.name);
  const dims = withDefaults(reference.shape, { D: 128, E: 128 });
  const dtypes = Object.fromEntries(
    Object.entries(decl.dtypes).map(([T, all]) => [T, all.find((d) => d === options.dtype) ?? 'f32']),
  ) as Record<string, 'f32'>;
  const inputs = makeInputs(decl.args, dtypes, dims, reference, 0);
  const made = sinceStart();
  const device = await openDevice(options.device);
  const opened = sinceStart();
  const placed = placeTensors(device, decl.args, dtypes, dims, inputs, {});
  const facts = Object.fromEntries(Object.entries(placed.tensors).map(([name, t]) => [name, factsOf(t)]));
  const ready = sinceStart();
  const { variant } = compileKernel(decl, { dtypes, dims, facts, target: targetOf(device) });
  const compiled = sinceStart();
  await device.prepare(variant);
  const prepared = sinceStart();
  const args = { ...scalarValues(decl.args, dims, reference), ...placed.tensors };
  const bind = () => bindLaunch(device, launchSpec(decl), variant, args);
  const plan = bind();
  await device.launch(plan);
  const values = await placed.tensors.o?.read();
  const end = sinceStart();
  if (values === undefined || values.some(Number.isNaN)) throw new Error('the first result has gaps');
  const caughtUp = () => device.synchronize();
  const launchUs = await microseconds(() => device.launch(plan), caughtUp);
  const bindUs = await microseconds(() => device.launch(bind()), caughtUp);
  const call = await kernelFunction();
  const callUs = await microseconds(() => call(device, args), caughtUp);
  device.destroy();
  const generated = made - read + (ready - opened);
  return {
    ...{ start: begin, read: read - begin, open: opened - made, compile: compiled - ready },
    ...{ prepare: prepared - compiled, run: end - prepared, total: end - generated, launchUs, bindUs, callUs },
  };
}

type Call = (device: Device, args: LaunchArgs) => Promise<void>;

/** The kernel as its module exports it, in the compiled program that this one is part of. */
async function kernelFunction(): Promise<Call> {
  installHost(async () => (await import('../../tuner/from-host.js')).tuneFromHost);
  const compiled = new URL(`../../${options.file.replace(/\.ts$/, '.js')}`, import.meta.url);
  const module = (await import(compiled.href)) as Readonly<Record<string, Call>>;
  const found = module[options.kernel];
  if (found === undefined) throw new Error(`${compiled.pathname} exports no ${options.kernel}`);
  return found;
}

/** Fewer than a driver's queue takes before a launch waits for the GPU. */
const BATCH = 500;

/** Host time of one asynchronous call, over many: after each batch the GPU catches up, which is not counted. */
async function microseconds(once: () => Promise<void>, synchronize: () => Promise<void>): Promise<number> {
  const launches = Number(options.launches);
  let spent = 0;
  for (let done = -BATCH; done < launches; done += BATCH) {
    const begin = performance.now();
    for (let i = 0; i < Math.min(BATCH, launches); i++) await once();
    if (done >= 0) spent += performance.now() - begin;
    await synchronize();
  }
  return (spent * 1000) / (Math.ceil(launches / BATCH) * Math.min(BATCH, launches));
}

/** One process, with this folder for what the driver compiles. */
function measure(cache: string): Stages {
  const env = { ...process.env, CUDA_CACHE_PATH: cache };
  const args = [fileURLToPath(import.meta.url), ...process.argv.slice(2), '--child'];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', env });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout.split('\n').at(-2) ?? '') as Stages;
}

function compareColdAndCached(): void {
  const folder = mkdtempSync(path.join(tmpdir(), 'lac-first-'));
  const fresh = (): string => mkdtempSync(path.join(folder, 'cache-'));
  try {
    const runs = Array.from({ length: Number(options.runs) }, () => {
      const cache = fresh();
      return { cold: measure(cache), cached: measure(cache) };
    });
    const row = (name: string, stages: readonly Stages[]): string[] => {
      const of = (key: keyof Stages): string => digits(median(stages.map((s) => s[key])));
      return [name, ...KEYS.map(of)];
    };
    const cold = row(
      'cold',
      runs.map((r) => r.cold),
    );
    console.log(
      table(
        ['ms', ...KEYS],
        [
          cold,
          row(
            'compiled before',
            runs.map((r) => r.cached),
          ),
        ],
      ),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const KEYS = ['start', 'read', 'open', 'compile', 'prepare', 'run', 'total', 'launchUs', 'bindUs', 'callUs'] as const;

if (options.child) console.log(JSON.stringify(await firstResult()));
else compareColdAndCached();
