/** Benches on real devices: one worker, or several on GPUs of one kind. */
import { diagnostic, LacError } from '../../compiler/diag/diagnostic.js';
import type { Config } from '../../driver/configurations.js';
import type { NativeDevice } from '../../runtime/cuda/native.js';
import type { Bench } from '../search/search.js';
import type { Row, Samples } from '../types.js';
import type { DeviceDescription } from './protocol.js';
import { DeviceWorker, type WorkerOptions } from './worker.js';

/** A bench, the device that it times on, and how many calls of `prepare` keep it busy. */
export interface OpenBench extends Bench {
  readonly device: DeviceDescription;
  readonly ahead: number;
  /** Resolves when no process is left, within a second. What is under way is rejected. Idempotent. */
  close(): Promise<void>;
}

/** A worker compiles one configuration while a GPU runs another. Where both are done by the same processors, neither waits. */
const AHEAD = 2;

/** One worker on one device. Throws LacError: whatever keeps device, kernel, reference or tensors from being there. */
export async function openWorker(options: WorkerOptions): Promise<OpenBench> {
  return new WorkerPool([await DeviceWorker.open(options)]);
}

/**
 * A worker on each of these devices, which have to be of one kind. All of them compile and check; times are compared, so that
 * the first of them takes all. Throws as `openWorker` does.
 */
export async function openWorkers(
  devices: readonly string[],
  options: Omit<WorkerOptions, 'device'>,
): Promise<OpenBench> {
  const [first, ...others] = devices;
  if (first === undefined) throw new RangeError('no devices to open');
  const leader = await DeviceWorker.open({ ...options, device: first });
  const { known } = leader;
  const opened = await Promise.allSettled(others.map((device) => DeviceWorker.open({ ...options, device, known })));
  const workers = opened.flatMap((o) => (o.status === 'fulfilled' ? [o.value] : []));
  const pool = new WorkerPool([leader, ...workers]);
  const failed = opened.find((o) => o.status === 'rejected');
  const error = failed === undefined ? differing(leader, workers) : failed.reason;
  if (error === null) return pool;
  await pool.close();
  throw error;
}

/** What is right and quick on one device says nothing of another kind. */
function differing(leader: DeviceWorker, workers: readonly DeviceWorker[]): LacError | null {
  const other = workers.find(({ device }) => device.name !== leader.device.name);
  if (other === undefined) return null;
  const message = `a problem is tuned on devices of one kind, and not on ${leader.device.name} and ${other.device.name}`;
  return new LacError(diagnostic('LAC0925', message, null, { help: ['tune on one after the other'] }));
}

class WorkerPool implements OpenBench {
  readonly ahead: number;
  readonly #workers: readonly [DeviceWorker, ...DeviceWorker[]];
  /** Calls of `prepare` that each worker has. */
  readonly #load: number[];

  constructor(workers: readonly DeviceWorker[]) {
    this.#workers = workers as readonly [DeviceWorker, ...DeviceWorker[]];
    this.#load = workers.map(() => 0);
    const { kind } = this.device.info;
    this.ahead = kind === 'software' || kind === 'interpret' ? 0 : AHEAD * workers.length;
  }

  get device(): DeviceDescription {
    return this.#workers[0].device;
  }

  prepare(config: Config): Promise<Row> {
    return heard(this.#prepare(config));
  }

  /** On the worker that has least to do; of equal ones the last, since the first has to measure too. */
  async #prepare(config: Config): Promise<Row> {
    const at = this.#load.lastIndexOf(Math.min(...this.#load));
    const load = (by: number): void => {
      this.#load[at] = (this.#load[at] ?? 0) + by;
    };
    load(1);
    try {
      return await (this.#workers[at] as DeviceWorker).prepare(config);
    } finally {
      load(-1);
    }
  }

  sample(configs: readonly Config[], count: number, bestMs?: number): Promise<readonly (Samples | Row)[]> {
    return heard(this.#workers[0].sample(configs, count, bestMs));
  }

  recheck(config: Config): Promise<Row | null> {
    return heard(this.#workers[0].recheck(config));
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.close()));
  }
}

/** A search that is interrupted leaves promises alone, which `close` rejects: no reason to end the process. */
function heard<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

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
