/** Accesses with an address a lane: gather, scatter, and its atomic sibling. */
import type { Op, Value } from '../../../compiler/ir/module.js';
import { storedRegisters } from '../../../compiler/layout/holders.js';
import { type Layout, registerCount } from '../../../compiler/layout/layout.js';
import { type Address, at, imm, type Operand, type Reg } from '../isa/operand.js';
import { loadRuns, loadScalar, resultOf } from './access.js';
import { addElement } from './atomic.js';
import { type Emitter, layoutOf, rankOf } from './emitter.js';
import { add64 } from './integers.js';
import { validAt } from './positions.js';
import { firstThread, holderOf, storeElement } from './store.js';
import { and, type Truth, truthOf, within } from './truth.js';
import { type OffsetBits, offsetAlong, type ViewState } from './views.js';

/** Where the element of each register lies, and whether the access touches it. */
interface AddressedLanes {
  inside(register: number): Truth;
  address(register: number): Address;
}

/** What an axis of the view adds: the index of each register, by number, and how many different ones there are. */
interface IndexAxis {
  readonly axis: number;
  readonly lanes: readonly Operand[];
  readonly different: number;
}

/** Axes of which the first have been added. */
interface Partial {
  readonly inside: Truth;
  pointer(): Reg;
}

const keyOf = (x: Operand): string => (x.kind === 'reg' ? `r${x.id}` : `${x.value}`);

/**
 * Offsets are summed from the axis on that has the fewest different indices in a thread, and sums are shared: a row's
 * pointer and bounds are computed once for all its registers.
 * @param layout of the tile whose lanes are addressed; null for a scalar.
 */
function addressedLanes(
  e: Emitter,
  op: Op<'gather'> | Op<'scatter'> | Op<'scatter_add'>,
  view: ViewState,
  firstIndex: number,
  layout: Layout | null,
): AddressedLanes {
  const rank = view.axes.length;
  const count = layout === null ? 1 : registerCount(layout);
  const lanes = (v: Value | undefined): readonly Operand[] => Array.from({ length: count }, (_, r) => laneOf(e, v, r));
  const axes = view.axes
    .map((_, axis): IndexAxis => {
      const own = lanes(op.operands[firstIndex + axis]);
      return { axis, lanes: own, different: new Set(own.map(keyOf)).size };
    })
    .sort((a, b) => a.different - b.different);
  const sums = partialSums(e, view, axes, op.attrs);
  const mask = op.attrs.masked === true ? lanes(op.operands[firstIndex + rank]) : null;
  const valid = layout === null ? () => true : validAt(e, layout, op.attrs.valid);
  return {
    inside: (r) => and(e.b, sums(r).inside, valid(r), mask === null || truthOf(mask[r] ?? imm(0))),
    address: (r) => at(sums(r).pointer()),
  };
}

function laneOf(e: Emitter, v: Value | undefined, register: number): Operand {
  if (v === undefined) return imm(0);
  return rankOf(v) === 0 ? e.scalar(v) : e.tile(v).lane(register);
}

function partialSums(
  e: Emitter,
  view: ViewState,
  axes: readonly IndexAxis[],
  attrs: { readonly in_bounds?: boolean; readonly offset_bits?: number },
): (register: number) => Partial {
  const bits: OffsetBits = attrs.offset_bits === 32 ? 32 : 64;
  const memo = new Map<string, Partial>([['', { inside: view.exists, pointer: view.base }]]);
  const sum = (register: number, n: number): Partial => {
    const indices = axes.slice(0, n).map(({ lanes }) => lanes[register] ?? imm(0));
    const key = indices.map(keyOf).join(' ');
    const known = memo.get(key);
    if (known !== undefined) return known;
    const before = sum(register, n - 1);
    const [index, axis] = [indices.at(-1) ?? imm(0), view.axes[axes[n - 1]?.axis ?? 0]];
    if (axis === undefined) return before;
    let pointer: Reg | null = null;
    const made: Partial = {
      inside:
        attrs.in_bounds === true ? before.inside : and(e.b, before.inside, within(e.b, index, axis.lo, axis.hi())),
      pointer: () => {
        pointer ??= add64(e.b, before.pointer(), offsetAlong(e, view, axis, index, bits)) as Reg;
        return pointer;
      },
    };
    memo.set(key, made);
    return made;
  };
  return (register) => sum(register, axes.length);
}

/** Issued where it stands, as a load. */
export function emitGather(e: Emitter, op: Op<'gather'>): void {
  const result = resultOf(op);
  const view = e.view(op.operands[0] as Value);
  const { pad } = op.attrs;
  if (rankOf(result) === 0) {
    const lanes = addressedLanes(e, op, view, 1, null);
    e.setScalar(
      result,
      loadScalar(e, view, lanes.inside(0), () => lanes.address(0), pad),
    );
    return;
  }
  const layout = layoutOf(result);
  const lanes = addressedLanes(e, op, view, 1, layout);
  const runs = Array.from({ length: registerCount(layout) }, (_, r) => ({
    members: [r],
    condition: lanes.inside(r),
    address: () => lanes.address(r),
  }));
  e.setTile(result, loadRuns(e, view, layout, runs, pad));
}

/** One holder of each element writes it, or adds it; of a scalar, thread 0. */
export function emitScatter(e: Emitter, op: Op<'scatter'> | Op<'scatter_add'>): void {
  const view = e.view(op.operands[0] as Value);
  const value = op.operands[1] as Value;
  const layout = rankOf(value) === 0 ? null : layoutOf(value);
  const elected = layout === null ? firstThread(e) : holderOf(e, layout);
  const lanes = addressedLanes(e, op, view, 2, layout);
  const put = op.name === 'scatter' ? storeElement : addElement;
  for (const r of layout === null ? [0] : storedRegisters(layout)) {
    const condition = and(e.b, elected, lanes.inside(r));
    if (condition !== false) put(e, view, value, r, lanes.address(r), condition);
  }
}
