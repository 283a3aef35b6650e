/**
 * When a buffer in shared memory holds something: from a write to the last op that may read it, around the loops that
 * carry it, and while a copy into it may be on its way. Times are program points, numbered in textual order, with one
 * point at the head and one at the end of each loop.
 */
import type { Block, Kernel, Op, Value } from '../ir/module.js';
import { isLoop } from '../ir/rewrite.js';
import { bufferOf, type SharedAccesses } from './shared-accesses.js';

export interface Lifetime {
  readonly start: number;
  readonly end: number;
}

/** Where an op stands; `end` differs for loops only. */
type Points = ReadonlyMap<Op, Lifetime>;

export class SharedLifetimes {
  readonly #body: Block;
  readonly #accesses: SharedAccesses;
  readonly #points: Points;

  constructor(kernel: Kernel, accesses: SharedAccesses) {
    this.#body = kernel.body;
    this.#accesses = accesses;
    this.#points = numbered(kernel.body);
  }

  /**
   * Null for a buffer that nothing touches. A read happens where its registers are asked for; `now`: where it stands, which
   * place-barriers sees to where something else is written into the bytes before.
   */
  of(buffer: Value, now = false): Lifetime | null {
    const accesses = this.#accesses.own.filter((a) => a.buffer === buffer);
    const reads = accesses.filter((a) => a.kind === 'read').map((a) => a.op);
    const readers = new Set(reads.flatMap((op) => (now ? [op] : [op, ...this.#accesses.demandsOf(op)])));
    const flow = new Flow(buffer, readers, this.#points);
    flow.forward(this.#body, { written: false, flying: false });
    flow.backward(this.#body, false);
    return flow.hull();
  }

  /** The lifetime and every outermost loop that it meets. */
  overLoops(life: Lifetime): Lifetime {
    const loops = this.#body.ops.filter(isLoop).flatMap((op) => this.#points.get(op) ?? []);
    const met = loops.filter((l) => l.start <= life.end && life.start <= l.end);
    const [starts, ends] = [met.map((l) => l.start), met.map((l) => l.end)];
    return { start: Math.min(life.start, ...starts), end: Math.max(life.end, ...ends) };
  }
}

function numbered(body: Block): Points {
  const points = new Map<Op, Lifetime>();
  let now = 0;
  const visit = (block: Block): void => {
    for (const op of block.ops) {
      const start = now++;
      op.regions.forEach(visit);
      points.set(op, { start, end: isLoop(op) ? now++ : start });
    }
  };
  visit(body);
  return points;
}

interface Before {
  /** Something may have been written. */
  readonly written: boolean;
  /** A copy may be on its way. */
  readonly flying: boolean;
}

const either = (a: Before, b: Before): Before => ({
  written: a.written || b.written,
  flying: a.flying || b.flying,
});

/** One buffer: written before, by going forward, and wanted later, by going backward. */
class Flow {
  readonly #buffer: Value;
  readonly #readers: ReadonlySet<Op>;
  readonly #points: Points;
  readonly #touched = new Set<number>();
  readonly #written = new Set<number>();
  readonly #wanted = new Set<number>();

  constructor(buffer: Value, readers: ReadonlySet<Op>, points: Points) {
    this.#buffer = buffer;
    this.#readers = readers;
    this.#points = points;
  }

  hull(): Lifetime | null {
    const live = [...this.#touched, ...[...this.#written].filter((p) => this.#wanted.has(p))];
    return live.length === 0 ? null : { start: Math.min(...live), end: Math.max(...live) };
  }

  #at(op: Op): Lifetime {
    return this.#points.get(op) ?? { start: 0, end: 0 };
  }

  #mark(point: number, { written, flying }: Before): void {
    if (written) this.#written.add(point);
    if (flying) this.#touched.add(point);
  }

  forward(block: Block, before: Before): Before {
    return block.ops.reduce((state, op) => this.#after(op, state), before);
  }

  #after(op: Op, before: Before): Before {
    const { start, end } = this.#at(op);
    const own = bufferOf(op) === this.#buffer;
    if (own || this.#readers.has(op)) this.#touched.add(start);
    this.#mark(start, before);
    if (isLoop(op)) {
      // Twice: what one trip leaves, the next one finds.
      const once = op.regions.reduce((s, r) => either(s, this.forward(r, s)), before);
      const out = op.regions.reduce((s, r) => either(s, this.forward(r, s)), once);
      this.#mark(end, out);
      return out;
    }
    if (op.name === 'if') return op.regions.map((r) => this.forward(r, before)).reduce(either);
    if (!own && op.name !== 'smem_wait') return before;
    if (op.name === 'smem_wait' && (op as Op<'smem_wait'>).attrs.left === 0) return { ...before, flying: false };
    const writes = own && op.name !== 'smem_read';
    const out = either(before, { written: writes, flying: writes && op.name === 'smem_copy' });
    this.#mark(start, out);
    return out;
  }

  /** `after`: the buffer may be read behind the block. The result: before it. */
  backward(block: Block, after: boolean): boolean {
    return block.ops.reduceRight((wanted, op) => this.#before(op, wanted), after);
  }

  #before(op: Op, after: boolean): boolean {
    const { start, end } = this.#at(op);
    if (op.regions.length === 0) {
      if (after) this.#wanted.add(start);
      return this.#readers.has(op) || (after && !this.#replaces(op));
    }
    const inside = op.regions.map((r) => this.backward(r, after)).some((w) => w);
    // What one trip wants, the one before it leaves: from the write in it to the end of the loop, which is all it takes.
    const wanted = inside || (after && isLoop(op));
    if (wanted) this.#wanted.add(start).add(end);
    return wanted || this.#readers.has(op);
  }

  /** Nothing of what was there before is left. */
  #replaces(op: Op): boolean {
    const { type } = this.#buffer;
    return op.name !== 'smem_read' && bufferOf(op) === this.#buffer && type.kind === 'buffer' && type.slots === 1;
  }
}
