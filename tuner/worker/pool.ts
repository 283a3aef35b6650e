/** Benches on real devices: one worker, or several on GPUs of one kind. */
import type { ArgFacts } from '../../compiler/artifact.js';
import { diagnostic, LacError } from '../../compiler/diag/diagnostic.js';
import type { Config } from '../../driver/configurations.js';
import { SYSTEM_CLOCK } from '../../runtime/clock.js';
import type { NativeDevice } from '../../runtime/cuda/native.js';
import type { Modelled } from '../model/kernel-model.js';
import type { Bench } from '../search/search.js';
import type { Problem, Row, Samples } from '../types.js';
import type { Commission } from './compiler-protocol.js';
import { Compilers, compilersFor, mostCompilers } from './compilers.js';
import { timeoutsOf } from './deadline.js';
import { keepsPrograms } from './driver-cache.js';
import type { DeviceDescription, ProgramOf } from './protocol.js';
import { DeviceWorker, type WorkerEvent, type WorkerOptions } from './worker.js';

/** A bench, the device that it times on, and how many calls of `prepare` keep it busy. */
export interface OpenBench extends Bench {
  readonly device: DeviceDescription;
  readonly ahead: number;
  /** What the cost model wants to know of a configuration of a kernel; null: the caller finds out itself. */
  model?(config: Config, facts?: Readonly<Record<string, ArgFacts>>): Promise<Modelled | null> | null;
  /** Resolves when no process is left, within a second. What is under way is rejected. Idempotent. */
  close(): Promise<void>;
}

/** A worker compiles or loads one configuration while a GPU runs another. Where both are done by the same processors, neither waits. */
const AHEAD = 2;

/** One worker on one device. Throws LacError: whatever keeps device, kernel, reference or tensors from being there. */
export const openWorker = ({ device, ...options }: WorkerOptions): Promise<OpenBench> => openWorkers([device], options);

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
  const { compilers, opened: leader } = await withCompilers(first, options);
  const { known } = leader;
  const opened = await Promise.allSettled(others.map((device) => DeviceWorker.open({ ...options, device, known })));
  const workers = opened.flatMap((o) => (o.status === 'fulfilled' ? [o.value] : []));
  const pool = new WorkerPool([leader, ...workers], compilers);
  const failed = opened.find((o) => o.status === 'rejected');
  const error = failed === undefined ? differing(leader, workers) : failed.reason;
  if (error === null) return pool;
  await pool.close();
  throw error;
}

const COMPILER = new URL('./compiler-child.js', import.meta.url);

/** A device that compiles for the others too, and the processes that do so ahead of all. */
async function withCompilers(
  device: string,
  options: Omit<WorkerOptions, 'device'>,
): Promise<{ readonly compilers: Compilers; readonly opened: DeviceWorker }> {
  const { compilerEntry: entry = COMPILER, clock = SYSTEM_CLOCK } = options;
  let opened: DeviceWorker | null = null;
  const tell = (event: WorkerEvent): void => (opened === null ? options.onEvent?.(event) : opened.tell(event));
  const compilers = new Compilers({
    ...{ entry, clock, timeouts: timeoutsOf(options.timeouts, 'gpu') },
    onCompiler: (pid, isReady) => tell({ kind: 'compiler', device, pid, isReady }),
    onStage: (pid, stage, config) => tell({ kind: 'ahead', device, pid, stage, config }),
  });
  try {
    // They load while the device opens, where it is sure to be a GPU.
    if (isCuda(device)) compilers.start(options.compilers ?? mostCompilers());
    opened = await DeviceWorker.open({ ...options, device });
    const count = options.compilers ?? compilersFor(opened.device);
    compilers.begin(count, commissionOf(device, options.problem, opened));
    return { compilers, opened };
  } catch (error) {
    await Promise.all([compilers.close(), opened?.close()]);
    throw error;
  }
}

const isCuda = (device: string): boolean => /^cuda(:|$)/.test(device);

function commissionOf(name: string, problem: Problem, { device, known }: DeviceWorker): Commission {
  return { problem, device, reduced: known?.dims ?? problem.dims, driver: keepsPrograms(device) ? name : null };
}

/** What is right and quick on one device says nothing of another kind. */
function differing(leader: DeviceWorker, workers: readonly DeviceWorker[]): LacError | null {
  const other = workers.find(({ device }) => device.name !== leader.device.name);
  if (other === undefined) return null;
  const message = `a problem is tuned on devices of one kind, and not on ${leader.device.name} and ${other.device.name}`;
  return new LacError(diagnostic('LAC0925', message, null, { help: ['tune on one after the other'] }));
}

class WorkerPool implements OpenBench {
  readonly #workers: readonly [DeviceWorker, ...DeviceWorker[]];
  readonly #compilers: Compilers;
  /** Calls of `prepare` that each worker has. */
  readonly #load: number[];

  constructor(workers: readonly DeviceWorker[], compilers: Compilers) {
    this.#workers = workers as readonly [DeviceWorker, ...DeviceWorker[]];
    this.#compilers = compilers;
    this.#load = workers.map(() => 0);
  }

  get ahead(): number {
    const { kind } = this.device.info;
    const own = kind === 'software' || kind === 'interpret' ? 0 : AHEAD * this.#workers.length;
    return own + this.#compilers.count;
  }

  get device(): DeviceDescription {
    return this.#workers[0].device;
  }

  model(config: Config, facts?: Readonly<Record<string, ArgFacts>>): Promise<Modelled | null> | null {
    return this.#compilers.model(config, facts);
  }

  prepare(config: Config): Promise<Row> {
    return heard(this.#prepare(config));
  }

  async #prepare(config: Config): Promise<Row> {
    const compiling = this.#compilers.compile(config);
    // At once, where nothing is compiled ahead.
    const ahead = compiling === null ? null : await compiling;
    if (ahead !== null && 'row' in ahead) return ahead.row;
    const row = await this.#checked(config, ahead?.programs);
    return ahead === null || row.compileMs === undefined ? row : { ...row, compileMs: ahead.compileMs + row.compileMs };
  }

  /** On the worker that has least to do; of equal ones the last, since the first has to measure too. */
  async #checked(config: Config, programs?: readonly ProgramOf[]): Promise<Row> {
    const at = this.#load.lastIndexOf(Math.min(...this.#load));
    const load = (by: number): void => {
      this.#load[at] = (this.#load[at] ?? 0) + by;
    };
    load(1);
    try {
      return await (this.#workers[at] as DeviceWorker).prepare(config, programs);
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
    await Promise.all([...this.#workers, this.#compilers].map((each) => each.close()));
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
