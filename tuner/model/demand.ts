import { isLazy } from '../../backends/ptx/lower/lazy.js';
import type { AnyOp, Block, Kernel, Op, Value } from '../../compiler/ir/module.js';
import { walk } from '../../compiler/ir/module.js';
import { isLoop } from '../../compiler/ir/rewrite.js';
import { ownRegisters } from './count-dot.js';
import { type CountContext, eagerWork, lazyWork, readPart } from './count-op.js';
import type { WorkOf } from './program-work.js';
import { NO_WORK, WorkSum } from './work.js';

/** Instructions of a warp before anything is loaded: which program it is, strides, addresses. */
const PROLOGUE = 40;
/** Registers of a tile that is cheap to make, up to which a loop holds what it reads from outside. */
const HELD_REGISTERS = 8;

interface Scope {
  readonly block: Block;
  readonly parent: Scope | null;
  /** The op of the parent's block whose region this is. */
  readonly owner: Op | null;
  readonly made: Set<Op>;
}

/**
 * The work of every op that is emitted where it stands, with what it is the first to ask for: tiles are computed on demand,
 * once in a scope; in a loop anew in each trip, unless they are so small that the loop holds them.
 */
export function workByOp(kernel: Kernel, ctx: CountContext): WorkOf {
  const demand = new Demand(kernel, ctx);
  demand.block({ block: kernel.body, parent: null, owner: null, made: new Set() });
  const [first] = kernel.body.ops;
  if (first !== undefined) demand.of(first).add({ issued: PROLOGUE * ctx.warps });
  return (op) => demand.works.get(op)?.total ?? NO_WORK;
}

class Demand {
  readonly works = new Map<Op, WorkSum>();
  readonly #ctx: CountContext;
  readonly #blocks = new Map<Op, Block>();
  readonly #users = new Map<Value, Op[]>();

  constructor(kernel: Kernel, ctx: CountContext) {
    this.#ctx = ctx;
    this.#index(kernel.body);
    for (const op of walk(kernel.body))
      for (const v of op.operands) this.#users.set(v, [...(this.#users.get(v) ?? []), op]);
  }

  #index(block: Block): void {
    for (const op of block.ops) {
      this.#blocks.set(op, block);
      for (const region of op.regions) this.#index(region);
    }
  }

  block(scope: Scope): void {
    this.#waits(scope.block);
    for (const op of scope.block.ops as AnyOp[]) {
      if (isLazy(op) && (op as Op<'smem_read'>).attrs.now !== true) continue;
      if (isLazy(op)) this.#make(op, scope, op);
      else this.of(op).add(eagerWork(op, this.#ctx));
      for (const v of op.operands) this.#ask(v, scope, op);
      for (const region of op.regions) this.block({ block: region, parent: scope, owner: op, made: new Set() });
    }
  }

  /**
   * Times that memory is waited for: once for all loads of a block, which are issued together, but for those that a loop
   * carries to its next trip; and where a wait follows copies of its own block.
   */
  #waits(block: Block): void {
    const loads = block.ops.filter((op) => op.name === 'load' || op.name === 'gather' || op.name === 'get');
    const first = loads.find((op) => this.#users.get(op.results[0] as Value)?.some((u) => u.name !== 'yield'));
    if (first !== undefined) this.of(first).add({ exposedLoads: 1 });
    const copies = block.ops.findIndex((op) =>
      [op, ...op.regions.flatMap((r) => r.ops)].some((x) => x.name === 'smem_copy'),
    );
    const wait = block.ops.find((op, i) => copies >= 0 && i > copies && op.name === 'smem_wait');
    if (wait !== undefined && (wait as Op<'smem_wait'>).attrs.left === 0) this.of(wait).add({ exposedLoads: 1 });
  }

  of(op: Op): WorkSum {
    const known = this.works.get(op) ?? new WorkSum();
    this.works.set(op, known);
    return known;
  }

  /** What makes a value, if nobody has in this scope, is the work of `asker`. */
  #ask(v: Value, scope: Scope, asker: Op): void {
    const op = v.def;
    if (op.kind !== 'op' || !isLazy(op) || this.#isMade(op, scope)) return;
    const [where, on] = this.#place(op, v, scope, asker);
    this.#make(op as AnyOp, where, on);
  }

  #make(op: AnyOp, where: Scope, on: Op): void {
    where.made.add(op);
    const part = op.name === 'smem_read' ? readPart(this.#readers(op.results[0] as Value)) : 1;
    this.of(on).add(lazyWork(op, this.#ctx, part));
    for (const v of op.operands) this.#ask(v, where, on);
  }

  #isMade(op: Op, scope: Scope): boolean {
    for (let s: Scope | null = scope; s !== null; s = s.parent) if (s.made.has(op)) return true;
    return false;
  }

  /** The scope where it is made: that of the asker, or before a loop that holds it. */
  #place(op: Op, v: Value, scope: Scope, asker: Op): [Scope, Op] {
    const home = this.#blocks.get(op);
    let [at, on] = [scope, asker];
    const held = v.layout === undefined || ownRegisters(v.layout) <= HELD_REGISTERS;
    while (held && at.block !== home && at.parent !== null && at.owner !== null && isLoop(at.owner))
      [at, on] = [at.parent, at.owner];
    return [at, on];
  }

  /** Ops that read a tile, through transposes. */
  #readers(v: Value): Op[] {
    const users = this.#users.get(v) ?? [];
    return users.flatMap((u) => (u.name === 'trans' ? this.#readers(u.results[0] as Value) : [u]));
  }
}
