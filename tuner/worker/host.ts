import { availableParallelism } from 'node:os';
import type { Dims } from '../../driver/reference.js';
import { SYSTEM_CLOCK } from '../../runtime/clock.js';
import type { Problem } from '../types.js';
import type { Commission } from './compiler-protocol.js';
import { Compilers, compilersFor, mostCompilers } from './compilers.js';
import { timeoutsOf } from './deadline.js';
import { keepsPrograms } from './driver-cache.js';
import type { OpenBench } from './pool.js';
import type { DeviceDescription } from './protocol.js';
import { References, referencesFor } from './references.js';
import type { Link } from './vacate.js';
import { DeviceWorker, type WorkerEvent, type WorkerOptions } from './worker.js';
import { WorkerPool } from './worker-pool.js';

type OfProblem = 'problem' | 'caches' | 'onEvent';

export interface HostOptions extends Omit<WorkerOptions, 'device' | OfProblem> {
  /** Once it is aborted no process is kept for another problem. */
  readonly signal?: AbortSignal;
  /** Those that will be opened, in order: on a GPU, references of the next ones are asked ahead. */
  readonly coming?: readonly Problem[];
  /** Processes that may do so. Default: as many as it has processors to spare. */
  readonly references?: number;
  /** The program of these. */
  readonly referencesEntry?: URL;
}

export interface BenchOptions extends Pick<WorkerOptions, OfProblem> {
  /** No other problem comes: no process is kept. */
  readonly isLast?: boolean;
}

type Workers = readonly [DeviceWorker, ...DeviceWorker[]];

const COMPILER = new URL('./compiler-child.js', import.meta.url);
const REFERENCES = new URL('./references-child.js', import.meta.url);

/**
 * Worker processes on devices of one kind, and those that compile ahead of them, for one problem after another. A process
 * that ended badly, or cannot end what it does, is not used again.
 */
export class WorkerHost {
  readonly #devices: readonly string[];
  readonly #options: HostOptions;
  /** Processes without a problem, by device. */
  readonly #kept = new Map<string, Link>();
  readonly #compilers: Compilers;
  readonly #references: References;
  /** The device, once one was open. */
  #device: DeviceDescription | null = null;
  #workers: Workers | null = null;
  #leaving: Promise<void> = Promise.resolve();
  #isClosed = false;

