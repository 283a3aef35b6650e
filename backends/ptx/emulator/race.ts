import { LANES } from './slots.js';
import type { Warp } from './warp.js';

/**
 * What is known of each piece of shared memory: who wrote it last, and who has read it since. Two accesses by different
 * threads, one of them a write, are a race unless the earlier one happens before the later: program order, barrier joins
 * (vector clocks, one epoch a warp), and for an asynchronous copy the wait of the thread that issued it.
 *
 * Pieces have the size of the narrowest access of the program, so that no access covers part of one. A tag is
 * epoch << 11 | warp << 6 | lane; lane 32 stands for the whole warp (ldmatrix, stmatrix), which is ordered with no lane.
 * Tags are negative while a copy is under way, and 0 where nothing was ever written.
 */
export const WARP_WIDE = LANES;
const THREAD_BITS = 11;
const THREAD_MASK = (1 << THREAD_BITS) - 1;
/** Epochs that a tag has room for. */
export const MAX_EPOCH = 1 << (31 - THREAD_BITS);
const IN_FLIGHT = 0x80000000 | 0;

/** Something wrong with one access: what, and the instruction that made the earlier one (-1: there is none). */
export interface Conflict {
  readonly kind: 'unwritten' | 'race' | 'in flight';
  /** First byte of the piece. */
  readonly address: number;
  readonly other: { readonly warp: number; readonly lane: number; readonly pc: number; readonly wrote: boolean } | null;
}

export class RaceCheck {
  readonly #shift: number;
  readonly #warps: number;
  readonly #pieces: number;
  readonly #writer: Int32Array;
  readonly #writerPc: Int32Array;
  /** Warps that have read a piece since its last write, a bit each. */
  readonly #readers: Int32Array;
  /** Of each warp and piece: epoch << 6 | lane of its last read since the last write; 0: none. */
  readonly #reader: Int32Array;
  readonly #readerPc: Int32Array;

  /** `bytes` of memory in pieces of 2^shift bytes, for so many warps. */
  constructor(bytes: number, shift: number, warps: number) {
    const pieces = Math.ceil(bytes / 2 ** shift);
    this.#shift = shift;
    this.#warps = warps;
    this.#pieces = pieces;
    this.#writer = new Int32Array(pieces);
    this.#writerPc = new Int32Array(pieces);
    this.#readers = new Int32Array(pieces);
    this.#reader = new Int32Array(pieces * warps);
    this.#readerPc = new Int32Array(pieces * warps);
  }

  /** Memory of a new CTA: nothing is written. */
  reset(): void {
    this.#writer.fill(0);
    this.#readers.fill(0);
    this.#reader.fill(0);
  }

  read(w: Warp, lane: number, address: number, bytes: number): Conflict | null {
    const writer = this.#writer;
    const reader = this.#reader;
    const self = selfOf(w, lane);
    const cell = (w.epoch << 6) | lane;
    const row = w.index * this.#pieces;
    const last = (address + bytes - 1) >> this.#shift;
    // Neighbours mostly have one writer: what was found in order once is not looked at again.
    let inOrder = 0;
    for (let g = address >> this.#shift; g <= last; g++) {
      const tag = writer[g] as number;
      if (tag !== inOrder || tag === 0) {
        if (tag <= 0) return this.#unreadable(g);
        if (!happensBefore(tag, self, w)) return this.#against('race', g);
        inOrder = tag;
      }
      const known = reader[row + g] as number;
      if (known === cell) continue;
      reader[row + g] = known >>> 6 === w.epoch ? (w.epoch << 6) | WARP_WIDE : cell;
      this.#readerPc[row + g] = w.pc;
      this.#readers[g] = (this.#readers[g] as number) | (1 << w.index);
    }
    return null;
  }

  write(w: Warp, lane: number, address: number, bytes: number): Conflict | null {
    return this.#write(w, lane, address, bytes, 0);
  }

  /** A copy is a write at its issue, and under way from then on. */
  issue(w: Warp, lane: number, address: number, bytes: number): Conflict | null {
    return this.#write(w, lane, address, bytes, IN_FLIGHT);
  }

  /** The thread that issued a copy has waited for it: from now on its bytes are like written by that thread. */
  arrive(w: Warp, lane: number, address: number, bytes: number): void {
    const last = (address + bytes - 1) >> this.#shift;
    this.#writer.fill(tagOf(w, lane), address >> this.#shift, last + 1);
  }

  #write(w: Warp, lane: number, address: number, bytes: number, flight: number): Conflict | null {
    const writer = this.#writer;
    const self = selfOf(w, lane);
    const tag = tagOf(w, lane) | flight;
    const last = (address + bytes - 1) >> this.#shift;
    let inOrder = 0;
    for (let g = address >> this.#shift; g <= last; g++) {
      const was = writer[g] as number;
      if (was !== inOrder) {
        if (was < 0) return this.#against('in flight', g);
        if (!happensBefore(was, self, w)) return this.#against('race', g);
        inOrder = was;
      }
      if (this.#readers[g] !== 0) {
        const conflict = this.#overReads(w, lane, g);
        if (conflict !== null) return conflict;
      }
      writer[g] = tag;
      this.#writerPc[g] = w.pc;
    }
    return null;
  }

  /**
   * Reads since the last write must happen before this one; then they are forgotten, since whoever comes after it comes
   * after them.
   */
  #overReads(w: Warp, lane: number, g: number): Conflict | null {
    for (let v = 0; v < this.#warps; v++) {
      const slot = v * this.#pieces + g;
      const cell = this.#reader[slot] as number;
      if (cell === 0) continue;
      const own = v === w.index && (cell & 63) === lane && lane !== WARP_WIDE;
      if (!own && cell >>> 6 > (w.clock[v] as number)) {
        const other = { warp: v, lane: cell & 63, pc: this.#readerPc[slot] as number, wrote: false };
        return { kind: 'race', address: g << this.#shift, other };
      }
      this.#reader[slot] = 0;
    }
    this.#readers[g] = 0;
    return null;
  }

  #unreadable(g: number): Conflict {
    if (this.#writer[g] === 0) return { kind: 'unwritten', address: g << this.#shift, other: null };
    return this.#against('in flight', g);
  }

  #against(kind: 'race' | 'in flight', g: number): Conflict {
    const tag = this.#writer[g] as number;
    const other = { warp: (tag >>> 6) & 31, lane: tag & 63, pc: this.#writerPc[g] as number, wrote: true };
    return { kind, address: g << this.#shift, other };
  }
}

/** The tag's thread bits of whoever needs no barrier after itself; -1 for a whole warp. */
export const selfOf = (w: Warp, lane: number): number => (lane === WARP_WIDE ? -1 : (w.index << 6) | lane);

export const tagOf = (w: Warp, lane: number): number => (w.epoch << THREAD_BITS) | (w.index << 6) | lane;

/** Whether the write that left a tag comes before what a thread does now. */
export const happensBefore = (tag: number, self: number, w: Warp): boolean =>
  (tag & THREAD_MASK) === self || tag >>> THREAD_BITS <= (w.clock[(tag >>> 6) & 31] as number);
