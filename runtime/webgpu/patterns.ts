import type { BufferPool } from './buffers.js';

/** Bytes of a pattern on the device: what is copied at once. */
const PATTERN_BYTES = 2 ** 22;

/** 32-bit words that are written again and again. Large parts are copied on the device. */
export class Patterns {
  readonly #gpu: GPUDevice;
  readonly #pool: BufferPool;
  readonly #made = new Map<number, GPUBuffer>();

  constructor(gpu: GPUDevice, pool: BufferPool) {
    this.#gpu = gpu;
    this.#pool = pool;
  }

  /** `begin` and `bytes` are multiples of 4. */
  write(buffer: GPUBuffer, begin: number, bytes: number, word: number): void {
    if (bytes < PATTERN_BYTES) {
      this.#gpu.queue.writeBuffer(buffer, begin, new Uint32Array(bytes / 4).fill(word));
      return;
    }
    const pattern = this.#of(word);
    const encoder = this.#gpu.createCommandEncoder();
    for (let at = 0; at < bytes; at += PATTERN_BYTES)
      encoder.copyBufferToBuffer(pattern, 0, buffer, begin + at, Math.min(PATTERN_BYTES, bytes - at));
    this.#gpu.queue.submit([encoder.finish()]);
  }

  #of(word: number): GPUBuffer {
    const known = this.#made.get(word);
    if (known !== undefined) return known;
    const pattern = this.#pool.acquire(PATTERN_BYTES, 'storage');
    this.#gpu.queue.writeBuffer(pattern, 0, new Uint32Array(PATTERN_BYTES / 4).fill(word));
    this.#made.set(word, pattern);
    return pattern;
  }
}