  /** Names that `openDevice` takes; the first of them takes all times. */
  constructor(devices: readonly string[], options: HostOptions = {}) {
    const { compilerEntry: entry = COMPILER, clock = SYSTEM_CLOCK, timeouts, coming: problems = [] } = options;
    const { referenceMs } = timeoutsOf(timeouts);
    this.#references = new References({ entry: options.referencesEntry ?? REFERENCES, clock, referenceMs, problems });
    this.#devices = devices;
    this.#options = options;
    const tell = (event: WorkerEvent): void => this.#workers?.[0].tell(event);
    const device = devices[0] ?? '';
    this.#compilers = new Compilers({
      ...{ entry, clock, timeouts: timeoutsOf(timeouts, 'gpu') },
      onCompiler: (pid, isReady) => tell({ kind: 'compiler', device, pid, isReady }),
      onStage: (pid, stage, config) => tell({ kind: 'ahead', device, pid, stage, config }),
    });
  }

  /**
   * The one bench at a time: opening another ends it. Throws LacError: whatever keeps devices, kernel, reference or tensors
   * from being there.
   */
  async open({ isLast = false, ...problem }: BenchOptions): Promise<OpenBench> {
    await this.#leave();
    if (this.#isClosed) throw new Error('a host of workers was closed');
    const workers = this.#devices.map((device) => new DeviceWorker({ ...this.#options, ...problem, device }));
    if (!isSome(workers)) throw new RangeError('no devices to open');
    this.#workers = workers;
    const end = (): Promise<void> => (isLast || this.#options.signal?.aborted ? this.close() : this.#leave(workers));
    try {
      await this.#openFirst(workers, problem.problem);
    } catch (error) {
      await end();
      throw error;
    }
    const [leader, ...others] = workers;
    const pool = new WorkerPool(leader, this.#compilers, end);
    for (const worker of others) void this.#join(pool, leader, worker);
    return pool;
  }

  async #openFirst(workers: Workers, problem: Problem): Promise<void> {
    const [leader] = workers;
    const { name } = leader;
    const known = this.#device;
    if (known !== null) this.#begin(problem, known, null);
    // They load while the device opens, where it is sure to be a GPU.
    else if (isCuda(name)) this.#compilers.start(this.#options.compilers ?? mostCompilers());
    const asked = await this.#references.of(problem);
    if (this.#isClosed || this.#workers !== workers) throw new Error('a host of workers was closed');
    await leader.open(asked, this.#take(name));
    this.#device = leader.device;
    if (known === null) this.#askAhead(leader.device);
    const { dims: reduced = null } = leader.known ?? {};
    if (known === null) this.#begin(problem, leader.device, reduced);
    else if (reduced !== null) this.#compilers.reduce(reduced);
  }

  /** Nobody waits for the others. */
  async #join(pool: WorkerPool, leader: DeviceWorker, worker: DeviceWorker): Promise<void> {
    const isOver = (): boolean => this.#isClosed || this.#workers?.[0] !== leader;
    try {
      await worker.open(leader.known, this.#take(worker.name));
      if (isOver()) return;
      const { name } = worker.device;
      // What is right on one device says nothing of another kind.
      if (name !== leader.device.name) throw new Error(`it is ${name}, and ${leader.name} is ${leader.device.name}`);
      pool.join(worker);
    } catch (error) {
      await worker.close();
      if (!isOver()) leader.tell({ kind: 'absent', device: worker.name, why: (error as Error).message });
    }
  }

  #take(device: string): Link | null {
    const kept = this.#kept.get(device) ?? null;
    this.#kept.delete(device);
    return kept;
  }

  #begin(problem: Problem, device: DeviceDescription, reduced: Dims | null): void {
    const driver = keepsPrograms(device) ? (this.#devices[0] ?? null) : null;
    const commission: Commission = { problem, device, reduced, driver };
    this.#compilers.begin(this.#options.compilers ?? compilersFor(device), commission);
  }

  #askAhead(device: DeviceDescription): void {
    // The tuner, its workers, and what compiles for them.
    const busy = 1 + this.#devices.length + (this.#options.compilers ?? compilersFor(device));
    const spare = this.#options.references ?? availableParallelism() - busy;
    this.#references.start(referencesFor(device, spare), device.info.kind);
  }

  /** Ends the bench of these workers; processes that are well stay. */
  #leave(workers = this.#workers): Promise<void> {
    if (workers !== null && workers === this.#workers) {
      this.#workers = null;
      this.#compilers.leave();
      this.#leaving = Promise.all(workers.map((worker, i) => this.#release(worker, this.#devices[i] ?? ''))).then();
    }
    return this.#leaving;
  }

  async #release(worker: DeviceWorker, device: string): Promise<void> {
    const link = await worker.release(this.#options.signal);
    if (link === null) return;
    this.#kept.set(device, link);
    const forget = (): void => void (this.#kept.get(device) === link && this.#kept.delete(device));
    // Nobody asked it.
    link.hand({ read: () => null, message: () => {}, ended: forget });
    if (this.#isClosed) await this.#closeKept();
  }

  /** Resolves when no process is left. What is under way is rejected. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const workers = this.#workers ?? [];
    await Promise.all([
      ...workers.map((worker) => worker.close()),
      ...[this.#leaving, this.#closeKept(), this.#compilers.close(), this.#references.close()],
    ]);
  }

  async #closeKept(): Promise<void> {
    const { endMs } = timeoutsOf(this.#options.timeouts);
    await Promise.all([...this.#kept.values()].map((link) => link.close(endMs)));
  }
}

const isSome = (workers: readonly DeviceWorker[]): workers is Workers => workers.length > 0;

const isCuda = (device: string): boolean => /^cuda(:|$)/.test(device);
