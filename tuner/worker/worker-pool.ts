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
  readonly #workers: readonly [DeviceWorker, ...DeviceWorker[]];
  readonly #compilers: Compilers;
  readonly #end: () => Promise<void>;
  /** Calls of `prepare` that each worker has. */
  readonly #load: number[];

  /** `end`: what closing it does. */
  constructor(workers: readonly [DeviceWorker, ...DeviceWorker[]], compilers: Compilers, end: () => Promise<void>) {
    this.#workers = workers;
    this.#compilers = compilers;
    this.#end = end;
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

  close(): Promise<void> {
    return this.#end();
  }
}

/** A search that is interrupted leaves promises alone, which `close` rejects: no reason to end the process. */
function heard<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
