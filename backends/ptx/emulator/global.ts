import { diagnostic, LacError } from '../../../compiler/diag/diagnostic.js';
import { fault } from './fault.js';
import { GlobalWatch } from './global-watch.js';
import type { Warp } from './warp.js';

/** Where every buffer begins in its own 4 GiB of addresses: room to miss it on both sides, aligned as an allocation is. */
const START = 2 ** 31;
const SPAN = 2 ** 32;

/** One buffer of global memory. Views have room for whole words behind an odd end. */
export interface GlobalBuffer {
  readonly name: string;
  readonly size: number;
  readonly bytes: Uint8Array;
  readonly halves: Uint16Array;
  readonly words: Uint32Array;
  /** Null where nothing is to be found out. */
  readonly watch: GlobalWatch | null;
  readonly input: boolean;
}

/** What a launch does with a buffer: only reads it; anything, with races found; anything, unwatched. */
export type BufferUse = 'input' | 'watched' | 'free';

/**
 * Global memory as buffers at 64-bit addresses with nothing between them. The high word of an address names the buffer
 * (from 1 on), so that arithmetic which lost its upper half is found out as well as an index out of range.
 */
export class GlobalMemory {
  readonly #buffers: GlobalBuffer[] = [];

  /**
   * Adds a buffer over `memory`, whose length must be a multiple of 4; the first `size` bytes are the buffer. Gives the
   * address of its first byte.
   */
  add(name: string, memory: ArrayBuffer, size: number, use: BufferUse = 'free'): bigint {
    if (memory.byteLength % 4 !== 0 || size > memory.byteLength || size > START)
      throw new LacError(diagnostic('LAC0829', `${name} has ${size} bytes in ${memory.byteLength}`));
    this.#buffers.push({
      name,
      size,
      bytes: new Uint8Array(memory),
      halves: new Uint16Array(memory),
      words: new Uint32Array(memory),
      watch: use === 'watched' ? new GlobalWatch(name, size) : null,
      input: use === 'input',
    });
    return BigInt(this.#buffers.length) * BigInt(SPAN) + BigInt(START);
  }

  /** The buffer of an access that is aligned to its size, given the words of its address. Throws LAC0820, LAC0821. */
  locate(w: Warp, lane: number, high: number, low: number, bytes: number): GlobalBuffer {
    if ((low & (bytes - 1)) !== 0)
      throw fault(w, 'LAC0821', `global address ${hex(high, low)} is no multiple of ${bytes}`, lane);
    return this.locateBytes(w, lane, high, low, bytes);
  }

  /** Likewise for any number of bytes at any address. */
  locateBytes(w: Warp, lane: number, high: number, low: number, bytes: number): GlobalBuffer {
    const buffer = this.#buffers[high - 1];
    const offset = low - START;
    if (buffer === undefined || offset < 0 || offset + bytes > buffer.size)
      throw fault(w, 'LAC0820', `${bytes} bytes at ${hex(high, low)}, ${this.#near(high, offset)}`, lane);
    return buffer;
  }

  /** Position in its buffer of a byte with this low address word. */
  offsetOf(low: number): number {
    return low - START;
  }

  /** Likewise for a store or an addition. */
  locateWritten(w: Warp, lane: number, high: number, low: number, bytes: number): GlobalBuffer {
    const buffer = this.locate(w, lane, high, low, bytes);
    if (buffer.input) throw fault(w, 'LAC0820', `writes to ${buffer.name}, which the launch only reads`, lane);
    return buffer;
  }

  #near(high: number, offset: number): string {
    const buffer = this.#buffers[high - 1];
    if (buffer === undefined) return `which belongs to no buffer (64-bit address arithmetic gone wrong?)`;
    const side = offset < 0 ? `${-offset} bytes before the begin` : `${offset - buffer.size} bytes behind the end`;
    return `${side} of ${buffer.name} (${buffer.size} bytes)`;
  }
}

const hex = (high: number, low: number): string => `0x${((BigInt(high) << 32n) | BigInt(low)).toString(16)}`;
