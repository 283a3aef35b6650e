import type { TuneTools } from '../tuner/tune.js';
import type { Problem } from '../tuner/types.js';
import { WorkerHost } from '../tuner/worker/host.js';
import { devicesOf } from '../tuner/worker/pool.js';

/** Processes on a device that serve one problem of a command after another. */
export class TuneWorkers {
  readonly #signal: AbortSignal;
  readonly #coming: readonly Problem[];
  #host: Promise<WorkerHost> | null = null;

  /** `signal`: once it is aborted none is kept. `coming`: the problems of the command, in order. */
  constructor(signal: AbortSignal, coming: readonly Problem[]) {
    this.#signal = signal;
    this.#coming = coming;
  }

  /** What a tune opens its bench by. */
  opener(isLast: boolean): TuneTools['open'] {
    return async (device, options) => {
      this.#host ??= this.#hostOn(device);
      return (await this.#host).open({ ...options, isLast });
    };
  }

  async #hostOn(device: string): Promise<WorkerHost> {
    return new WorkerHost(await devicesOf(device), { signal: this.#signal, coming: this.#coming });
  }

  /** Resolves when no process is left, also where devices are still looked up. */
  async close(): Promise<void> {
    // Whoever opened it heard why there is none.
    const host = await this.#host?.catch(() => null);
    await host?.close();
  }
}
