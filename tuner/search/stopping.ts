import type { Outcome } from '../types.js';

/** Ends a search from wherever it is. */
export class Stop extends Error {
  readonly ended: Outcome['ended'];

  constructor(ended: Outcome['ended']) {
    super(ended);
    this.ended = ended;
  }
}

/** Waits for work, but no longer than the signals allow: then throws Stop, and whatever becomes of the work is ignored. */
export class Stopping {
  readonly #signal: AbortSignal;
  readonly #expired: AbortSignal | undefined;
  readonly #stopped: Promise<never>;
  #stop: () => void = () => {};

  constructor(signal: AbortSignal, expired: AbortSignal | undefined) {
    this.#signal = signal;
    this.#expired = expired;
    this.#stopped = new Promise((_, reject) => {
      this.#stop = () => reject(this.#reason());
    });
    this.#stopped.catch(() => {});
    signal.addEventListener('abort', this.#stop);
    expired?.addEventListener('abort', this.#stop);
    if (this.#isDue) this.#stop();
  }

  /** Throws Stop where nothing may begin any more. */
  check(): void {
    if (this.#isDue) throw this.#reason();
  }

  get #isDue(): boolean {
    return this.#signal.aborted || this.#expired?.aborted === true;
  }

  async until<T>(work: Promise<T>): Promise<T> {
    work.catch(() => {});
    try {
      return await Promise.race([this.#stopped, work]);
    } catch (error) {
      throw this.#isDue ? this.#reason() : error;
    }
  }

  forget(): void {
    this.#signal.removeEventListener('abort', this.#stop);
    this.#expired?.removeEventListener('abort', this.#stop);
  }

  #reason(): Stop {
    return new Stop(this.#signal.aborted ? 'interrupted' : 'budget');
  }
}
