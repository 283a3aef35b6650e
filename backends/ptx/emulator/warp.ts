import { CopyQueue } from './copies.js';
import type { Cta } from './cta.js';
import { fault } from './fault.js';
import { MAX_EPOCH } from './race.js';
import { LANES } from './slots.js';
import type { Step } from './step.js';

/** Lanes that are at the same instruction. */
class Group {
  pc: number;
  /** The lanes, ascending, first `n`. */
  readonly lanes = new Uint8Array(LANES);
  n = 0;
  /** Waits at its instruction for lanes of other groups. */
  stalled = false;

  constructor(pc: number) {
    this.pc = pc;
  }

  /** Takes the lanes of another group at the same place. */
  absorb(other: Group): void {
    this.lanes.set(other.lanes.subarray(0, other.n), this.n);
    this.n += other.n;
    this.lanes.subarray(0, this.n).sort();
    this.stalled = false;
  }
}

/**
 * A warp: 32 lanes, their registers, and where they are. Lanes that branch differently go on as groups; the group that is
 * furthest behind in the text runs, and groups that meet become one again. For structured code this is reconvergence at
 * the end of each branch and loop.
 */
export class Warp {
  readonly cta: Cta;
  readonly index: number;
  /** Words of the register file (slots.ts), as the types that instructions read. */
  readonly u: Uint32Array;
  readonly s: Int32Array;
  readonly f: Float32Array;
  readonly q: BigInt64Array;
  readonly copies = new CopyQueue();
  /** Shared addresses, and words of global ones, of the lanes of an access: scratch for whoever executes. */
  readonly addresses = new Int32Array(LANES);
  readonly high = new Uint32Array(LANES);
  readonly low = new Uint32Array(LANES);
  /** The instruction that is executed. */
  pc = 0;
  /** Barrier at which the warp waits. */
  waitsAt: number | null = null;
  /** Lanes that have not ended. */
  live: number;
  /** Number of the current stretch between synchronisations; begins at 1. */
  epoch = 1;
  /** Of every warp: its last epoch that happens before what this one does now. Its own: that all its lanes have left. */
  readonly clock: Int32Array;
  #current: Group;
  readonly #others: Group[] = [];
  /** Least place among the other groups. */
  #limit = Number.POSITIVE_INFINITY;
  readonly #guarded = new Uint8Array(LANES);

  /** `words`: size of the register file, whose first contents are `initial`. `lanes`: threads, 32 but in a last warp. */
  constructor(cta: Cta, index: number, lanes: number, initial: Uint32Array, warps: number) {
    this.cta = cta;
    this.index = index;
    this.live = lanes;
    this.u = initial;
    this.s = new Int32Array(initial.buffer);
    this.f = new Float32Array(initial.buffer);
    this.q = new BigInt64Array(initial.buffer);
    this.clock = new Int32Array(warps);
    this.#current = new Group(0);
    for (let l = 0; l < lanes; l++) this.#current.lanes[l] = l;
    this.#current.n = lanes;
  }

