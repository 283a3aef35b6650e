import type { Op } from '../../../compiler/ir/module.js';
import { imm, type Operand } from '../isa/operand.js';
import type { Run } from './axis-bits.js';
import { Combining, type Lane, withBits } from './combine.js';
import type { EmitBlock } from './control.js';
import type { Emitter } from './emitter.js';
import { inRegister } from './halves.js';
import { ALL_LANES } from './shuffle.js';
import { and, below as isBelow, type Truth } from './truth.js';
import { acrossWarps } from './warp-lanes.js';

/** What comes before a block, where something does. */
interface Prefix {
  readonly lane: Lane;
  readonly exists: Truth;
}

/** A block of positions of one thread: the scan of its registers among themselves, and what comes before all of them. */
interface Block {
  readonly members: readonly number[];
  readonly prefix: Prefix | null;
  readonly total: Lane;
}

/**
 * Inclusive scan: in turn over the registers of a thread, then in log steps over lanes, then over the warps in turn; what
 * comes before a thread's registers is put in front of them at the end. "Before" is nearer the start, in a reverse scan
 * nearer the end. Positions that take no part are at the end: forward, nothing that counts comes behind them.
 */
export function emitScanBy(e: Emitter, op: Op<'scan_by'>, emitBlock: EmitBlock): void {
  const c = new Combining(e, op, emitBlock, (runs) => runs.every(isAscending));
  const scan = new Scan(c, op.attrs.reverse === true);
  for (const [i, run] of c.runs.entries()) scan.join(run, i === c.runs.length - 1);
  const lanes = scan.finish();
  for (const [i, v] of op.results.entries()) c.laidOut(v, i, c.layout, lanes);
}

/** Lanes of a run count positions in the order of their numbers. */
const isAscending = ({ dim, bits }: Run): boolean =>
  dim !== 'lane' || bits.every((bit, i) => i === 0 || bit > (bits[i - 1] as number));

/** A register before anything is joined, not computed before it is asked for. */
const single = (c: Combining, r: number): Block => ({
  members: [r],
  prefix: null,
  get total() {
    return c.lane(r);
  },
});

class Scan {
  readonly #c: Combining;
  readonly #reverse: boolean;
  /** Registers that have been scanned, as far as that goes. */
  readonly #values = new Map<number, Lane>();
  #blocks: Map<number, Block>;

  constructor(c: Combining, reverse: boolean) {
    this.#c = c;
    this.#reverse = reverse;
    this.#blocks = new Map(Array.from({ length: c.registers }, (_, r) => [r, single(c, r)]));
  }

