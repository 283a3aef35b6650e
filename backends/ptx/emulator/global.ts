import { diagnostic, LacError } from '../../../compiler/diag/diagnostic.js';
import { fault } from './fault.js';
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
  /** Of each piece of 2 bytes: 1 + number of the CTA that wrote it; null where that is not checked. */
  readonly writers: Int32Array | null;
}

/**
 * Global memory as buffers at 64-bit addresses with nothing between them. The high word of an address names the buffer
 * (from 1 on), so that arithmetic which lost its upper half is found out as well as an index out of range.
 */
export class GlobalMemory {
  readonly #buffers: GlobalBuffer[] = [];

  /**
   * Adds a buffer over `memory`, whose length must be a multiple of 4; the first `size` bytes are the buffer. Gives the
   * address of its first byte. `watch`: stores of two CTAs to one place are errors, and loads of what another stored.
   */
  add(name: string, memory: ArrayBuffer, size: number, watch = false): bigint {
    if (memory.byteLength % 4 !== 0 || size > memory.byteLength || size > START)
      throw new LacError(diagnostic('LAC0829', `${name} has ${size} bytes in ${memory.byteLength}`));
    this.#buffers.push({
      name,
      size,
      bytes: new Uint8Array(memory),
      halves: new Uint16Array(memory),
      words: new Uint32Array(memory),
      writers: watch ? new Int32Array(Math.ceil(size / 2)) : null,
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

  /** Loads of bytes that another CTA of the launch stored. */
  noteLoad(w: Warp, lane: number, b: GlobalBuffer, offset: number, bytes: number): void {
    if (b.writers === null) return;
    for (let i = offset >> 1; i < (offset + bytes + 1) >> 1; i++) {
      const writer = b.writers[i] as number;
      if (writer !== 0 && writer !== w.cta.number + 1)
        throw fault(w, 'LAC0804', `reads byte ${2 * i} of ${b.name}, which CTA number ${writer - 1} writes`, lane);
    }
  }

  noteStore(w: Warp, lane: number, b: GlobalBuffer, offset: number, bytes: number): void {
    if (b.writers === null) return;
    for (let i = offset >> 1; i < (offset + bytes + 1) >> 1; i++) {
      const writer = b.writers[i] as number;
      if (writer !== 0 && writer !== w.cta.number + 1)
        throw fault(w, 'LAC0803', `writes byte ${2 * i} of ${b.name}, as CTA number ${writer - 1} does`, lane);
      b.writers[i] = w.cta.number + 1;
    }
  }

  #near(high: number, offset: number): string {
    const buffer = this.#buffers[high - 1];
    if (buffer === undefined) return `which belongs to no buffer (64-bit address arithmetic gone wrong?)`;
    const side = offset < 0 ? `${-offset} bytes before the begin` : `${offset - buffer.size} bytes behind the end`;
    return `${side} of ${buffer.name} (${buffer.size} bytes)`;
  }
}

const hex = (high: number, low: number): string => `0x${((BigInt(high) << 32n) | BigInt(low)).toString(16)}`;
