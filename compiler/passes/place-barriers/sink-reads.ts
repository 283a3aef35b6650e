import { type Access, conflictOf, isLazy, type SharedAccesses } from '../../analysis/shared-accesses.js';
import { type Block, type Kernel, type Op, type Value, walk } from '../../ir/module.js';

/**
 * Moves every read of shared memory, with what is computed from it on demand, down to the first op that wants registers
 * of it. That is where its instructions come to stand anyhow; a barrier before them then has all the room there is, and
 * one may serve several round trips. A read stays above writes to its slot, and above barriers that stand already.
 */
export function sinkReads(kernel: Kernel, accesses: SharedAccesses): void {
  const byOp = new Map(accesses.own.map((a) => [a.op, a]));
  const visit = (block: Block): void => {
    for (const op of [...block.ops]) {
      op.regions.forEach(visit);
      const access = byOp.get(op);
      if (access?.kind === 'read') sink(access, block, byOp);
    }
  };
  visit(kernel.body);
}

function sink(read: Access, block: Block, accesses: ReadonlyMap<Op, Access>): void {
  const from = block.ops.indexOf(read.op);
  const values = new Set<Value>(read.op.results);
  const moved = new Set<Op>([read.op]);
  const to = block.ops.findIndex((op, i) => {
    if (i <= from) return false;
    const inside = op.regions.length === 0 ? [op] : [op, ...op.regions.flatMap((region) => [...walk(region)])];
    if (inside.some((x) => x.name === 'barrier' || overwrites(accesses.get(x), read))) return true;
    if (!inside.some((x) => x.operands.some((v) => values.has(v)))) return false;
    if (!isLazy(op)) return true;
    moved.add(op);
    for (const v of op.results) values.add(v);
    return false;
  });
  if (to < 0) return;
  const [above, below] = [block.ops.slice(0, to), block.ops.slice(to)];
  block.ops = [...above.filter((op) => !moved.has(op)), ...above.filter((op) => moved.has(op)), ...below];
}

const overwrites = (write: Access | undefined, read: Access): boolean =>
  write !== undefined && write.kind !== 'read' && conflictOf(read, write, 'same') !== null;
