import { outputsInOrder } from '../../compiler/analysis/store-order.js';
import { rootOf } from '../../compiler/analysis/view-root.js';
import { type AnyOp, type Kernel, type Value, walk } from '../../compiler/ir/module.js';
import { isAddition, isMemoryOp } from './bindings.js';
import type { Buffer } from './statement.js';

/**
 * Arguments whose accesses keep their order among the invocations of a program, each with what barriers know it by:
 * `stores` for loads and stores, `adds` for atomic additions, which come in any order among themselves.
 */
export class Order {
  readonly #stores = new Map<Value, Buffer>();
  readonly #adds = new Map<Value, Buffer>();
  readonly #rootOf = new Map<Buffer, Value>();

  constructor(kernel: Kernel, make: () => Buffer) {
    for (const root of rootsInOrder(kernel))
      for (const of of [this.#stores, this.#adds]) {
        const buffer = make();
        of.set(root, buffer);
        this.#rootOf.set(buffer, root);
      }
  }

  /** What a load of a view of `root` reads in the eyes of barriers. */
  reads(root: Value): Buffer[] {
    return listOf(this.#stores.get(root));
  }

  /** What a store writes. */
  stores(root: Value): Buffer[] {
    return listOf(this.#stores.get(root));
  }

  /** What an addition writes. */
  adds(root: Value): Buffer[] {
    return listOf(this.#adds.get(root));
  }

  /** Whether two accesses want a barrier between them, if one of them writes. */
  readonly overlap = (a: Buffer, b: Buffer): boolean => {
    const root = this.#rootOf.get(a);
    return root !== undefined && root === this.#rootOf.get(b) && !(this.#isAdds(a, root) && this.#isAdds(b, root));
  };

  #isAdds(b: Buffer, root: Value): boolean {
    return this.#adds.get(root) === b;
  }
}

const listOf = (b: Buffer | undefined): Buffer[] => (b === undefined ? [] : [b]);

/** What a program does with an argument that it may write. */
interface Uses {
  reads: boolean;
  stores: boolean;
  adds: boolean;
  /** Stores whose order `outputsInOrder` does not judge: scattered ones, and those in loops that count no index. */
  unruly: boolean;
}

function rootsInOrder(kernel: Kernel): Set<Value> {
  const found = outputsInOrder(kernel);
  const inWhile = new Set<AnyOp>();
  const uses = new Map<Value, Uses>();
  for (const op of walk(kernel.body) as Generator<AnyOp>) {
    if (op.name === 'while' || inWhile.has(op))
      for (const region of op.regions) for (const inner of walk(region)) inWhile.add(inner as AnyOp);
    if (!isMemoryOp(op)) continue;
    const { root } = rootOf(op.operands[0] as Value);
    const u = uses.get(root) ?? { reads: false, stores: false, adds: false, unruly: false };
    uses.set(root, u);
    if (op.name === 'store' || op.name === 'scatter') {
      u.stores = true;
      u.unruly ||= op.name === 'scatter' || inWhile.has(op);
    } else if (isAddition(op)) u.adds = true;
    else u.reads = true;
  }
  for (const [root, { reads, stores, adds, unruly }] of uses)
    if (unruly || (reads && (stores || adds)) || (stores && adds)) found.add(root);
  return found;
}
