import type { ArgFacts } from '../../compiler/artifact.js';
import type { Config } from '../../driver/configurations.js';
import type { Modelled } from '../model/kernel-model.js';
import type { Row, Samples } from '../types.js';
import type { Compilers } from './compilers.js';
import type { OpenBench } from './pool.js';
import type { DeviceDescription, ProgramOf } from './protocol.js';
import type { DeviceWorker } from './worker.js';

/** A worker compiles or loads one configuration while a GPU runs another. Where both are done by the same processors, neither waits. */
const AHEAD = 2;

/** Workers with one problem, and the processes that compile ahead of them. */
export class WorkerPool implements OpenBench {
  readonly #leader: DeviceWorker;
  readonly #compilers: Compilers;
  readonly #end: () => Promise<void>;
  /** Calls of `prepare` that each worker has; the leader is the first. */
  readonly #load = new Map<DeviceWorker, number>();
  #isClosed = false;

  /** `end`: what closing it does. */
  constructor(leader: DeviceWorker, compilers: Compilers, end: () => Promise<void>) {
    this.#leader = leader;
    this.#compilers = compilers;
    this.#end = end;
    this.#load.set(leader, 0);
  }

  /** Another one that is open, with the same problem: it checks from now on. */
  join(worker: DeviceWorker): void {
    this.#load.set(worker, 0);
    this.#leader.tell({ kind: 'joined', device: worker.name });
  }

  get ahead(): number {
    const { kind } = this.device.info;
    const own = kind === 'software' || kind === 'interpret' ? 0 : AHEAD * this.#load.size;
    return own + this.#compilers.count;
  }

  get device(): DeviceDescription {
    return this.#leader.device;
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

  /**
   * On the worker that has least to do; of equal ones the last, since the first has to measure too. Where one of the others
   * cannot go on, the rest do without it.
   */
  async #checked(config: Config, programs?: readonly ProgramOf[]): Promise<Row> {
    const least = Math.min(...this.#load.values());
    const worker = [...this.#load.keys()].findLast((one) => this.#load.get(one) === least) ?? this.#leader;
    this.#add(worker, 1);
    try {
      return await worker.prepare(config, programs);
    } catch (error) {
      if (worker === this.#leader || this.#isClosed) throw error;
      if (this.#load.delete(worker))
        this.#leader.tell({ kind: 'absent', device: worker.name, why: (error as Error).message });
      return await this.#checked(config, programs);
    } finally {
      this.#add(worker, -1);
    }
  }

  #add(worker: DeviceWorker, calls: number): void {
    const load = this.#load.get(worker);
    if (load !== undefined) this.#load.set(worker, load + calls);
  }

  sample(configs: readonly Config[], count: number, bestMs?: number): Promise<readonly (Samples | Row)[]> {
    return heard(this.#leader.sample(configs, count, bestMs));
  }

  recheck(config: Config): Promise<Row | null> {
    return heard(this.#leader.recheck(config));
  }

  close(): Promise<void> {
    this.#isClosed = true;
    return this.#end();
  }
}

/** A search that is interrupted leaves promises alone, which `close` rejects: no reason to end the process. */
function heard<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
