import { Bug } from '../diag/diagnostic.js';
import type { Op, Value } from '../ir/module.js';
import { type BufferType, sizeOf } from '../ir/types.js';
import type { Machine, Step } from './machine.js';
import { fillFrom } from './memory.js';

/** Shared memory in program order: a copy has arrived as soon as it is issued, and barriers have nothing to do. */

/** NaN: a read of what nobody wrote shows. */
export function alloc(op: Op<'smem_alloc'>, m: Machine): Step {
  const data = m.buffer(op.results[0]);
  return () => void data.fill(Number.NaN);
}

function bufferOf(v: Value | undefined): BufferType {
  if (v?.type.kind !== 'buffer') throw new Bug('interpreter: a buffer was expected');
  return v.type;
}

/** The slot's part of a buffer, chosen when the kernel runs. */
function slotOf(buffer: Value | undefined, slot: Value | undefined, m: Machine): () => Float64Array {
  const { slots, shape } = bufferOf(buffer);
  const size = sizeOf(shape);
  const parts = Array.from({ length: slots }, (_, i) => m.buffer(buffer).subarray(i * size, (i + 1) * size));
  const at = m.tile(slot);
  return () => {
    const part = parts[at[0] as number];
    if (part === undefined) throw new Bug(`slot ${at[0]} of a buffer of ${slots}`);
    return part;
  };
}

export function write(op: Op<'smem_write'>, m: Machine): Step {
  const to = slotOf(op.operands[0], op.operands[1], m);
  const value = m.tile(op.operands[2]);
  return () => void to().set(value);
}

export function read(op: Op<'smem_read'>, m: Machine): Step {
  const from = slotOf(op.operands[0], op.operands[1], m);
  const out = m.tile(op.results[0]);
  return () => void out.set(from());
}

export function copy(op: Op<'smem_copy'>, m: Machine): Step {
  const to = slotOf(op.operands[1], op.operands[2], m);
  const { shape } = bufferOf(op.operands[1]);
  const fill = fillFrom(op, m, shape, 3);
  return () => fill(to(), 0);
}