  #value(r: number): Lane {
    return this.#values.get(r) ?? this.#c.lane(r);
  }

  /** Joins the blocks along a run of the position's bits; the total of the last one is not asked for. */
  join(run: Run, last: boolean): void {
    if (run.dim === 'register') this.#joinRegisters(run);
    else if (run.dim === 'lane') this.#joinLanes(run, last);
    else this.#joinWarps(run);
  }

  finish(): readonly Lane[] {
    for (const block of this.#blocks.values()) this.#flush(block);
    return Array.from({ length: this.#c.registers }, (_, r) => this.#value(r));
  }

  /** Whether a block that comes before others counts: forward, all do; `above`: bits of the position that are the block's. */
  #counts(start: number, above: number): Truth {
    return this.#reverse ? this.#c.present(start, above) : true;
  }

  /** Puts what comes before a block in front of all its members. */
  #flush({ members, prefix }: Block): void {
    if (prefix === null) return;
    for (const r of members) this.#values.set(r, this.#behind(prefix, this.#value(r)));
  }

  #behind({ lane, exists }: Prefix, x: Lane): Lane {
    return this.#c.choose(exists, () => this.#c.combine(lane, x), x);
  }

  /** One prefix in front of another. */
  #chain(outer: Prefix, inner: Prefix | null): Prefix {
    const c = this.#c;
    if (inner === null || outer.exists === false) return inner ?? outer;
    if (inner.exists === false) return outer;
    const lane = c.choose(inner.exists, () => this.#behind(outer, inner.lane), outer.lane);
    return { lane, exists: either(c.e, outer.exists, inner.exists) };
  }

  #joinRegisters({ bits, below }: Run): void {
    const c = this.#c;
    const above = below + bits.length;
    const mask = bits.reduce((m, bit) => m | (1 << bit), 0);
    const joined = new Map<number, Block>();
    for (const first of this.#blocks.keys()) {
      if ((first & mask) !== 0) continue;
      const registers = withBits(first, bits);
      const order = this.#reverse ? registers.toReversed() : registers;
      let before: Prefix | null = null;
      for (const r of order) {
        const block = this.#blocks.get(r) as Block;
        const lane: Lane = this.#takeIn(block, before);
        before = { lane, exists: this.#counts(c.positionOf(r), above) };
      }
      const members = registers.flatMap((r) => this.#blocks.get(r)?.members ?? []);
      joined.set(first, { members, prefix: null, total: (before as unknown as Prefix).lane });
    }
    this.#blocks = joined;
  }

  /** Finishes the members of a block behind a prefix; gives the prefix and the block together. */
  #takeIn(block: Block, before: Prefix | null): Lane {
    const alone = this.#isAlone(block);
    const together = before === null ? block.total : this.#behind(before, block.total);
    if (alone) this.#values.set(alone.register, together);
    else this.#flush({ ...block, prefix: before === null ? block.prefix : this.#chain(before, block.prefix) });
    return together;
  }

  /** The register that is a whole block, with nothing before it. */
  #isAlone({ members, prefix, total }: Block): { readonly register: number } | null {
    const [register] = members;
    const alone = members.length === 1 && prefix === null && register !== undefined;
    return alone && this.#value(register) === total ? { register } : null;
  }

  #joinLanes({ bits, below }: Run, last: boolean): void {
    const c = this.#c;
    const lanes = new LaneField(c.e, bits);
    for (const [first, block] of this.#blocks) {
      const at = c.positionOf(first);
      let inclusive = block.total;
      bits.forEach((bit, i) => {
        const counts = this.#counts(at + 2 ** (below + i), below + i + 1);
        const takes = and(c.e.b, lanes.isSet(bit, !this.#reverse), counts);
        const source = lanes.endOfNeighbour(i, this.#reverse);
        const mine = inclusive;
        if (takes === false) return;
        inclusive = c.choose(takes, () => c.combine(lanes.read(c, mine, source), mine), mine);
      });
      const end = lanes.end(this.#reverse);
      const total = last ? inclusive : lanes.read(c, inclusive, end);
      const alone = this.#isAlone(block);
      if (alone) {
        this.#values.set(alone.register, inclusive);
        this.#blocks.set(first, { ...block, total });
        continue;
      }
      const before: Prefix = {
        lane: lanes.read(c, inclusive, lanes.neighbour(this.#reverse)),
        exists: and(c.e.b, lanes.isInner(this.#reverse), this.#counts(at + 2 ** below, below)),
      };
      this.#blocks.set(first, { ...block, prefix: this.#chain(before, block.prefix), total });
    }
  }

  #joinWarps(run: Run): void {
    const c = this.#c;
    const { bits, below } = run;
    const above = below + bits.length;
    const warp = Array.from({ length: Math.log2(c.e.warps) }, (_, bit) => {
      const i = bits.indexOf(bit);
      return i < 0 ? 0 : 2 ** i;
    });
    const number = c.e.threadPart({ lane: [0, 0, 0, 0, 0], warp });
    const blocks = [...this.#blocks];
    const totals = acrossWarps(
      c,
      run,
      blocks.map(([, block]) => block.total),
    );
    blocks.forEach(([first, block], n) => {
      const parts = (totals[n] as Lane[]).map((lane, i) => ({
        lane,
        exists: this.#counts(c.positionOf(first) + i * 2 ** below, above),
        i,
      }));
      const order = this.#reverse ? parts.toReversed() : parts;
      let sum = order[0] as (typeof order)[number];
      const all = sum.exists === true;
      let before: Prefix = { lane: sum.lane, exists: and(c.e.b, this.#isBehind(number, sum.i), sum.exists) };
      for (const [at, next] of order.entries()) {
        if (at === 0) continue;
        const lane = this.#behind(sum, next.lane);
        sum = { ...next, lane };
        if (at === order.length - 1) break;
        const behind = this.#isBehind(number, next.i);
        const exists = all ? before.exists : either(c.e, before.exists, and(c.e.b, behind, next.exists));
        before = { lane: c.choose(behind, () => lane, before.lane), exists };
      }
      this.#blocks.set(first, { ...block, prefix: this.#chain(before, block.prefix), total: sum.lane });
    });
  }

  /** Whether this thread's warp comes behind warp `i` of the run. */
  #isBehind(number: Operand, i: number): Truth {
    const { b } = this.#c.e;
    return this.#reverse ? isBelow(b, number, imm(i)) : isBelow(b, imm(i), number);
  }
}

function either(e: Emitter, x: Truth, y: Truth): Truth {
  if (x === true || y === true) return true;
  if (x === false) return y;
  return y === false ? x : e.b.op('or.pred', x, y);
}

/** The bits of the lane number that count positions, in order. */
class LaneField {
  readonly #e: Emitter;
  readonly #bits: readonly number[];
  readonly #mask: number;

  constructor(e: Emitter, bits: readonly number[]) {
    this.#e = e;
    this.#bits = bits;
    this.#mask = bits.reduce((m, bit) => m | (1 << bit), 0);
  }

  isSet(bit: number, set: boolean): Truth {
    const { b } = this.#e;
    return b.op(set ? 'setp.ne.u32' : 'setp.eq.u32', b.op('and.b32', this.#e.tid(), imm(1 << bit)), imm(0));
  }

  /** Some lane of the field comes before this one. */
  isInner(reverse: boolean): Truth {
    const { b } = this.#e;
    const own = b.op('and.b32', this.#e.tid(), imm(this.#mask));
    return reverse ? b.op('setp.ne.u32', own, imm(this.#mask)) : b.op('setp.ne.u32', own, imm(0));
  }

  /** The last lane, in the order of the scan, of the block before the one of 2^i lanes in which this one is. */
  endOfNeighbour(i: number, reverse: boolean): Operand {
    const bit = 1 << (this.#bits[i] as number);
    const lower = this.#bits.slice(0, i).reduce((m, x) => m | (1 << x), 0);
    return this.#with(bit | lower, reverse ? bit : lower);
  }

  /** The last lane of all. */
  end(reverse: boolean): Operand {
    return this.#with(this.#mask, reverse ? 0 : this.#mask);
  }

  /** The lane before this one. */
  neighbour(reverse: boolean): Operand {
    const step = 1 << (this.#bits[0] as number);
    const others = 31 & ~this.#mask;
    return this.#e.hoisted(`neighbour ${this.#mask} ${reverse}`, () => {
      const { b } = this.#e;
      const lane = this.#e.lane();
      // Bits between those of the field hand a carry or a borrow on.
      const moved = reverse
        ? b.op('add.s32', b.op('or.b32', lane, imm(others)), imm(step))
        : b.op('sub.s32', b.op('and.b32', lane, imm(this.#mask)), imm(step));
      const field = b.op('and.b32', moved, imm(this.#mask));
      return others === 0 ? field : b.op('or.b32', field, b.op('and.b32', lane, imm(others)));
    });
  }

  /** This lane with some bits of its number set as given. */
  #with(mask: number, value: number): Operand {
    return this.#e.hoisted(`lane with ${value} of ${mask}`, () => {
      const { b } = this.#e;
      const rest = b.op('and.b32', this.#e.lane(), imm(31 & ~mask));
      return value === 0 ? rest : b.op('or.b32', rest, imm(value));
    });
  }

  /** What another lane holds. */
  read(c: Combining, lane: Lane, from: Operand): Lane {
    return c.map(lane, (x) => this.#e.b.op('shfl.sync.idx.b32', inRegister(this.#e, x), from, imm(31), ALL_LANES));
  }
}
