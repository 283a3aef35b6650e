import { diagnostic, LacError } from '../../../compiler/diag/diagnostic.js';
import { BARRIER_DECODERS } from './decode-barrier.js';
import { MATRIX_DECODERS } from './decode-matrix.js';
import { MEMORY_DECODERS } from './decode-memory.js';
import { SCALAR_DECODERS } from './decode-scalar.js';
import { SHUFFLE_DECODERS } from './decode-shuffle.js';
import type { Instruction, Operand, PtxEntry } from './program.js';
import { type Form, Slots } from './slots.js';
import type { Step } from './step.js';

/** What a decoder of an opcode gives: how to execute it, and what the scheduler has to know. */
export type Decoded = Pick<Step, 'execute'> & Partial<Pick<Step, 'kind' | 'target' | 'mask'>>;
export type Decoder = (o: Operands) => Decoded;

/** Where an address comes from: a register or constant, and what is added. */
export interface AddressSource {
  readonly slot: number;
  /** The register has 64 bits. */
  readonly wide: boolean;
  readonly offset: number;
}

/** The operands of one instruction, as places in the register file. Whatever does not fit is refused: LAC0421. */
export class Operands {
  readonly slots: Slots;
  readonly instruction: Instruction;
  readonly modifiers: readonly string[];

  constructor(slots: Slots, instruction: Instruction) {
    this.slots = slots;
    this.instruction = instruction;
    this.modifiers = instruction.opcode.split('.').slice(1);
  }

  get count(): number {
    return this.instruction.operands.length;
  }

  get opcode(): string {
    return this.instruction.opcode;
  }

  at(i: number): Operand {
    return this.instruction.operands[i] ?? this.refuse(`operand ${i + 1} is missing`);
  }

  /** Exactly so many operands. */
  expect(count: number): void {
    if (this.count !== count) this.refuse(`it has ${this.count} operands instead of ${count}`);
  }

  source(i: number, form: Form): number {
    return this.#source(this.at(i), form, i);
  }

  destination(i: number, wide: boolean): number {
    return this.#destination(this.at(i), wide, i);
  }

  /** The items of `{a, b}`; one register alone counts as a vector of one. */
  sources(i: number, form: Form): number[] {
    return this.#items(i).map((o) => this.#source(o, form, i));
  }

  destinations(i: number, wide: boolean): number[] {
    return this.#items(i).map((o) => this.#destination(o, wide, i));
  }

  /** A literal integer. */
  literal(i: number): number {
    const o = this.at(i);
    return o.kind === 'int' ? Number(o.value) : this.refuse(`operand ${i + 1} is no literal`);
  }

  address(i: number): AddressSource {
    const o = this.at(i);
    if (o.kind !== 'address' || o.base.kind === 'param') return this.refuse(`operand ${i + 1} is no address in memory`);
    const { base, offset } = o;
    if (base.kind === 'shared') return { slot: this.slots.constant(base.address, 0, false), wide: false, offset };
    return { slot: this.slots.register(base.id), wide: base.cls === 'b64', offset };
  }

  refuse(message = ''): never {
    const { line, opcode } = this.instruction;
    throw new LacError(diagnostic('LAC0421', `PTX line ${line}: ${opcode}${message === '' ? '' : `: ${message}`}`));
  }

  #items(i: number): readonly Operand[] {
    const o = this.at(i);
    return o.kind === 'vector' ? o.items : [o];
  }

  #source(o: Operand, form: Form, i: number): number {
    return this.slots.source(o, form) ?? this.refuse(`operand ${i + 1} is no ${FORMS[form]}`);
  }

  #destination(o: Operand, wide: boolean, i: number): number {
    if (o.kind === 'sink') return this.slots.sink(wide);
    if (o.kind !== 'register' || (o.cls === 'b64') !== wide)
      return this.refuse(`operand ${i + 1} is no register of ${wide ? 64 : 32} bits`);
    return this.slots.register(o.id);
  }
}

const FORMS: Readonly<Record<Form, string>> = {
  int: 'value of 32 bits or less',
  float: 'float of 32 bits',
  wide: 'value of 64 bits',
};

/** Instructions by the first part of their opcode. What is not here is arithmetic (decode-scalar.ts) or refused. */
const DECODERS: Readonly<Record<string, Decoder>> = {
  ...MEMORY_DECODERS,
  ...MATRIX_DECODERS,
  ...SHUFFLE_DECODERS,
  ...BARRIER_DECODERS,
  ...SCALAR_DECODERS,
};

/** An entry, ready to run. */
export interface Code {
  readonly entry: PtxEntry;
  readonly steps: readonly Step[];
  readonly slots: Slots;
  /** log2 of the narrowest access to shared memory, at most 2 (race.ts). */
  readonly pieceShift: number;
}

/** Throws LacError LAC0421 for instructions that the emulator does not run. */
export function decodeEntry(entry: PtxEntry): Code {
  const slots = new Slots(entry);
  const steps = entry.code.map((i) => decodeStep(slots, i));
  // Lanes that run off the end have ended.
  const last = { opcode: 'ret', predicate: null, operands: [], line: entry.code.at(-1)?.line ?? 0, place: null };
  const code = [...steps, decodeStep(slots, last)];
  return {
    entry,
    steps: code,
    slots,
    pieceShift: entry.code.reduce((least, i) => Math.min(least, accessShift(i.opcode)), 2),
  };
}

function decodeStep(slots: Slots, instruction: Instruction): Step {
  const o = new Operands(slots, instruction);
  const head = instruction.opcode.split('.')[0] ?? '';
  const decoder = DECODERS[head];
  if (decoder === undefined) return o.refuse();
  const { execute, kind = 'plain', target = -1, mask = -1 } = decoder(o);
  const guard = instruction.predicate === null ? -1 : slots.register(instruction.predicate.id);
  return { kind, execute, target, guard, guardValue: instruction.predicate?.negated ? 0 : 1, mask, instruction };
}

/** Only plain loads and stores can be narrower than a word. */
function accessShift(opcode: string): number {
  if (!/^(ld|st)\b.*\.shared\b/.test(opcode)) return 2;
  return /[bus]8$/.test(opcode) ? 0 : /16$/.test(opcode) && !/\.v[24]\./.test(opcode) ? 1 : 2;
}
