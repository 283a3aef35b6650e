/**
 * Enters: any kernel. Leaves: no op whose results nothing needs, and no carried value or `if` result that reaches no
 * store. Sound: only stores are observable; pure ops and loads without a needed result can go (with the traps that
 * `interpret` would have raised in them), and a loop without stores in it always ends.
 */
import type { Block, Kernel, Op, Value } from '../ir/module.js';
import { yielded, yieldOf } from '../ir/rewrite.js';
import { opRow } from '../ops/table.js';
import type { Pass } from './pass.js';

export const dce: Pass = {
  name: 'dce',
  summary: 'Removes ops and carried values that reach no store.',
  requires: [],
  run(kernel) {
    const live = new Liveness(kernel);
    removeDead(kernel.body, live);
  },
};

class Liveness {
  readonly #values = new Set<Value>();
  readonly #ops = new Set<Op>();
  /** The op whose region a block is. */
  readonly #parent = new Map<Block, Op>();
  /** The block in which an op stands. */
  readonly #home = new Map<Op, Block>();
  readonly #work: Value[] = [];

  constructor(kernel: Kernel) {
    const writes: Op[] = [];
    this.#index(kernel.body, writes);
    for (const op of writes) this.#needOp(op);
    for (let v = this.#work.pop(); v !== undefined; v = this.#work.pop()) this.#reach(v);
  }

  op(op: Op): boolean {
    return this.#ops.has(op);
  }
  value(v: Value): boolean {
    return this.#values.has(v);
  }

  #index(block: Block, writes: Op[]): void {
    for (const op of block.ops) {
      this.#home.set(op, block);
      if (opRow(op.name).effect === 'write') writes.push(op);
      for (const region of op.regions) {
        this.#parent.set(region, op);
        this.#index(region, writes);
      }
    }
  }

  #need(v: Value | undefined): void {
    if (v === undefined || this.#values.has(v)) return;
    this.#values.add(v);
    this.#work.push(v);
  }

  /** The op runs: what it reads is needed, whatever the fate of its results; so is the op around it. */
  #needOp(op: Op): void {
    if (this.#ops.has(op)) return;
    this.#ops.add(op);
    const always = op.name === 'for' ? op.operands.slice(0, 3) : op.name === 'yield' ? [] : op.operands;
    for (const v of always) this.#need(v);
    const home = this.#home.get(op);
    const around = home === undefined ? undefined : this.#parent.get(home);
    if (around !== undefined) this.#needOp(around);
  }

  #reach(v: Value): void {
    if (v.def.kind === 'op') {
      this.#needOp(v.def);
      if (v.def.regions.length > 0) this.#needResult(v.def, v.def.results.indexOf(v));
      return;
    }
    const around = this.#parent.get(v.def);
    if (around === undefined) return;
    this.#needOp(around);
    const carried = v.def.args.indexOf(v) - 1;
    if (around.name === 'for' && carried >= 0) this.#needResult(around, carried);
  }

  /** Result i of a control op: what its regions yield for it, and a loop's initial value and argument. */
  #needResult(op: Op, i: number): void {
    for (const region of op.regions) {
      this.#need(yielded(region)[i]);
      if (op.name !== 'for') continue;
      this.#need(region.args[i + 1]);
      this.#need(op.operands[i + 3]);
    }
  }
}

function removeDead(block: Block, live: Liveness): void {
  block.ops = block.ops.filter((op) => op.name === 'yield' || live.op(op));
  for (const op of block.ops) {
    if (op.regions.length === 0) continue;
    dropResults(op, live);
    for (const region of op.regions) removeDead(region, live);
  }
}

/** A carried value lives if its argument does: reaching the result or the argument has marked both. */
function dropResults(op: Op, live: Liveness): void {
  const body = op.regions[0];
  const keep = op.results.map((v, i) => {
    const arg = op.name === 'for' ? body?.args[i + 1] : undefined;
    return live.value(v) || (arg !== undefined && live.value(arg));
  });
  const kept = (_: unknown, i: number): boolean => keep[i] ?? true;
  if (op.name === 'for') {
    op.operands = [...op.operands.slice(0, 3), ...op.operands.slice(3).filter(kept)];
    if (body !== undefined) body.args = [...body.args.slice(0, 1), ...body.args.slice(1).filter(kept)];
  }
  op.results = op.results.filter(kept);
  for (const region of op.regions) {
    const end = yieldOf(region);
    if (end !== null) end.operands = end.operands.filter(kept);
  }
}
