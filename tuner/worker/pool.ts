/** Benches on real devices: one worker, or several on GPUs of one kind. */
import type { ArgFacts } from '../../compiler/artifact.js';
import type { Config } from '../../driver/configurations.js';
import type { NativeDevice } from '../../runtime/cuda/native.js';
import type { Modelled } from '../model/kernel-model.js';
import type { Bench } from '../search/search.js';
import { WorkerHost } from './host.js';
import type { DeviceDescription } from './protocol.js';
import type { WorkerOptions } from './worker.js';

/** A bench, the device that it times on, and how many calls of `prepare` keep it busy. */
export interface OpenBench extends Bench {
  readonly device: DeviceDescription;
  readonly ahead: number;
  /** What the cost model wants to know of a configuration of a kernel; null: the caller finds out itself. */
  model?(config: Config, facts?: Readonly<Record<string, ArgFacts>>): Promise<Modelled | null> | null;
  /** Resolves when no process is left, within a second; those of a host may stay. What is under way is rejected. Idempotent. */
  close(): Promise<void>;
}

/** One worker on one device. Throws LacError: whatever keeps device, kernel, reference or tensors from being there. */
export const openWorker = ({ device, ...options }: WorkerOptions): Promise<OpenBench> => openWorkers([device], options);

/**
 * A worker on each of these devices, which have to be of one kind. Times are compared, so that the first of them takes all; it
 * begins as soon as it is open, and the others check beside it once they are. Throws as `openWorker` does, for the first.
 */
export const openWorkers = (devices: readonly string[], options: Omit<WorkerOptions, 'device'>): Promise<OpenBench> =>
  new WorkerHost(devices, options).open({ ...options, isLast: true });

type ListGpus = () => Promise<readonly Pick<NativeDevice, 'name' | 'sm'>[]>;

const installedGpus: ListGpus = async () => (await import('../../runtime/cuda/open.js')).listCudaDevices();

/**
 * The devices that a name stands for: `cuda` all GPUs of the kind of the first, everything else itself. Throws LAC0702 where
 * there is no GPU.
 */
export async function devicesOf(which: string, list = installedGpus): Promise<readonly string[]> {
  if (which !== 'cuda') return [which];
  const gpus = await list();
  const [first] = gpus;
  return gpus.flatMap(({ name, sm }, i) => (name === first?.name && sm === first.sm ? [`cuda:${i}`] : []));
}
