import { runtimeError } from '../errors.js';
import { isCudaFailure } from './failures.js';
import type { NativeContext } from './native.js';

/** A piece of device memory. Addresses are multiples of 256 at least. */
export interface Block {
  readonly address: number;
  readonly bytes: number;
}

const LEAST_BYTES = 512;
const MIB = 2 ** 20;
/** From here on sizes are rounded to the driver's own unit instead of to a quarter of an octave. */
const LARGE_BYTES = 8 * MIB;
const LARGE_UNIT = 2 * MIB;
const OUT_OF_MEMORY = 2;

/** Nearby sizes share blocks: at most a quarter is wasted, 2 MiB for large ones. */
export function sizeClass(bytes: number): number {
  if (bytes <= LEAST_BYTES) return LEAST_BYTES;
  const unit = bytes >= LARGE_BYTES ? LARGE_UNIT : 2 ** (Math.floor(Math.log2(bytes - 1)) - 2);
  return Math.ceil(bytes / unit) * unit;
}

/**
 * Memory of a context, kept for reuse: cuMemAlloc takes up to a millisecond, and cuMemFree waits for the device. A reused
 * block holds what its last user left; the one stream keeps old work on it ahead of new.
 */
export class MemoryPool {
  readonly #native: NativeContext;
  readonly #free = new Map<number, Block[]>();
  readonly #maxFreeBytes: number;
  #freeBytes = 0;
  #closed = false;

  constructor(native: NativeContext, maxFreeBytes: number) {
    this.#native = native;
    this.#maxFreeBytes = maxFreeBytes;
  }

  /** Throws LAC0706, or a failure of the driver. */
  acquire(bytes: number): Block {
    const size = sizeClass(bytes);
    const reused = this.#free.get(size)?.pop();
    if (reused === undefined) return { address: this.#allocate(size), bytes: size };
    this.#freeBytes -= size;
    return reused;
  }

  /** After `close` there is nothing to give back. */
  release(block: Block): void {
    if (this.#closed) return;
    if (this.#freeBytes + block.bytes > this.#maxFreeBytes) {
      this.#native.release(block.address);
      return;
    }
    const list = this.#free.get(block.bytes) ?? [];
    list.push(block);
    this.#free.set(block.bytes, list);
    this.#freeBytes += block.bytes;
  }

  /** Gives kept memory back to the driver. */
  trim(): void {
    const blocks = [...this.#free.values()].flat();
    this.#free.clear();
    this.#freeBytes = 0;
    for (const { address } of blocks) this.#native.release(address);
  }

  /** The context is gone, and its memory with it. */
  close(): void {
    this.#closed = true;
    this.#free.clear();
  }

  #allocate(bytes: number): number {
    try {
      return this.#native.allocate(bytes);
    } catch (e) {
      if (!isOutOfMemory(e)) throw e;
    }
    this.trim();
    try {
      return this.#native.allocate(bytes);
    } catch (e) {
      if (!isOutOfMemory(e)) throw e;
      const { free, total } = this.#native.memory();
      const [need, left, all] = [bytes, free, total].map((n) => `${Math.ceil(n / MIB)} MiB`);
      const help = 'free tensors, or use smaller ones; nvidia-smi shows what other processes hold';
      throw runtimeError('LAC0706', `${need} are needed, ${left} of ${all} are free`, help);
    }
  }
}

const isOutOfMemory = (e: unknown): boolean => isCudaFailure(e) && e.cuResult === OUT_OF_MEMORY;
