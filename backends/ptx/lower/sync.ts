import type { Op } from '../../../compiler/ir/module.js';
import { imm } from '../isa/operand.js';
import type { Emitter } from './emitter.js';

/** `bar.sync 0` joins the block; numbers from 1 on join the warps of one component; a warp has its own instruction. */
export function emitBarrier(e: Emitter, op: Op<'barrier'>): void {
  const { scope, map = [], warps = 1 } = op.attrs;
  if (scope === 'warp' || (scope === 'cta' && e.warps === 1)) e.b.exec('bar.warp.sync', imm(0xffffffff));
  else if (scope === 'cta') e.b.exec('bar.sync', imm(0));
  else {
    const number = e.threadPart({ lane: [], warp: map });
    const id =
      number.kind === 'reg'
        ? e.hoisted(`barrier ${map.join(' ')}`, () => e.b.op('add.s32', number, imm(1)))
        : imm(Number(number.value) + 1);
    e.b.exec('bar.sync.count', id, imm(32 * warps));
  }
}
