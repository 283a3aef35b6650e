import type { TimeOptions, Timing } from '../device.js';
import type { LaunchPlan } from '../launch.js';
import { summarize } from '../timing.js';
import { type Dispatch, encodeDispatches, type WebGpuDevice } from './device.js';
import { MAP_READ, USAGE } from './flags.js';

/** Queries of one set, at most (WebGPU 4.4). */
const MAX_QUERIES = 4096;

/** Times the launches together, in their order: one sample is all of them. */
export async function timePlans(
  device: WebGpuDevice,
  plans: readonly LaunchPlan[],
  options: TimeOptions,
): Promise<Timing> {
  const repeat = Math.max(1, Math.min(options.repeat ?? 20, MAX_QUERIES / 2));
  const dispatch: Dispatch[] = [];
  for (const plan of plans) {
    const one = await device.dispatchOf(plan);
    if (one) dispatch.push(one);
  }
  if (dispatch.length === 0) return summarize([0], 'host');
  await warmUp(device, dispatch, options);
  const samples = device.features.has('timestamp-query') ? await timestamps(device, dispatch, repeat) : null;
  await device.synchronize();
  return samples ? summarize(samples, 'timestamp') : summarize(await hostTimes(device, dispatch, repeat), 'host');
}

function submit(device: WebGpuDevice, dispatch: readonly Dispatch[], stamps?: GPUComputePassTimestampWrites): void {
  const encoder = device.gpu.createCommandEncoder();
  encodeDispatches(encoder, dispatch, stamps);
  device.gpu.queue.submit([encoder.finish()]);
}

async function warmUp(device: WebGpuDevice, dispatch: readonly Dispatch[], options: TimeOptions): Promise<void> {
  const begin = performance.now();
  const launches = options.warmup ?? 3;
  for (let i = 0; i < launches; i++) submit(device, dispatch);
  await device.synchronize();
  while (performance.now() - begin < (options.warmupMs ?? 0)) {
    for (let i = 0; i < Math.max(launches, 1); i++) submit(device, dispatch);
    await device.synchronize();
  }
}

/** Milliseconds of each launch by the device's own clock; null where that clock does not run. */
async function timestamps(
  device: WebGpuDevice,
  dispatch: readonly Dispatch[],
  repeat: number,
): Promise<number[] | null> {
  const { gpu } = device;
  const bytes = repeat * 16;
  const querySet = gpu.createQuerySet({ type: 'timestamp', count: repeat * 2 });
  const resolved = gpu.createBuffer({ size: bytes, usage: USAGE.queryResolve | USAGE.copySrc });
  const staging = gpu.createBuffer({ size: bytes, usage: USAGE.mapRead | USAGE.copyDst });
  try {
    for (let i = 0; i < repeat; i++)
      submit(device, dispatch, { querySet, beginningOfPassWriteIndex: 2 * i, endOfPassWriteIndex: 2 * i + 1 });
    const encoder = gpu.createCommandEncoder();
    encoder.resolveQuerySet(querySet, 0, repeat * 2, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, staging, 0, bytes);
    gpu.queue.submit([encoder.finish()]);
    await device.guard(staging.mapAsync(MAP_READ));
    const ns = new BigUint64Array(staging.getMappedRange().slice(0));
    const samples = Array.from({ length: repeat }, (_, i) => Number((ns[2 * i + 1] ?? 0n) - (ns[2 * i] ?? 0n)) / 1e6);
    return samples.every((ms) => ms > 0) ? samples : null;
  } finally {
    for (const made of [querySet, resolved, staging]) made.destroy();
  }
}

async function hostTimes(device: WebGpuDevice, dispatch: readonly Dispatch[], repeat: number): Promise<number[]> {
  const samples: number[] = [];
  for (let i = 0; i < repeat; i++) {
    const begin = performance.now();
    submit(device, dispatch);
    await device.guard(device.gpu.queue.onSubmittedWorkDone());
    samples.push(performance.now() - begin);
  }
  return samples;
}
