import type { Op, Value } from '../../../compiler/ir/module.js';
import { storedRegisters } from '../../../compiler/layout/holders.js';
import { type Address, at } from '../isa/operand.js';
import { type Emitter, layoutOf, rankOf } from './emitter.js';
import { globalBox } from './global.js';
import { elementOf, firstThread, holderOf } from './store.js';
import { and, type Truth, truthOf, when } from './truth.js';
import { elementBytes, type ViewState } from './views.js';

const ADDITIONS = { f32: 'red.global.add.f32', i32: 'red.global.add.s32', u32: 'red.global.add.u32' } as const;

/** Adds register `register` of a tile, or a scalar, to memory: at once, in no order, seen by the whole device. */
export function addElement(
  e: Emitter,
  view: ViewState,
  value: Value,
  register: number,
  to: Address,
  condition: Truth,
): void {
  const name = ADDITIONS[view.dtype as keyof typeof ADDITIONS];
  const x = elementOf(e, value, register);
  when(e.b, condition, () => e.b.exec(name, to, x));
}

/** One holder of each element adds it: of its holders, freeBits elects one. */
export function emitAtomicAdd(e: Emitter, op: Op<'atomic_add'>): void {
  const view = e.view(op.operands[0] as Value);
  const value = op.operands[1] as Value;
  const rank = view.axes.length;
  const masked = op.attrs.masked === true ? (op.operands[2 + rank] as Value) : null;
  if (rankOf(value) === 0) {
    const condition = and(e.b, view.exists, firstThread(e), masked === null || truthOf(e.scalar(masked)));
    if (condition !== false) addElement(e, view, value, 0, at(view.base()), condition);
    return;
  }
  const layout = layoutOf(value);
  const mask = masked === null ? null : e.tile(masked);
  const box = globalBox(e, view, op.operands.slice(2, 2 + rank), layout, op.attrs, elementBytes(view));
  const elected = holderOf(e, layout);
  for (const r of storedRegisters(layout)) {
    const condition = and(e.b, elected, box.inside(r), mask === null || truthOf(mask.lane(r)));
    if (condition !== false) addElement(e, view, value, r, box.address(r), condition);
  }
}
