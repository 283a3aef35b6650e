import type { LacError } from '../../compiler/diag/diagnostic.js';
import { runtimeError } from '../errors.js';
import { patiently } from './polling.js';

const FILTERS = ['validation', 'out-of-memory', 'internal'] as const;

/**
 * Scopes that stay open between synchronisations, so that a launch pays nothing for them. (Dawn prints errors that no
 * scope catches on stdout.) Each keeps the first error of its kind.
 */
export class ErrorScopes {
  readonly #gpu: GPUDevice;
  constructor(gpu: GPUDevice) {
    this.#gpu = gpu;
    this.#open();
  }

  #open(): void {
    for (const filter of FILTERS) this.#gpu.pushErrorScope(filter);
  }

  /** What went wrong since the last call, as an error to throw; null when nothing did. */
  async collect(): Promise<LacError | null> {
    const popped = patiently(() => FILTERS.map(() => this.#gpu.popErrorScope()));
    this.#open();
    const errors = (await Promise.all(popped)).reverse();
    const at = errors.findIndex((e) => e !== null);
    if (at < 0) return null;
    const message = errors[at]?.message ?? '';
    if (FILTERS[at] === 'out-of-memory') return runtimeError('LAC0706', message, 'free tensors, or use smaller ones');
    return runtimeError('LAC0708', `${FILTERS[at]} error: ${message}`);
  }
}
