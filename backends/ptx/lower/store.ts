import type { Op, Value } from '../../../compiler/ir/module.js';
import { is16Bit } from '../../../compiler/ir/types.js';
import { freeBits } from '../../../compiler/layout/holders.js';
import type { Layout } from '../../../compiler/layout/layout.js';
import { type Address, at, imm, type Operand, type Reg } from '../isa/operand.js';
import { type Emitter, layoutOf, rankOf } from './emitter.js';
import { globalBox, runsOf } from './global.js';
import { halfOf, packPair } from './halves.js';
import type { Tile } from './tile.js';
import { and, clear, type Truth, truthOf, when } from './truth.js';
import { elementBytes, type ViewState } from './views.js';

/** Each element is stored once: of its holders, freeBits elects one. */
export function emitStore(e: Emitter, op: Op<'store'>): void {
  const view = e.view(op.operands[0] as Value);
  const value = op.operands[1] as Value;
  const rank = view.axes.length;
  const masked = op.attrs.masked === true ? (op.operands[2 + rank] as Value) : null;
  if (rankOf(value) === 0) {
    const condition = and(e.b, view.exists, firstThread(e), masked === null || truthOf(e.scalar(masked)));
    if (condition !== false) storeElement(e, view, value, 0, at(view.base()), condition);
    return;
  }
  const layout = layoutOf(value);
  const tile = e.tile(value);
  const mask = masked === null ? null : e.tile(masked);
  const most = mask === null ? 16 : elementBytes(view);
  const box = globalBox(e, view, op.operands.slice(2, 2 + rank), layout, op.attrs, most);
  const free = freeBits(layout);
  const elected = holderOf(e, layout);
  for (const members of runsOf(layout, box.run)) {
    const start = members[0] as number;
    if ((start & free.register) !== 0) continue;
    const condition = and(e.b, elected, box.inside(start), mask === null || truthOf(mask.lane(start)));
    if (condition !== false) storeRun(e, tile, members, box.address(start), condition);
  }
}

/** Whether this thread is the one that writes, of those that hold the same elements. */
export function holderOf(e: Emitter, layout: Layout): Truth {
  const free = freeBits(layout);
  return clear(e.b, e.tid(), free.lane | (free.warp << 5));
}

/** A view whose axes are all fixed holds one element, which one thread stores. */
export const firstThread = (e: Emitter): Reg => e.b.op('setp.eq.u32', e.tid(), imm(0));

/** Stores register `register` of a tile, or a scalar. */
export function storeElement(
  e: Emitter,
  view: ViewState,
  value: Value,
  register: number,
  to: Address,
  condition: Truth,
): void {
  const { b } = e;
  if (rankOf(value) > 0) storeRun(e, e.tile(value), [register], to, condition);
  else if (is16Bit(view.dtype)) {
    const half = b.op(view.dtype === 'f16' ? 'cvt.rn.f16.f32' : 'cvt.rn.bf16.f32', e.scalar(value));
    when(b, condition, () => b.exec('st.global.b16', to, half));
  } else when(b, condition, () => b.exec('st.global.b32', to, e.scalar(value)));
}

/** Register `register` of a tile, or a scalar, of 32 bits. */
export const elementOf = (e: Emitter, value: Value, register: number): Operand =>
  rankOf(value) > 0 ? e.tile(value).lane(register) : e.scalar(value);

function storeRun(e: Emitter, tile: Tile, members: readonly number[], to: Address, condition: Truth): void {
  const { b } = e;
  if (is16Bit(tile.dtype) && members.length === 1) {
    const x = halfElement(e, tile, members[0] as number);
    when(b, condition, () => b.exec('st.global.b16', to, x));
    return;
  }
  const words = is16Bit(tile.dtype) ? pairsOf(e, tile, members) : members.map((r) => tile.lane(r));
  when(b, condition, () => storeWords(e, to, words));
}

function storeWords(e: Emitter, to: Address, words: readonly Operand[]): void {
  if (words.length === 4) e.b.exec('st.global.v4.b32', to, words);
  else if (words.length === 2) e.b.exec('st.global.v2.b32', to, words);
  else e.b.exec('st.global.b32', to, words[0] as Operand);
}

/** Elements of a run, two to a word. */
function pairsOf(e: Emitter, tile: Tile, members: readonly number[]): Reg[] {
  return Array.from({ length: members.length / 2 }, (_, i) => {
    const [low, high] = [members[2 * i] as number, members[2 * i + 1] as number];
    if ((low & 1) === 0 && high === low + 1) return tile.pair(low >> 1);
    return packPair(e, tile.lane(low), tile.lane(high), tile.dtype);
  });
}

const halfElement = (e: Emitter, tile: Tile, r: number): Reg => halfOf(e, tile.pair(r >> 1), r & 1);
