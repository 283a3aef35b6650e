import { Bug } from '../diag/diagnostic.js';
import type { Block, Kernel, Op, Value } from '../ir/module.js';
import { constantOf, isLoop } from '../ir/rewrite.js';

/** What a loop runs for where its bounds are not constants. */
const UNKNOWN_TRIPS = 16;

/** Where the ops of a kernel stand and who uses which value, as the kernel was when this was made. */
export class Structure {
  /** The op whose region a block is; the body of the kernel has none. */
  readonly parent = new Map<Block, Op>();
  readonly #home = new Map<Op, Block>();
  readonly #users = new Map<Value, Op[]>();

  constructor(kernel: Kernel) {
    this.#index(kernel.body);
  }

  #index(block: Block): void {
    for (const op of block.ops) {
      this.#home.set(op, block);
      for (const v of new Set(op.operands)) {
        const users = this.#users.get(v);
        if (users === undefined) this.#users.set(v, [op]);
        else users.push(op);
      }
      for (const region of op.regions) {
        this.parent.set(region, op);
        this.#index(region);
      }
    }
  }

  /** The block in which an op stands. */
  home(op: Op): Block {
    const block = this.#home.get(op);
    if (block === undefined) throw new Bug(`${op.name} stands in no block`);
    return block;
  }

  /** In program order, each once. */
  users(v: Value): readonly Op[] {
    return this.#users.get(v) ?? [];
  }

  /** The block in which a value is defined. */
  scope(v: Value): Block {
    return v.def.kind === 'block' ? v.def : this.home(v.def);
  }

  /** The op itself, and the ops in whose regions it stands, up to the one that stands in `block`. */
  *path(op: Op, block: Block): Generator<Op> {
    for (let at: Op | undefined = op; at !== undefined; at = this.parent.get(this.home(at))) {
      yield at;
      if (this.home(at) === block) return;
    }
  }

  /** How often a block runs in one program: exact where all loops around it have constant bounds. */
  executions(block: Block): number {
    const around = this.parent.get(block);
    if (around === undefined) return 1;
    return this.executions(this.home(around)) * (isLoop(around) ? tripsOf(around) : 1);
  }
}

function tripsOf(loop: Op): number {
  if (loop.name !== 'for') return UNKNOWN_TRIPS;
  const [begin, end, step] = loop.operands.slice(0, 3).map(constantOf);
  if (begin == null || end == null || step == null || step <= 0) return UNKNOWN_TRIPS;
  return Math.max(1, Math.ceil((end - begin) / step));
}
