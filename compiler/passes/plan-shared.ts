/**
 * Enters: buffers in shared memory. Leaves: each has `offset`, its place in bytes; buffers that nothing touches are gone.
 * Two buffers that hold something at one time lie apart. Others may share bytes: the accesses that meet there then are
 * conflicts like any other, which place-barriers cuts.
 *
 * A barrier in a loop costs more than bytes that nobody else wants: buffers that one loop touches share only where they
 * would not fit otherwise, or where fewer blocks would be resident at a time. Last of all, tiles that are read where they
 * are used would be held in registers from the read on.
 */
import { SharedAccesses } from '../analysis/shared-accesses.js';
import { type Lifetime, SharedLifetimes } from '../analysis/shared-lifetimes.js';
import { Bug, diagnostic, LacError } from '../diag/diagnostic.js';
import { type Kernel, type Op, walk } from '../ir/module.js';
import { bytesOf } from '../ir/types.js';
import { type MemoryPlan, planMemory } from '../layout/allocate.js';
import { bufferSlotBytes, storageOfSwizzle } from '../layout/storage.js';
import type { Pass } from './pass.js';

export interface SharedLimits {
  /** Most bytes of shared memory that a block may have. */
  readonly limitBytes: number;
  /** Blocks that are resident on one multiprocessor when each has this many bytes; default: always one. */
  readonly residentBlocks?: (kernel: Kernel, sharedBytes: number) => number;
}

/** Throws LacError LAC0501 where the buffers that live at one time do not fit. */
export const planShared = ({ limitBytes, residentBlocks = () => 1 }: SharedLimits): Pass => ({
  name: 'plan-shared',
  summary: 'Gives every buffer its place in shared memory, by when it holds something.',
  requires: ['plan-conversions'],
  run(kernel) {
    const lifetimes = new SharedLifetimes(kernel, new SharedAccesses(kernel));
    const buffers = allocsOf(kernel).flatMap((op) => {
      const buffer = op.results[0];
      const life = buffer === undefined ? null : lifetimes.of(buffer);
      return buffer === undefined || life === null ? [] : [{ op, buffer, life }];
    });
    const plan = (lifeOf: (b: (typeof buffers)[number]) => Lifetime): MemoryPlan =>
      planMemory(
        buffers.map((b, id) => ({ id, bytes: bufferBytes(b.op), align: alignOf(b.op), ...lifeOf(b) })),
        limitBytes,
      );
    const [apart, dense] = [plan((b) => lifetimes.overLoops(b.life)), plan((b) => b.life)];
    const resident = (p: MemoryPlan): number => residentBlocks(kernel, p.total);
    const roomy = apart.fits && resident(apart) >= resident(dense) ? apart : dense;
    const chosen = roomy.fits ? roomy : plan((b) => lifetimes.of(b.buffer, true) ?? b.life);
    if (!chosen.fits) throw tooMuch(kernel, chosen.total, limitBytes);
    buffers.forEach(({ op }, i) => {
      op.attrs.offset = chosen.offsets[i] ?? 0;
    });
    removeUntouched(kernel);
  },
});

/** Bytes of shared memory that the planned buffers of a kernel take. */
export function sharedBytesOf(kernel: Kernel): number {
  return allocsOf(kernel).reduce((most, op) => {
    if (op.attrs.offset === undefined) throw new Bug('a buffer without a place: plan-shared has not run');
    return Math.max(most, op.attrs.offset + bufferBytes(op));
  }, 0);
}

const isAlloc = (op: Op): op is Op<'smem_alloc'> => op.name === 'smem_alloc';
const allocsOf = (kernel: Kernel): Op<'smem_alloc'>[] => [...walk(kernel.body)].filter(isAlloc);

function bufferBytes(op: Op<'smem_alloc'>): number {
  const type = op.results[0]?.type;
  if (type?.kind !== 'buffer') throw new Bug('smem_alloc without a buffer');
  return type.slots * bufferSlotBytes(type.shape, bytesOf(type.dtype), storageOfSwizzle(op.attrs.swizzle));
}

/** Every access is aligned at 128; what fills a swizzle's period starts with it, as wgmma and bulk copies would ask. */
const alignOf = (op: Op<'smem_alloc'>): number => (bufferBytes(op) >= 1024 ? 1024 : 128);

function removeUntouched(kernel: Kernel): void {
  kernel.body.ops = kernel.body.ops.filter((op) => !isAlloc(op) || op.attrs.offset !== undefined);
}

/** What a kernel is told that needs more shared memory than there is. */
export const tooMuch = (kernel: Kernel, bytes: number, limit: number): LacError =>
  new LacError(
    diagnostic('LAC0501', `${kernel.name} needs ${bytes} bytes of shared memory, a block has at most ${limit}`, null, {
      help: ['choose smaller blocks or fewer stages (--config), or leave the configuration to lac'],
      exceeds: { need: bytes, limit },
    }),
  );
