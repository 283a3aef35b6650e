import type { Op, Value } from '../../../compiler/ir/module.js';
import { blockedLayout } from '../../../compiler/layout/blocked.js';
import type { Layout } from '../../../compiler/layout/layout.js';
import { planAccess, type SharedAccess } from '../../../compiler/layout/shared-access.js';
import { storageOfSwizzle } from '../../../compiler/layout/storage.js';
import { type Address, imm, type Reg } from '../isa/operand.js';
import { loadTile } from './access.js';
import type { Emitter } from './emitter.js';
import { type GlobalBox, globalBox } from './global.js';
import { type BufferPlace, bytesAt, placeOf, SlotAddresses, slotBase, writers, writeTile } from './shared.js';
import { and, type Truth } from './truth.js';

export function emitCommit(e: Emitter): void {
  e.deferred.push(() => e.b.exec('cp.async.commit_group'));
}

export function emitWait(e: Emitter, op: Op<'smem_wait'>): void {
  e.b.exec('cp.async.wait_group', imm(op.attrs.left));
}

/** How a box is copied: each thread some chunks that lie together in global and in shared memory. */
interface CopyPlan {
  readonly layout: Layout;
  readonly box: GlobalBox;
  readonly access: SharedAccess;
  readonly chunkBytes: 4 | 8 | 16;
}

/**
 * Chunks of 16, 8 or 4 bytes, as the alignment allows, without passing through registers. Where it allows none (rows of
 * an odd number of 16-bit elements) the box is loaded and written: that has arrived before any wait, so it is as good.
 * @param condition a predicate without which nothing is copied; null: always.
 */
export function emitCopy(e: Emitter, op: Op<'smem_copy'>, condition: Reg | null = null): void {
  const place = placeOf(op.operands[1]);
  const slot = e.scalar(op.operands[2] as Value);
  const plan = planCopy(e, op, place);
  if (plan === null) {
    const layout = copyLayout(e, place, 16);
    const through = (): void => {
      const view = e.view(op.operands[0] as Value);
      writeTile(e, place, slot, loadTile(e, view, op.operands.slice(3), layout, { ...op.attrs, pad: 0 }));
    };
    if (condition === null) through();
    else branchUnless(e, condition, through);
    return;
  }
  const { access, box, chunkBytes } = plan;
  const addresses = new SlotAddresses(e, slotBase(e, place, slot), { lane: access.laneBases, warp: access.warpBases });
  const active = and(e.b, writers(e, access.idle) ?? true, condition ?? true);
  for (const step of access.steps)
    e.deferred.push(() => {
      const [to, from, inside] = [addresses.at(step.offset), box.address(step.register), box.inside(step.register)];
      const issue = sizedCopy(e, chunkBytes, to, from, inside);
      if (typeof active === 'boolean') issue();
      else e.b.when(active, false, issue);
    });
}

function branchUnless(e: Emitter, condition: Reg, body: () => void): void {
  const end = e.b.newLabel('copied');
  e.b.branch(end, condition, true);
  e.scope(body);
  e.b.place(end);
}

const copyLayout = (e: Emitter, place: BufferPlace, chunkBytes: number): Layout =>
  blockedLayout({
    shape: place.type.shape,
    vector: Math.max(1, chunkBytes / bytesAt(place)),
    threads: e.threads,
    inDim: 'lane',
  });

function planCopy(e: Emitter, op: Op<'smem_copy'>, place: BufferPlace): CopyPlan | null {
  const view = e.view(op.operands[0] as Value);
  const storage = storageOfSwizzle(place.swizzle);
  for (const chunkBytes of [16, 8, 4] as const) {
    const layout = copyLayout(e, place, chunkBytes);
    const access = planAccess(layout, place.type.shape, bytesAt(place), storage, 'write', { stmatrix: false });
    if (access.width * bytesAt(place) !== chunkBytes) continue;
    const box = globalBox(e, view, op.operands.slice(3), layout, op.attrs, chunkBytes);
    if (box.run.width === access.width) return { layout, box, access, chunkBytes };
  }
  return null;
}

/** One chunk; zeros where it lies outside. What the instruction needs is computed before a guard is put on it. */
function sizedCopy(e: Emitter, bytes: 4 | 8 | 16, to: Address, from: Address, inside: Truth): () => void {
  const { b } = e;
  if (inside === true) {
    if (bytes === 16) return () => b.exec('cp.async.cg.16', to, from);
    return () => b.exec(bytes === 8 ? 'cp.async.ca.8' : 'cp.async.ca.4', to, from);
  }
  const size = inside === false ? imm(0) : b.op('selp.b32', imm(bytes), imm(0), inside);
  if (bytes === 16) return () => b.exec('cp.async.cg.16.zfill', to, from, size);
  return () => b.exec(bytes === 8 ? 'cp.async.ca.8.zfill' : 'cp.async.ca.4.zfill', to, from, size);
}
