import { SharedAccesses } from '../../compiler/analysis/shared-accesses.js';
import type { Block, Kernel, Op, Value } from '../../compiler/ir/module.js';
import { constantOf } from '../../compiler/ir/rewrite.js';
import { bytesOf } from '../../compiler/ir/types.js';
import { bufferSlotBytes, storageOfSwizzle } from '../../compiler/layout/storage.js';

const GRANULE = 128;

interface Place {
  /** Buffer and slot. */
  readonly owner: string;
  readonly granules: readonly number[];
}

/**
 * Runs a kernel on the owners of its shared memory: which buffer each 128 bytes were written for last. Loops run `trips`
 * times, branches by `takes`. Throws where a buffer that was written is read, or registers of such a read are asked for,
 * and some of its bytes are another's by now.
 */
export function checkOwners(kernel: Kernel, trips: () => number, takes: () => boolean): void {
  const readsAt = readsByDemand(kernel);
  const owners = new Map<number, string>();
  const written = new Set<string>();
  /** Reads that have happened in what runs now, and found something. */
  const happened = new Set<Op>();

  const expectOwned = (read: Op): void => {
    const { owner, granules } = placeOf(read);
    for (const granule of granules)
      if (owners.get(granule) !== owner)
        throw new Error(`${owner} is read at byte ${granule * GRANULE}, which is of ${owners.get(granule)} by now`);
  };
  const visit = (block: Block): void => {
    for (const op of block.ops) {
      if (op.name === 'smem_read') {
        if (written.has(placeOf(op).owner)) happened.add(op);
        else happened.delete(op);
      }
      for (const read of readsAt.get(op) ?? []) if (happened.has(read)) expectOwned(read);
      if (op.name === 'smem_write') {
        const { owner, granules } = placeOf(op);
        written.add(owner);
        for (const granule of granules) owners.set(granule, owner);
      }
      if (op.name === 'for') for (let i = trips(); i > 0; i--) op.regions.forEach(visit);
      else if (op.name === 'if') visit(op.regions[takes() ? 0 : 1] as Block);
    }
  };
  visit(kernel.body);
}

/** By op, the reads whose registers it asks for; a read asks for its own. */
function readsByDemand(kernel: Kernel): Map<Op, Op[]> {
  const accesses = new SharedAccesses(kernel);
  const readsAt = new Map<Op, Op[]>();
  for (const { op, kind } of accesses.own)
    if (kind === 'read')
      for (const demand of [op, ...accesses.demandsOf(op)]) readsAt.set(demand, [...(readsAt.get(demand) ?? []), op]);
  return readsAt;
}

function placeOf(op: Op): Place {
  const [buffer, slot] = op.operands as [Value, Value];
  const alloc = buffer.def as Op<'smem_alloc'>;
  if (buffer.type.kind !== 'buffer') throw new Error('no buffer');
  const { shape, dtype } = buffer.type;
  const slotBytes = bufferSlotBytes(shape, bytesOf(dtype), storageOfSwizzle(alloc.attrs.swizzle));
  const number = constantOf(slot) ?? 0;
  const first = ((alloc.attrs.offset ?? 0) + number * slotBytes) / GRANULE;
  const granules = Array.from({ length: slotBytes / GRANULE }, (_, i) => first + i);
  return { owner: `buffer ${buffer.id} slot ${number}`, granules };
}
