import { Bug } from '../../../compiler/diag/diagnostic.js';
import type { Op, Value } from '../../../compiler/ir/module.js';
import { type DType, is16Bit } from '../../../compiler/ir/types.js';
import { type Layout, registerCount } from '../../../compiler/layout/layout.js';
import { toBits16 } from '../../../compiler/ops/round.js';
import { type Address, at, f32Bits, type Imm, imm, type Operand, type Reg } from '../isa/operand.js';
import { type Emitter, layoutOf, rankOf } from './emitter.js';
import { type BoxAttrs, globalBox, runsOf } from './global.js';
import { halfOf, unpackHalf } from './halves.js';
import { add64 } from './integers.js';
import { makeTile, type Tile } from './tile.js';
import { and, type Truth, truthOf, when, within } from './truth.js';
import { elementBytes, offsetAlong, type ViewState } from './views.js';

/** Bits of a number of the dtype, as one of its elements in memory. */
function bitsOf(x: number, d: DType): number {
  if (is16Bit(d)) return toBits16(d, x);
  return d === 'f32' ? f32Bits(x) : x | 0;
}

export const resultOf = (op: Op): Value => {
  const v = op.results[0];
  if (v === undefined) throw new Bug(`${op.name} without a result`);
  return v;
};

const LOADS = { 1: 'b32', 2: 'v2.b32', 4: 'v4.b32' } as const;
type Words = keyof typeof LOADS;

/** Some words from memory, or `pad` where the condition fails: memory is not touched then. */
function loadWords(e: Emitter, view: ViewState, n: Words, from: () => Address, condition: Truth, pad: number): Reg[] {
  const { b } = e;
  const made = Array.from({ length: n }, () => b.reg('b32'));
  if (condition !== true) for (const r of made) b.into('mov.b32', r, imm(pad));
  if (condition === false) return made;
  const address = from();
  when(b, condition, () => b.into(`ld.global${view.readOnly ? '.nc' : ''}.${LOADS[n]}`, made, address));
  return made;
}

function loadHalf(e: Emitter, view: ViewState, from: () => Address, condition: Truth, pad: number): Reg {
  const { b } = e;
  const made = b.reg('b16');
  if (condition !== true) b.into('mov.b16', made, imm(pad));
  if (condition === false) return made;
  const address = from();
  when(b, condition, () => b.into(`ld.global${view.readOnly ? '.nc' : ''}.b16`, made, address));
  return made;
}

/** Where a 16-bit element came to lie: in half a register of two neighbours, or alone. */
type Half = { readonly word: Reg; readonly half: 0 | 1 } | { readonly alone: Reg };

/** Loads run where they stand, all of them before the first result is used: many bytes are in flight. */
export function emitLoad(e: Emitter, op: Op<'load'>): void {
  const result = resultOf(op);
  const view = e.view(op.operands[0] as Value);
  const rank = view.axes.length;
  const masked = op.attrs.masked === true ? (op.operands[1 + rank] as Value) : null;
  if (rankOf(result) === 0) {
    const condition = and(e.b, view.exists, masked === null || truthOf(e.scalar(masked)));
    e.setScalar(
      result,
      loadScalar(e, view, condition, () => at(view.base()), op.attrs.pad),
    );
    return;
  }
  const mask = masked === null ? null : e.tile(masked);
  e.setTile(result, loadTile(e, view, op.operands.slice(1, 1 + rank), layoutOf(result), op.attrs, mask));
}

/** The box of `layout` at the origins, in registers; lanes outside, or masked off, are `pad`. */
export function loadTile(
  e: Emitter,
  view: ViewState,
  origins: readonly Value[],
  layout: Layout,
  attrs: BoxAttrs & { readonly pad: number },
  mask: Tile | null = null,
): Tile {
  const box = globalBox(e, view, origins, layout, attrs, mask === null ? 16 : elementBytes(view));
  const condition = (r: number): Truth => and(e.b, box.inside(r), mask === null || truthOf(mask.lane(r)));
  const runs = runsOf(layout, box.run).map((members) => ({
    members,
    condition: condition(members[0] as number),
    address: () => box.address(members[0] as number),
  }));
  return loadRuns(e, view, layout, runs, attrs.pad);
}

/** A tile whose registers are loaded run by run; `pad` where the condition of a run fails. */
export function loadRuns(e: Emitter, view: ViewState, layout: Layout, runs: readonly LoadedRun[], pad: number): Tile {
  const bits = bitsOf(pad, view.dtype);
  return is16Bit(view.dtype) ? loadHalves(e, view, layout, runs, bits) : loadLanes(e, view, layout, runs, bits);
}

