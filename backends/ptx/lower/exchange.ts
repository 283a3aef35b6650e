import { Bug } from '../../../compiler/diag/diagnostic.js';
import { combine, independent, solver } from '../../../compiler/layout/gf2.js';
import { freeBits, storedRegisters } from '../../../compiler/layout/holders.js';
import { basesOf, type Layout, registerCount } from '../../../compiler/layout/layout.js';
import { type Address, at, imm, type Operand, type Reg } from '../isa/operand.js';
import type { Emitter } from './emitter.js';
import { inRegister } from './halves.js';
import { xor32 } from './integers.js';
import { clear, when } from './truth.js';

/** The lanes of a warp have come here; what they wrote to shared memory is visible to each other. */
export const meetInWarp = (e: Emitter): void => e.b.exec('bar.warp.sync', imm(0xffffffff));

/** Everybody in the block has come here; what they wrote to shared memory is visible. */
export function meetAll(e: Emitter): void {
  if (e.warps === 1) meetInWarp(e);
  else e.b.exec('bar.sync', imm(0));
}

/**
 * A piece of shared memory for words that threads pass to each other, addressed by the elements of a layout. What the
 * layout's threads and registers reach is packed without gaps: an element's place is its coordinates in the independent
 * bases of the layout. Elements that differ by vectors of `row`, which the layout must reach, lie together.
 */
export class Exchange {
  readonly #e: Emitter;
  readonly #start: number;
  readonly #place: (element: number) => number | null;
  readonly #row: number;
  #read: boolean;

  constructor(e: Emitter, layout: Layout, row: readonly number[] = []) {
    this.#e = e;
    this.#row = 2 ** row.length;
    // Where code may run again, an earlier trip has left readers.
    this.#read = e.inScope;
    const bases = [...row, ...basesOf(layout, ['register', 'lane', 'warp'])];
    const frame = independent(bases).map((i) => bases[i] ?? 0);
    this.#place = solver(frame);
    this.#start = e.scratch(4 * 2 ** frame.length, 16);
  }

  /** Whether somebody may still read here; from now on, somebody does. */
  reuse(): boolean {
    const before = this.#read;
    this.#read = true;
    return before;
  }

  /** Where the element of each register of a thread lies, for a layout of elements that are reached. */
  places(layout: Layout): (register: number) => Address {
    return this.#addresses(layout, (place) => 4 * place);
  }

  /** Where the row of that element begins. */
  rows(layout: Layout): (register: number) => Address {
    return this.#addresses(layout, (place) => 4 * (place - (place % this.#row)));
  }

  #addresses(layout: Layout, offset: (place: number) => number): (register: number) => Address {
    const byte = (element: number): number => {
      const place = this.#place(element);
      if (place === null) throw new Bug('exchange: an element that nobody writes');
      return offset(place);
    };
    const { register = [], lane = [], warp = [] } = layout.ins;
    const [bases, registers] = [{ lane: lane.map(byte), warp: warp.map(byte) }, register.map(byte)];
    const reach = [...bases.lane, ...bases.warp].reduce((m, x) => m | x, 0);
    const thread = this.#e.threadPart(bases);
    return (r) => this.#address(thread, combine(registers, r), reach);
  }

  #address(thread: Operand, own: number, reach: number): Address {
    const { b } = this.#e;
    const base = this.#e.sharedBase();
    // Where thread and register meet in no bit their XOR is a sum, which the instruction does.
    const overlap = own & reach;
    const part = xor32(b, thread, imm(overlap));
    const from = part.kind === 'reg' ? b.op('add.s32', base, part) : base;
    const rest = part.kind === 'imm' ? Number(part.value) : 0;
    return at(from, this.#start + rest + (own ^ overlap));
  }
}

/**
 * Writes the words of a layout's registers, each element once, into each of the exchanges. When this returns everybody may
 * read; before it writes, everybody has read what was there.
 */
export function publish(
  e: Emitter,
  layout: Layout,
  into: readonly { readonly exchange: Exchange; readonly word: (r: number) => Operand }[],
): void {
  const free = freeBits(layout);
  const elected = clear(e.b, e.tid(), free.lane | (free.warp << 5));
  const writes = into.flatMap(({ exchange, word }) => {
    const place = exchange.places(layout);
    return storedRegisters(layout).map((r) => [place(r), inRegister(e, word(r))] as const);
  });
  if (into.some(({ exchange }) => exchange.reuse())) meetAll(e);
  when(e.b, elected, () => {
    for (const [to, x] of writes) e.b.exec('st.shared.b32', to, x);
  });
  meetAll(e);
}

/** The words of all registers of a layout. */
export function readAll(e: Emitter, exchange: Exchange, layout: Layout): Reg[] {
  const place = exchange.places(layout);
  return Array.from({ length: registerCount(layout) }, (_, r) => e.b.op('ld.shared.b32', place(r)));
}
