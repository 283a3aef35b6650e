import { Bug, type Span } from '../../../compiler/diag/diagnostic.js';
import type { PtxTarget } from '../target.js';
import { checkRegister, checkSource } from './check.js';
import { formOf, type SourceForm } from './forms.js';
import {
  type EffectName,
  type InstructionName,
  type Sources,
  supports,
  type ValueName,
  type VectorName,
} from './instructions.js';
import type { Label, Operand, Reg, RegClass } from './operand.js';
import { classOf, type ScalarKind, type Source } from './signature.js';

/** A predicate that an instruction waits for. */
export interface Guard {
  readonly reg: Reg;
  readonly negated: boolean;
}

export interface Instruction {
  readonly kind: 'instruction';
  readonly name: InstructionName;
  readonly dst: readonly Reg[];
  readonly src: readonly Source[];
  readonly guard: Guard | null;
}

/** One line of a program. */
export type Line =
  | Instruction
  | { readonly kind: 'read'; readonly dst: Reg; readonly special: SpecialRegister }
  | { readonly kind: 'branch'; readonly label: Label; readonly guard: Guard | null }
  | { readonly kind: 'label'; readonly label: Label }
  | { readonly kind: 'comment'; readonly text: string }
  | { readonly kind: 'loc'; readonly span: Span };

/** Special registers of 32 bits (PTX ISA 10). */
export type SpecialRegister =
  | `%${'tid' | 'ntid' | 'ctaid' | 'nctaid'}.${'x' | 'y' | 'z'}`
  | '%laneid'
  | '%warpid'
  | '%smid';

const MOVES = { pred: 'mov.pred', b16: 'mov.b16', b32: 'mov.b32', b64: 'mov.b64' } as const;

/**
 * Writes the body of one entry: a prologue, which runs first, and the code behind it. Calls are checked against the
 * instruction table: names, number and shape of operands by the type checker, register classes, immediates and the
 * target when they run. What is wrong is a Bug: users cannot cause it.
 */
export class PtxBuilder {
  readonly target: PtxTarget;
  readonly #counts: Record<RegClass, number> = { pred: 0, b16: 0, b32: 0, b64: 0 };
  readonly #head: Line[] = [];
  readonly #body: Line[] = [];
  readonly #special = new Map<SpecialRegister, Reg>();
  readonly #names = new Set<InstructionName>();
  #lines = this.#body;
  #guard: Guard | null = null;
  #labels = 0;

  constructor(target: PtxTarget) {
    this.target = target;
  }

