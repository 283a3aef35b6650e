import type { TuneTools } from '../tuner/tune.js';
import { type HostOptions, WorkerHost } from '../tuner/worker/host.js';

/**
 * Devices of one kind, by who has them. Several problems are tuned at a time, each on a device of its own; one has all of them,
 * to check on what it does not time on.
 */
export const lanesOf = (devices: readonly string[], problems: number): readonly (readonly string[])[] =>
  devices.length > 1 && problems > 1 ? devices.slice(0, problems).map((device) => [device]) : [devices];

/** Processes on these devices that serve one problem of a command after another. */
export class TuneWorkers {
  readonly #devices: readonly string[];
  readonly #options: HostOptions;
  #host: WorkerHost | null = null;

  constructor(devices: readonly string[], options: HostOptions) {
    this.#devices = devices;
    this.#options = options;
  }

  /** What a tune opens its bench by. */
  opener(isLast: boolean): TuneTools['open'] {
    return async (_, options) => {
      this.#host ??= new WorkerHost(this.#devices, this.#options);
      return this.#host.open({ ...options, isLast });
    };
  }

  /** Resolves when no process is left. */
  async close(): Promise<void> {
    await this.#host?.close();
  }
}
