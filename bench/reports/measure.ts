import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { LacError } from '../../compiler/diag/diagnostic.js';
import type { Config } from '../../driver/configurations.js';
import { type KernelDecl, SourceProject, withOptions } from '../../driver/source.js';
import { openDevice } from '../../runtime/index.js';
import { digits } from '../table.js';
import type { Measurements, Part, SharePoint } from './measurements.js';
import { type Shape, Workload } from './workload.js';

/**
 * What the reports say of our kernels alone, on one device, until the time is up:
 *   node dist/bench/reports/measure.js --device cuda:0 --dtype bf16 --out FILE.json [--seconds 60] [--commit HASH] [--small]
 * The most important figures come first. Of every program the beginning of the last head is compared with the recurrence.
 */
const { values: options } = parseArgs({
  options: {
    device: { type: 'string', default: 'cuda:0' },
    dtype: { type: 'string', default: 'bf16' },
    out: { type: 'string', default: 'artifacts/reports.json' },
    seconds: { type: 'string', default: '60' },
    commit: { type: 'string', default: '' },
    small: { type: 'boolean', default: false },
  },
});

const dtype = options.dtype === 'f32' ? 'f32' : 'bf16';
const deadline = performance.now() + Number(options.seconds) * 1000;
const project = new SourceProject();
const kernelOf = (file: string, name: string): KernelDecl => {
  const found = project.read(file).kernels.find((k) => k.name === name);
  if (found === undefined) throw new Error(`${file} has no kernel ${name}`);
  return found;
};
const ablated = kernelOf('bench/reports/ablation.ts', 'ablated');

const device = await openDevice(options.device);
const timing = { warmup: 2, warmupMs: 20, repeat: options.small ? 3 : 15 };

/** Null where the device has no memory for it, which is said. */
function workload(shape: Shape): Workload | null {
  try {
    return new Workload(device, dtype, shape);
  } catch (error) {
    if (!(error instanceof LacError)) throw error;
    console.log(`left out ${JSON.stringify(shape)}: ${error.message.split('\n')[0]}`);
    return null;
  }
}

/** Milliseconds; null where it does not fit the device, or is wrong, which is said. */
async function measure(load: Workload, decl: KernelDecl, config: Config, checked: boolean): Promise<number | null> {
  const name = `${decl.name} ${JSON.stringify(load.shape)} ${JSON.stringify(config)}`;
  try {
    const plans = load.plans(decl, config);
    const [first] = plans;
    const wrong = first === undefined || !checked ? null : await load.wrong(first);
    if (wrong !== null) {
      console.log(`WRONG ${name}: ${wrong}`);
      process.exitCode = 1;
      return null;
    }
    const { medianMs } = await device.time(plans, timing);
    console.log(`${name}: ${digits(medianMs)} ms`);
    return medianMs;
  } catch (error) {
    console.log(`left out ${name}: ${error instanceof Error ? error.message.split('\n')[0] : error}`);
    return null;
  }
}

const PARTS: Readonly<Record<Part, { readonly intra: boolean; readonly inter: boolean }>> = {
  both: { intra: true, inter: true },
  intra: { intra: true, inter: false },
  inter: { intra: false, inter: true },
  neither: { intra: false, inter: false },
};

async function* shares(): AsyncGenerator<SharePoint> {
  const shapes: readonly Shape[] = options.small
    ? [{ heads: 2, N: 256, D: 32 }]
    : [
        { heads: 128, N: 8192, D: 128 },
        { heads: 256, N: 8192, D: 64 },
      ];
  for (const shape of shapes) {
    const load = workload(shape);
    if (load === null) continue;
    for (const C of options.small ? [16, 32, 64] : [64, 32, 128, 16])
      for (const part of Object.keys(PARTS) as Part[]) {
        if (performance.now() > deadline) break;
        const config = { C, warps: options.small ? 4 : 8, stages: 2 };
        const ms = await measure(load, withOptions(ablated, PARTS[part]), config, part === 'both');
        if (ms !== null) yield { part, ...shape, C, ms };
      }
    load.free();
  }
}

async function all<T>(points: AsyncGenerator<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const point of points) list.push(point);
  return list;
}

const found: Measurements = {
  device: device.name,
  api: device.backend === 'cuda' ? 'CUDA' : 'WebGPU',
  date: new Date().toISOString().slice(0, 10),
  commit: options.commit,
  dtype,
  shares: await all(shares()),
};
mkdirSync(path.dirname(options.out), { recursive: true });
writeFileSync(options.out, `${JSON.stringify(found)}\n`);
console.log(`${found.shares?.length} figures in ${options.out}`);
device.destroy();