  /** What was written, the prologue first. */
  lines(): readonly Line[] {
    return [...this.#head, ...this.#body];
  }

  /** Instructions that were written. */
  get names(): ReadonlySet<InstructionName> {
    return this.#names;
  }

  /** How many registers of a class there are: their ids are below it. */
  count(cls: RegClass): number {
    return this.#counts[cls];
  }

  /** A new register, to be written with `into`. */
  reg(cls: RegClass): Reg {
    return { kind: 'reg', cls, id: this.#counts[cls]++ };
  }

  /** An instruction with one destination: a new register of the row's class. */
  op<N extends ValueName>(name: N, ...sources: Sources<N>): Reg {
    const cls = formOf(name).dst[0];
    if (cls === undefined) throw new Bug(`${name} has no destination`);
    const reg = this.reg(cls);
    this.#emit(name, [reg], sources);
    return reg;
  }

  /** An instruction with several destinations: new registers, in order. */
  ops<N extends VectorName>(name: N, ...sources: Sources<N>): Reg[] {
    const registers = formOf(name).dst.map((cls) => this.reg(cls));
    this.#emit(name, registers, sources);
    return registers;
  }

  /** Writes registers that exist: loop-carried values, accumulators in place, values under a guard. */
  into<N extends ValueName | VectorName>(name: N, destinations: Reg | readonly Reg[], ...sources: Sources<N>): void {
    this.#emit(name, 'kind' in destinations ? [destinations] : destinations, sources);
  }

  /** An instruction without destinations. */
  exec<N extends EffectName>(name: N, ...sources: Sources<N>): void {
    this.#emit(name, [], sources);
  }

  /** What `body` writes has the guard @p, or @!p. Neither labels nor other guards may be inside. */
  when(p: Reg, negated: boolean, body: () => void): void {
    if (this.#guard !== null) throw new Bug('guards cannot be nested');
    checkRegister('a guard', 'pred', p, this.#counts);
    this.#guard = { reg: p, negated };
    try {
      body();
    } finally {
      this.#guard = null;
    }
  }

  /** What `body` writes runs before everything that is not in the prologue, also when this is called under a guard. */
  inPrologue<T>(body: () => T): T {
    const [lines, guard] = [this.#lines, this.#guard];
    this.#lines = this.#head;
    this.#guard = null;
    try {
      return body();
    } finally {
      this.#lines = lines;
      this.#guard = guard;
    }
  }

  /** A label, to be placed once. `hint` makes it readable: letters and digits. */
  newLabel(hint: string): Label {
    return { kind: 'label', name: `$L${this.#labels++}_${hint.replaceAll(/[^A-Za-z0-9]/g, '_')}` };
  }

  place(label: Label): void {
    if (this.#guard !== null) throw new Bug(`label ${label.name} under a guard`);
    this.#lines.push({ kind: 'label', label });
  }

  /** Goes to the label, or does so where p holds (where it does not, if negated). */
  branch(label: Label, p?: Reg, negated = false): void {
    if (p !== undefined) {
      this.when(p, negated, () => this.branch(label));
      return;
    }
    this.#lines.push({ kind: 'branch', label, guard: this.#guard });
  }

  /** A special register, read once, in the prologue. */
  special(name: SpecialRegister): Reg {
    const known = this.#special.get(name);
    if (known !== undefined) return known;
    const dst = this.reg('b32');
    this.#head.push({ kind: 'read', dst, special: name });
    this.#special.set(name, dst);
    return dst;
  }

  /** A comment of one line. */
  comment(text: string): void {
    this.#lines.push({ kind: 'comment', text: text.replaceAll(/[^\x20-\x7e]/g, '?') });
  }

  /** The place in the source that what follows comes from; null says nothing about it. */
  loc(span: Span | null): void {
    if (span !== null) this.#lines.push({ kind: 'loc', span });
  }

  #emit(name: InstructionName, dst: readonly Reg[], sources: readonly Source[]): void {
    this.#use(name);
    const form = formOf(name);
    if (dst.length !== form.dst.length || sources.length !== form.src.length) throw new Bug(`operands of ${name}`);
    for (let i = 0; i < dst.length; i++) checkRegister(name, form.dst[i] as RegClass, dst[i] as Reg, this.#counts);
    const src: Source[] = [];
    for (let i = 0; i < sources.length; i++)
      src.push(this.#source(name, form.src[i] as SourceForm, sources[i] as Source));
    this.#lines.push({ kind: 'instruction', name, dst, src, guard: this.#guard });
  }

  #use(name: InstructionName): void {
    if (this.#names.has(name)) return;
    if (!supports(this.target, name)) throw new Bug(`${this.target.name} does not have ${name}`);
    this.#names.add(name);
  }

  /** The operand as the instruction can take it: checked, and in registers where PTX has no immediates. */
  #source(name: InstructionName, form: SourceForm, source: Source): Source {
    checkSource(name, form, source, this.#counts);
    if (form.vector !== null) return this.#inRegisters(form.vector[0], source as readonly Operand[]);
    if (!form.registerOnly || (source as Operand).kind === 'reg') return source;
    return this.#inRegisters(form.scalar, [source as Operand])[0] as Reg;
  }

  /** Immediates that are the same share a register. */
  #inRegisters(kind: ScalarKind, sources: readonly Operand[]): readonly Reg[] {
    if (sources.every(isRegister)) return sources;
    const moved = new Map<number | bigint, Reg>();
    return sources.map((source) => {
      if (source.kind === 'reg') return source;
      const known = moved.get(source.value);
      if (known !== undefined) return known;
      const dst = this.reg(classOf(kind));
      const name = MOVES[dst.cls];
      this.#use(name);
      this.#lines.push({ kind: 'instruction', name, dst: [dst], src: [source], guard: null });
      moved.set(source.value, dst);
      return dst;
    });
  }
}

const isRegister = (x: Operand): x is Reg => x.kind === 'reg';
