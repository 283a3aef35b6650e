import { USAGE } from './flags.js';

/** Bytes of free buffers kept for reuse. Dawn gives memory of destroyed buffers back late: 3000 x 1 MiB cost 3 GB. */
const MAX_FREE_BYTES = 256 * 2 ** 20;
const LEAST_BYTES = 256;

const PURPOSES = {
  storage: USAGE.storage | USAGE.copySrc | USAGE.copyDst,
  staging: USAGE.mapRead | USAGE.copyDst,
} as const;
export type Purpose = keyof typeof PURPOSES;

/** Four sizes an octave: at most a quarter is wasted, and nearby sizes share buffers. */
function sizeClass(bytes: number): number {
  if (bytes <= LEAST_BYTES) return LEAST_BYTES;
  const step = 2 ** (Math.floor(Math.log2(bytes - 1)) - 2);
  return Math.ceil(bytes / step) * step;
}

/** Buffers of a device, reused by size and purpose. A reused buffer holds what its last user left. */
export class BufferPool {
  readonly #gpu: GPUDevice;
  readonly #free = new Map<string, GPUBuffer[]>();
  readonly #maxBytes: number;
  #freeBytes = 0;

  constructor(gpu: GPUDevice, maxBytes: number) {
    this.#gpu = gpu;
    this.#maxBytes = maxBytes;
  }

  /** At least so many bytes. Work already queued on a reused buffer ends before later work on it begins. */
  acquire(bytes: number, purpose: Purpose): GPUBuffer {
    const size = Math.min(sizeClass(bytes), Math.floor(this.#maxBytes / 4) * 4);
    const reused = this.#free.get(`${purpose} ${size}`)?.pop();
    if (reused === undefined) return this.#gpu.createBuffer({ size, usage: PURPOSES[purpose] });
    this.#freeBytes -= size;
    return reused;
  }

  release(buffer: GPUBuffer, purpose: Purpose): void {
    if (this.#freeBytes + buffer.size > MAX_FREE_BYTES) {
      buffer.destroy();
      return;
    }
    const key = `${purpose} ${buffer.size}`;
    const list = this.#free.get(key) ?? [];
    list.push(buffer);
    this.#free.set(key, list);
    this.#freeBytes += buffer.size;
  }
}
