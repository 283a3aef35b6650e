import type { Code } from '../../../compiler/diag/codes.js';
import { fault, placeOf, threadName } from './fault.js';
import { RESERVED_SHARED_BYTES } from './program.js';
import { type Conflict, RaceCheck } from './race.js';
import type { Warp } from './warp.js';

/** Shared memory of a CTA, reserved bytes included: addresses are offsets. Accesses throw LAC0821 to LAC0825. */
export class SharedMemory {
  readonly bytes: Uint8Array;
  readonly halves: Uint16Array;
  readonly words: Uint32Array;
  readonly #end: number;
  readonly #check: RaceCheck | null;

  /** `end`: first address behind it. `pieceShift`: see race.ts; null leaves races and unwritten bytes unchecked. */
  constructor(end: number, warps: number, pieceShift: number | null) {
    const buffer = new ArrayBuffer(Math.ceil(end / 16) * 16);
    this.bytes = new Uint8Array(buffer);
    this.halves = new Uint16Array(buffer);
    this.words = new Uint32Array(buffer);
    this.#end = end;
    this.#check = pieceShift === null ? null : new RaceCheck(buffer.byteLength, pieceShift, warps);
  }

  /** Memory of the next CTA. Left bytes are kept: reading them is an error where it is checked. */
  reset(): void {
    this.#check?.reset();
  }

  read(w: Warp, lane: number, address: number, bytes: number): void {
    this.#place(w, lane, address, bytes);
    const conflict = this.#check?.read(w, lane, address, bytes) ?? null;
    if (conflict !== null) this.#refuse(w, lane, 'reads', bytes, conflict);
  }

  write(w: Warp, lane: number, address: number, bytes: number): void {
    this.#place(w, lane, address, bytes);
    const conflict = this.#check?.write(w, lane, address, bytes) ?? null;
    if (conflict !== null) this.#refuse(w, lane, 'writes', bytes, conflict);
  }

  issueCopy(w: Warp, lane: number, address: number, bytes: number): void {
    this.#place(w, lane, address, bytes);
    const conflict = this.#check?.issue(w, lane, address, bytes) ?? null;
    if (conflict !== null) this.#refuse(w, lane, 'copies to', bytes, conflict);
  }

  arriveCopy(w: Warp, lane: number, address: number, bytes: number): void {
    this.#check?.arrive(w, lane, address, bytes);
  }

  #place(w: Warp, lane: number, address: number, bytes: number): void {
    if (address % bytes !== 0) throw fault(w, 'LAC0821', `shared address ${address} is no multiple of ${bytes}`, lane);
    if (address < RESERVED_SHARED_BYTES || address + bytes > this.#end)
      throw fault(
        w,
        'LAC0822',
        `shared bytes ${address} to ${address + bytes - 1}; the CTA has ${RESERVED_SHARED_BYTES} to ${this.#end - 1}`,
        lane,
      );
  }

  #refuse(w: Warp, lane: number, verb: string, bytes: number, c: Conflict): never {
    throw fault(w, CODE_OF[c.kind], `${verb} ${bytes} bytes of shared memory; ${storyOf(w, c)}`, lane);
  }
}

const CODE_OF: Readonly<Record<Conflict['kind'], Code>> = {
  unwritten: 'LAC0823',
  race: 'LAC0824',
  'in flight': 'LAC0825',
};

function storyOf(w: Warp, { kind, address, other }: Conflict): string {
  const byte = `byte ${address} (${address - w.cta.dynamicBase} of the dynamic part)`;
  if (other === null) return `${byte} was never written`;
  const who = `${threadName(other.warp, other.lane)} at ${placeOf(w.cta.code[other.pc]?.instruction)}`;
  if (kind === 'in flight') return `${byte} belongs to the copy that ${who} issued and nobody has waited for`;
  return `${byte} was ${other.wrote ? 'written' : 'read'} by ${who}, and no barrier lies between`;
}
