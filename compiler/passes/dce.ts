/**
 * Enters: any kernel. Leaves: no op whose results nothing needs, and no carried value or `if` result that reaches no
 * store. Sound: only stores are observable; pure ops and loads without a needed result can go (with the traps that
 * `interpret` would have raised in them), and a loop without stores in it always ends.
 */
import type { Block, Kernel, Op, Value } from '../ir/module.js';
import { isLoop, loopParts, yielded, yieldOf } from '../ir/rewrite.js';
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
    for (const v of alwaysNeeded(op)) this.#need(v);
    if (op.name === 'while') for (const v of conditionOf(op)) this.#need(v);
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
    const carried = v.def.args.indexOf(v) - (around.name === 'for' ? 1 : 0);
    if (isLoop(around) && carried >= 0) this.#needResult(around, carried);
  }

  /** Result i of a control op: what its regions yield for it, and a loop's initial value and argument. */
  #needResult(op: Op, i: number): void {
    if (isLoop(op)) {
      const { inits, args, body, condition } = loopParts(op);
      for (const v of [yielded(body)[i], args[i], condition?.args[i], inits[i]]) this.#need(v);
    } else
      for (const region of op.regions)
        for (const v of isFold(op) ? yielded(region) : [yielded(region)[i]]) this.#need(v);
  }
}

/** A fold's function makes all results together: none of them can be left out. */
const isFold = (op: Op): boolean => op.name === 'reduce_by' || op.name === 'scan_by';

/** What an op that runs reads, whichever of its results are needed. */
function alwaysNeeded(op: Op): readonly Value[] {
  if (op.name === 'while' || op.name === 'yield') return [];
  return op.name === 'for' ? op.operands.slice(0, 3) : op.operands;
}

const conditionOf = (op: Op): readonly Value[] => (op.regions[0] === undefined ? [] : yielded(op.regions[0]));

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
  if (isFold(op)) return;
  const first = op.name === 'for' ? 1 : 0;
  const args = isLoop(op) ? loopParts(op).args : [];
  const keep = op.results.map((v, i) => {
    const arg = args[i];
    return live.value(v) || (arg !== undefined && live.value(arg));
  });
  const kept = (_: unknown, i: number): boolean => keep[i] ?? true;
  if (isLoop(op)) {
    op.operands = [...op.operands.slice(0, 3 * first), ...op.operands.slice(3 * first).filter(kept)];
    for (const region of op.regions)
      region.args = [...region.args.slice(0, first), ...region.args.slice(first).filter(kept)];
  }
  op.results = op.results.filter(kept);
  for (const region of op.regions) {
    if (op.name === 'while' && region === op.regions[0]) continue;
    const end = yieldOf(region);
    if (end !== null) end.operands = end.operands.filter(kept);
  }
}
