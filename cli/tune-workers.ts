import type { TuneTools } from '../tuner/tune.js';
import { WorkerHost } from '../tuner/worker/host.js';
import { devicesOf } from '../tuner/worker/pool.js';

/** Processes on a device that serve one problem of a command after another. */
export class TuneWorkers {
  readonly #signal: AbortSignal;
  #host: WorkerHost | null = null;

  /** `signal`: once it is aborted none is kept. */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** What a tune opens its bench by. */
  opener(isLast: boolean): TuneTools['open'] {
    return async (device, options) => {
      this.#host ??= new WorkerHost(await devicesOf(device), { signal: this.#signal });
      return this.#host.open({ ...options, isLast });
    };
  }

  async close(): Promise<void> {
    await this.#host?.close();
  }
}
