import { Bug } from '../../../compiler/diag/diagnostic.js';
import type { Operand, PtxEntry, RegisterClass } from './program.js';

/** Lanes of a warp. */
export const LANES = 32;

/** What bits an immediate stands for: those of an f32, or an integer of 32 or 64 bits. */
export type Form = 'int' | 'float' | 'wide';

/**
 * Register file of a warp, as offsets in 32-bit words. Every register has one word a lane, lane l at base + l; 64-bit
 * registers have two, low word first, at base + 2 l. Immediates and special registers are registers too, filled once, so
 * that instructions know one kind of source.
 */
export class Slots {
  readonly #bases: Int32Array;
  readonly #constants = new Map<string, number>();
  readonly #specials = new Map<string, number>();
  readonly fills: { base: number; low: number; high: number; wide: boolean }[] = [];
  #words = 0;

  constructor(entry: PtxEntry) {
    this.#bases = new Int32Array(entry.registers);
    const wideFirst = (cls: RegisterClass): number => (cls === 'b64' ? 0 : 1);
    const order = entry.classes.map((cls, id) => ({ cls, id })).sort((a, b) => wideFirst(a.cls) - wideFirst(b.cls));
    for (const { cls, id } of order) this.#bases[id] = this.#take(cls === 'b64');
  }

  /** Words that a warp needs. */
  get words(): number {
    return this.#words;
  }

  /** Special registers in use, with their bases. */
  get specials(): ReadonlyMap<string, number> {
    return this.#specials;
  }

  register(id: number): number {
    const base = this.#bases[id];
    if (base === undefined) throw new Bug(`the emulator has no register ${id}`);
    return base;
  }

  /** Base of a source, or null where the operand is no value of this form. */
  source(o: Operand, form: Form): number | null {
    if (o.kind === 'register') return (o.cls === 'b64') === (form === 'wide') ? this.register(o.id) : null;
    if (o.kind === 'special') return form === 'wide' ? null : this.#special(o.name);
    if (o.kind === 'shared') return this.constant(o.address, 0, form === 'wide');
    if (o.kind === 'int') return form === 'float' ? null : this.#int(o.value, form === 'wide');
    if (o.kind === 'float') return form === 'wide' ? null : this.constant(o.bits, 0, false);
    return null;
  }

  /** A register that nothing reads, for results that are dropped. */
  sink(wide: boolean): number {
    return this.#memo(this.#constants, wide ? 'sink64' : 'sink', () => this.#take(wide));
  }

  constant(low: number, high: number, wide: boolean): number {
    return this.#memo(this.#constants, `${low},${high},${wide}`, () => {
      const base = this.#take(wide);
      this.fills.push({ base, low, high, wide });
      return base;
    });
  }

  #int(value: bigint, wide: boolean): number {
    const low = Number(BigInt.asUintN(32, value));
    return this.constant(low, wide ? Number(BigInt.asUintN(32, value >> 32n)) : 0, wide);
  }

  #special(name: string): number | null {
    return SPECIALS.has(name) ? this.#memo(this.#specials, name, () => this.#take(false)) : null;
  }

  #memo(map: Map<string, number>, key: string, make: () => number): number {
    const known = map.get(key);
    if (known !== undefined) return known;
    const base = make();
    map.set(key, base);
    return base;
  }

  #take(wide: boolean): number {
    const base = this.#words;
    this.#words += wide ? 2 * LANES : LANES;
    return base;
  }
}

const AXES = ['x', 'y', 'z'];
export const SPECIALS: ReadonlySet<string> = new Set([
  ...['%tid', '%ntid', '%ctaid', '%nctaid'].flatMap((name) => AXES.map((axis) => `${name}.${axis}`)),
  ...['%laneid', '%warpid', '%nwarpid', '%lanemask_eq', '%lanemask_lt', '%lanemask_le', '%lanemask_gt', '%lanemask_ge'],
  ...['%dynamic_smem_size', '%total_smem_size', '%smid'],
]);
