import { opRow } from '../ops/table.js';
import { type Block, type Kernel, type Op, type Value, walk } from './module.js';
import { isFloat } from './types.js';

/** Values that have been replaced by others; chains are followed. */
export class Substitution {
  readonly #to = new Map<Value, Value>();

  set(from: Value, to: Value): void {
    if (from !== to) this.#to.set(from, to);
  }

  of(v: Value): Value {
    let to = v;
    for (let next = this.#to.get(to); next !== undefined; next = this.#to.get(to)) to = next;
    if (to !== v) this.#to.set(v, to);
    return to;
  }

  /** Rewrites the operands of every op of the kernel. */
  apply(kernel: Kernel): void {
    for (const op of walk(kernel.body)) this.operands(op);
  }

  operands(op: Op): void {
    op.operands = op.operands.map((v) => this.of(v));
  }
}

/** How often each value is an operand; yields count. */
export function useCounts(kernel: Kernel): Map<Value, number> {
  const counts = new Map<Value, number>();
  for (const op of walk(kernel.body)) for (const v of op.operands) counts.set(v, (counts.get(v) ?? 0) + 1);
  return counts;
}

/** The op that defines `v`, if it is one with this name. */
export function definedBy(v: Value, name: Op['name']): Op | null {
  return v.def.kind === 'op' && v.def.name === name ? v.def : null;
}

/** The number that every lane of `v` has, if it is a constant. */
export function constantOf(v: Value): number | null {
  const op = definedBy(v, 'const');
  return op === null ? null : (op.attrs as { value: number }).value;
}

/**
 * Pure, and never a trap: it may run where it would not have run. Integers divide by constants that cannot trap. Not so
 * what has a region, which may read more than the op names.
 */
export function runsAnywhere(op: Op): boolean {
  if (opRow(op.name).effect !== 'pure' || op.regions.length > 0) return false;
  const [x, divisor] = op.operands;
  if ((op.name !== 'idiv' && op.name !== 'rem') || x === undefined || isFloat(x.type.dtype)) return true;
  const by = divisor === undefined ? null : constantOf(divisor);
  return by !== null && by !== 0 && by !== -1;
}

/** The values that a region ends with; none for a kernel's body. */
export const yielded = (region: Block): readonly Value[] => yieldOf(region)?.operands ?? [];

/** The last op of a region, if it is a yield: the verifier holds regions to it. */
export function yieldOf(region: Block): Op | null {
  const last = region.ops.at(-1);
  return last?.name === 'yield' ? last : null;
}

export const isLoop = (op: Op): op is Op<'for'> | Op<'while'> => op.name === 'for' || op.name === 'while';

/** What a loop carries: initial values, arguments of its body, and of its condition where that is a region too. */
export interface LoopParts {
  readonly inits: readonly Value[];
  readonly args: readonly Value[];
  readonly body: Block;
  readonly condition: Block | null;
}

export function loopParts(op: Op<'for'> | Op<'while'>): LoopParts {
  const [first, second] = op.regions as [Block, Block?];
  if (op.name === 'while' && second !== undefined)
    return { inits: op.operands, args: second.args, body: second, condition: first };
  return { inits: op.operands.slice(3), args: first.args.slice(1), body: first, condition: null };
}
