import type { TimeOptions, Timing } from '../device.js';
import type { LaunchPlan } from '../launch.js';
import { summarize } from '../timing.js';
import { type Dispatch, encodeDispatches, type WebGpuDevice } from './device.js';
import { MAP_READ, USAGE } from './flags.js';
import { patiently } from './polling.js';

/** Queries of one set, at most (WebGPU 4.4). */
const MAX_QUERIES = 4096;

/** Times sequences of launches in turn: one sample is one sequence. */
export async function timePlans(
  device: WebGpuDevice,
  plans: readonly (readonly LaunchPlan[])[],
  options: TimeOptions,
): Promise<Timing> {
  const repeat = Math.max(1, Math.min(options.repeat ?? 20, MAX_QUERIES / 2));
  const sequences: Sequence[] = [];
  for (const sequence of plans) {
    const dispatches: Dispatch[] = [];
    for (const plan of sequence) {
      const one = await device.dispatchOf(plan);
      if (one) dispatches.push(one);
    }
    if (dispatches.length > 0) sequences.push(dispatches);
  }
  if (sequences.length === 0) return summarize([0], 'host');
  await warmUp(device, sequences, options);
  const samples = device.features.has('timestamp-query') ? await timestamps(device, sequences, repeat) : null;
  await device.synchronize();
  return samples ? summarize(samples, 'timestamp') : summarize(await hostTimes(device, sequences, repeat), 'host');
}

type Sequence = readonly Dispatch[];

const inTurn = (sequences: readonly Sequence[], i: number): Sequence => sequences[i % sequences.length] ?? [];

function submit(device: WebGpuDevice, sequence: Sequence, stamps?: GPUComputePassTimestampWrites): void {
  const encoder = device.gpu.createCommandEncoder();
  encodeDispatches(encoder, sequence, stamps);
  device.gpu.queue.submit([encoder.finish()]);
}

/** Launches between two waits while the clocks rise: the device must not fall idle, or they sink again. */
const WARM_BATCH = 16;

async function warmUp(device: WebGpuDevice, sequences: readonly Sequence[], options: TimeOptions): Promise<void> {
  const launches = options.warmup ?? 3;
  for (let i = 0; i < launches; i++) submit(device, inTurn(sequences, i));
  await device.synchronize();
  const begin = performance.now();
  while (performance.now() - begin < (options.warmupMs ?? 0)) {
    for (let i = 0; i < WARM_BATCH; i++) submit(device, inTurn(sequences, i));
    await device.synchronize();
  }
}

/** Milliseconds of each launch by the device's own clock; null where that clock does not run. */
async function timestamps(
  device: WebGpuDevice,
  sequences: readonly Sequence[],
  repeat: number,
): Promise<number[] | null> {
  const { gpu } = device;
  const bytes = repeat * 16;
  const querySet = gpu.createQuerySet({ type: 'timestamp', count: repeat * 2 });
  const resolved = gpu.createBuffer({ size: bytes, usage: USAGE.queryResolve | USAGE.copySrc });
  const staging = gpu.createBuffer({ size: bytes, usage: USAGE.mapRead | USAGE.copyDst });
  try {
    for (let i = 0; i < repeat; i++)
      submit(device, inTurn(sequences, i), {
        querySet,
        beginningOfPassWriteIndex: 2 * i,
        endOfPassWriteIndex: 2 * i + 1,
      });
    const encoder = gpu.createCommandEncoder();
    encoder.resolveQuerySet(querySet, 0, repeat * 2, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, staging, 0, bytes);
    gpu.queue.submit([encoder.finish()]);
    await device.guard(patiently(() => staging.mapAsync(MAP_READ)));
    const ns = new BigUint64Array(staging.getMappedRange().slice(0));
    const samples = Array.from({ length: repeat }, (_, i) => Number((ns[2 * i + 1] ?? 0n) - (ns[2 * i] ?? 0n)) / 1e6);
    return samples.every((ms) => ms > 0) ? samples : null;
  } finally {
    for (const made of [querySet, resolved, staging]) made.destroy();
  }
}

async function hostTimes(device: WebGpuDevice, sequences: readonly Sequence[], repeat: number): Promise<number[]> {
  const samples: number[] = [];
  for (let i = 0; i < repeat; i++) {
    const begin = performance.now();
    submit(device, inTurn(sequences, i));
    await device.guard(device.gpu.queue.onSubmittedWorkDone());
    samples.push(performance.now() - begin);
  }
  return samples;
}