/** Neighbours in memory: registers that one instruction fills. */
export interface LoadedRun {
  readonly members: readonly number[];
  readonly condition: Truth;
  readonly address: () => Address;
}

function loadLanes(e: Emitter, view: ViewState, layout: Layout, runs: readonly LoadedRun[], pad: number): Tile {
  const lanes: Reg[] = [];
  for (const { members, condition, address } of runs) {
    const words = loadWords(e, view, members.length as Words, address, condition, pad);
    for (const [i, r] of members.entries()) lanes[r] = words[i] as Reg;
  }
  return makeTile(e, view.dtype, layout, { lane: (r) => lanes[r] ?? missingRegister(r) });
}

function loadHalves(e: Emitter, view: ViewState, layout: Layout, runs: readonly LoadedRun[], pad: number): Tile {
  const halves: Half[] = [];
  for (const { members, condition, address } of runs) {
    if (members.length === 1) {
      halves[members[0] as number] = { alone: loadHalf(e, view, address, condition, pad) };
      continue;
    }
    const words = loadWords(e, view, (members.length / 2) as Words, address, condition, pad * 0x10001);
    for (const [i, r] of members.entries()) halves[r] = { word: words[i >> 1] as Reg, half: (i & 1) as 0 | 1 };
  }
  const of = (r: number): Half => halves[r] ?? missingRegister(r);
  if (registerCount(layout) === 1)
    return makeTile(e, view.dtype, layout, { lane: () => floatOf(e, of(0), view.dtype) });
  return makeTile(e, view.dtype, layout, { pair: (i) => pairOf(e, of(2 * i), of(2 * i + 1)) });
}

const missingRegister = (r: number): never => {
  throw new Bug(`load: register ${r} was not loaded`);
};

const floatOf = (e: Emitter, x: Half, d: DType): Operand =>
  'alone' in x ? floatOfHalf(e, x.alone, d) : unpackHalf(e, x.word, x.half, d);

/** Two elements in one register; nothing to do where they were loaded as one. */
function pairOf(e: Emitter, low: Half, high: Half): Reg {
  if ('word' in low && 'word' in high) {
    if (low.word === high.word && low.half === 0 && high.half === 1) return low.word;
    return e.b.op(
      'prmt.b32',
      low.word,
      high.word,
      imm((low.half === 0 ? 0x10 : 0x32) | (high.half === 0 ? 0x5400 : 0x7600)),
    );
  }
  return e.b.op('pack.b32', [halfRegister(e, low), halfRegister(e, high)]);
}

const halfRegister = (e: Emitter, x: Half): Reg => ('alone' in x ? x.alone : halfOf(e, x.word, x.half));

/** A 16-bit float as f32: a bf16 is its upper half. */
export function floatOfHalf(e: Emitter, x: Reg, d: DType): Reg {
  return d === 'f16' ? e.b.op('cvt.f32.f16', x) : e.b.op('shl.b32', e.b.op('cvt.u32.u16', x), imm(16));
}

/** One element, by every thread. */
export function loadScalar(e: Emitter, view: ViewState, condition: Truth, from: () => Address, pad: number): Operand {
  const bits = bitsOf(pad, view.dtype);
  if (!is16Bit(view.dtype)) return loadWords(e, view, 1, from, condition, bits)[0] as Reg;
  return floatOfHalf(e, loadHalf(e, view, from, condition, bits), view.dtype);
}

/** One element, by every thread: 0 outside the view. */
export function emitGet(e: Emitter, op: Op<'get'>): void {
  const view = e.view(op.operands[0] as Value);
  const index = op.operands.slice(1).map((v) => e.scalar(v));
  const bits = op.attrs.offset_bits === 32 ? 32 : 64;
  const inside =
    op.attrs.inside === true ? [] : view.axes.map((axis, i) => within(e.b, index[i] ?? imm(0), axis.lo, axis.hi()));
  const address = (): Address => {
    const base = view.axes.reduce<Reg | Imm>(
      (p, axis, i) => add64(e.b, p, offsetAlong(e, view, axis, index[i] ?? imm(0), bits)),
      view.base(),
    );
    return at(base as Reg);
  };
  e.setScalar(resultOf(op), loadScalar(e, view, and(e.b, view.exists, ...inside), address, 0));
}
