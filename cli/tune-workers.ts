import type { TuneTools } from '../tuner/tune.js';
import type { Problem } from '../tuner/types.js';
import { WorkerHost } from '../tuner/worker/host.js';
import { devicesOf } from '../tuner/worker/pool.js';

/** Processes on a device that serve one problem of a command after another. */
export class TuneWorkers {
  readonly #signal: AbortSignal;
  readonly #coming: readonly Problem[];
  #host: WorkerHost | null = null;

  /** `signal`: once it is aborted none is kept. `coming`: the problems of the command, in order. */
  constructor(signal: AbortSignal, coming: readonly Problem[]) {
    this.#signal = signal;
    this.#coming = coming;
  }

  /** What a tune opens its bench by. */
  opener(isLast: boolean): TuneTools['open'] {
    return async (device, options) => {
      this.#host ??= new WorkerHost(await devicesOf(device), { signal: this.#signal, coming: this.#coming });
      return this.#host.open({ ...options, isLast });
    };
  }

  async close(): Promise<void> {
    await this.#host?.close();
  }
}