  /** Places of all groups, for reports. */
  get places(): readonly number[] {
    return [this.#current, ...this.#others].filter((g) => g.n > 0).map((g) => g.pc);
  }

  /** After `bar.warp.sync` of all lanes: what they did is ordered. */
  synchronizeLanes(): void {
    this.clock[this.index] = this.epoch;
    this.nextEpoch();
  }

  nextEpoch(): void {
    this.epoch++;
    if (this.epoch >= MAX_EPOCH)
      throw fault(this, 'LAC0809', `${MAX_EPOCH} barriers: the race check counts no further`);
  }

  join(clock: Int32Array): void {
    for (let v = 0; v < clock.length; v++) this.clock[v] = Math.max(this.clock[v] as number, clock[v] as number);
  }

  /** Runs until the warp waits at a barrier or has ended. */
  run(): void {
    const { code, tally } = this.cta;
    let group = this.#current;
    while (this.live > 0) {
      if (group.pc >= this.#limit) group = this.#choose();
      this.pc = group.pc;
      const step = code[group.pc] as Step;
      if (--this.cta.budget < 0) this.cta.budget += this.cta.turns(this);
      if (tally !== null) tally.issued[group.pc] = (tally.issued[group.pc] as number) + 1;
      let { lanes, n } = group;
      if (step.guard >= 0) {
        n = this.#guard(step, group);
        lanes = this.#guarded;
      }
      switch (step.kind) {
        case 'plain':
          step.execute(this, lanes, n);
          group.pc++;
          break;
        case 'branch':
          group = this.#branch(step, group, n);
          break;
        case 'exit':
          group = this.#exit(group, n);
          break;
        default:
          if (n === 0) {
            group.pc++;
            break;
          }
          if (!this.#complete(step, lanes, n)) {
            group = this.#stall(step, group);
            break;
          }
          step.execute(this, lanes, n);
          group.pc++;
          if (this.waitsAt !== null) return;
      }
    }
  }

  /** Lanes of the group whose guard lets them execute, in #guarded. */
  #guard(step: Step, group: Group): number {
    const { u } = this;
    let n = 0;
    for (let i = 0; i < group.n; i++) {
      const l = group.lanes[i] as number;
      if (u[step.guard + l] === step.guardValue) this.#guarded[n++] = l;
    }
    return n;
  }

  #branch(step: Step, group: Group, n: number): Group {
    if (n === group.n) group.pc = step.target;
    else if (n === 0) group.pc++;
    else {
      const taken = new Group(step.target);
      taken.lanes.set(this.#guarded.subarray(0, n));
      taken.n = n;
      this.#remove(group, n);
      group.pc++;
      this.#others.push(taken);
      return this.#choose();
    }
    return group;
  }

  #exit(group: Group, n: number): Group {
    this.live -= n;
    if (n === group.n) group.n = 0;
    else this.#remove(group, n);
    group.pc++;
    return group.n === 0 && this.live > 0 ? this.#choose() : group;
  }

  /** Takes the first n of #guarded out of the group. */
  #remove(group: Group, n: number): void {
    let gone = 0;
    for (let i = 0; i < n; i++) gone |= 1 << (this.#guarded[i] as number);
    const stay = group.lanes.slice(0, group.n).filter((l) => (gone & (1 << l)) === 0);
    group.lanes.set(stay);
    group.n = stay.length;
  }

  /** Whether all lanes are here that the instruction needs. */
  #complete(step: Step, lanes: Uint8Array, n: number): boolean {
    if (step.kind === 'aligned') return n === LANES;
    if (step.kind === 'barrier') return n === this.live;
    const mask = this.u[step.mask + (lanes[0] as number)] as number;
    let here = 0;
    for (let i = 0; i < n; i++) {
      here |= 1 << (lanes[i] as number);
      if (this.u[step.mask + (lanes[i] as number)] !== mask) throw fault(this, 'LAC0828', 'lanes give different masks');
    }
    if ((here & ~mask) !== 0) throw fault(this, 'LAC0828', `a lane outside of mask 0x${mask.toString(16)} executes it`);
    return (mask & ~here) === 0;
  }

  /** Lets other groups catch up. Lanes that the guard keeps back do not come. */
  #stall(step: Step, group: Group): Group {
    if (step.guard >= 0) throw this.#divergence(step, 'the guard differs between the lanes');
    group.stalled = true;
    return this.#choose();
  }

  #divergence(step: Step, message: string): Error {
    return fault(this, step.kind === 'barrier' ? 'LAC0827' : 'LAC0828', message);
  }

  /** Joins groups that have met, and continues with the one furthest behind that can run. */
  #choose(): Group {
    const groups = [this.#current, ...this.#others].filter((g) => g.n > 0).sort((a, b) => a.pc - b.pc);
    const merged: Group[] = [];
    for (const g of groups) {
      const last = merged.at(-1);
      if (last !== undefined && last.pc === g.pc) last.absorb(g);
      else merged.push(g);
    }
    const next = merged.find((g) => !g.stalled) ?? this.#stuck(merged[0] as Group);
    this.#current = next;
    this.#others.splice(0, this.#others.length, ...merged.filter((g) => g !== next));
    this.#limit = Math.min(...this.#others.map((g) => g.pc));
    return next;
  }

  /** All groups wait for lanes that went another way or have ended. */
  #stuck(group: Group): never {
    this.pc = group.pc;
    throw this.#divergence(this.cta.code[group.pc] as Step, 'some lanes have ended or went another way');
  }
}
