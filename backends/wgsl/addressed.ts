import type { Op, Value } from '../../compiler/ir/module.js';
import { freeBits } from '../../compiler/layout/holders.js';
import { type Layout, registerCount } from '../../compiler/layout/layout.js';
import { putScalar } from './access.js';
import { belowLimits } from './address.js';
import { addOne, contend, guarded, readOne } from './elements.js';
import { type Emitter, layoutOf, product, rankOf, sum } from './emitter.js';
import { literal } from './literal.js';
import { component, laneType, pack, widthOf } from './registers.js';
import type { Buffer } from './statement.js';
import { and, inside, type ViewState } from './views.js';
import { emitWrites } from './writes.js';

type Addressed = Op<'gather'> | Op<'scatter'> | Op<'scatter_add'>;

/** Address and condition of each lane; of a scalar where there is no layout. */
interface Lanes {
  readonly offset: (r: number) => string;
  readonly condition: (r: number) => string | null;
}

function lanesOf(e: Emitter, op: Addressed, first: number, layout: Layout | null): Lanes {
  const view = e.view(op.operands[0] as Value);
  const rank = view.axes.length;
  const lane = (v: Value, r: number): string => (layout === null ? e.scalar(v) : component(e.tile(v), r));
  const indices = op.operands.slice(first, first + rank);
  const mask = op.attrs.masked === true ? (op.operands[first + rank] as Value) : null;
  const below = layout === null ? () => null : belowLimits(e, layout, op.attrs.valid);
  const inBounds = op.attrs.in_bounds === true;
  return {
    offset: (r) => sum(view.offset, ...view.axes.map((axis, i) => product(lane(indices[i] as Value, r), axis.stride))),
    condition: (r) =>
      and([
        view.valid,
        ...(inBounds ? [] : view.axes.map((axis, i) => inside(lane(indices[i] as Value, r), axis))),
        mask === null ? null : lane(mask, r),
        below(r),
      ]),
  };
}

export function emitGather(e: Emitter, op: Op<'gather'>): void {
  const result = op.results[0] as Value;
  const view = e.view(op.operands[0] as Value);
  const layout = rankOf(result) === 0 ? null : layoutOf(result);
  const lanes = lanesOf(e, op, 1, layout);
  const pad = literal(op.attrs.pad, view.arg.dtype);
  const reads = e.order.reads(view.root);
  const one = (r: number): string =>
    e.let(
      guarded(e, lanes.condition(r), lanes.offset(r), pad, (o) => readOne(e, view.arg, o)),
      'v',
      reads,
    );
  if (layout === null) {
    e.scalars.set(result, one(0));
    return;
  }
  const registers = registerCount(layout);
  const width = widthOf(registers);
  const groups = Array.from({ length: registers / width }, (_, g) =>
    pack(
      laneType(view.arg.dtype),
      Array.from({ length: width }, (_, i) => one(g * width + i)),
    ),
  );
  e.define(result, groups, true);
}

export function emitScatter(e: Emitter, op: Op<'scatter'>): void {
  const view = e.view(op.operands[0] as Value);
  put(e, op, view, (offset, value) => contend(e, view.arg, offset, value), e.order.stores(view.root));
}

export function emitScatterAdd(e: Emitter, op: Op<'scatter_add'>): void {
  const view = e.view(op.operands[0] as Value);
  put(e, op, view, (offset, value) => addOne(e, view.arg, offset, value), e.order.adds(view.root));
}

/** One holder of each lane writes it: an addition counts once. */
function put(
  e: Emitter,
  op: Op<'scatter'> | Op<'scatter_add'>,
  view: ViewState,
  write: (offset: string, value: string) => string,
  order: readonly Buffer[],
): void {
  const value = op.operands[1] as Value;
  if (rankOf(value) === 0) {
    const lanes = lanesOf(e, op, 2, null);
    putScalar(e, lanes.condition(0), write(lanes.offset(0), e.scalar(value)), order);
    return;
  }
  const layout = layoutOf(value);
  const lanes = lanesOf(e, op, 2, layout);
  const tile = e.rounded(e.tile(value));
  const free = freeBits(layout).register;
  const writes = Array.from({ length: registerCount(layout) }, (_, r) => r)
    .filter((r) => (r & free) === 0)
    .map((r) => ({ condition: lanes.condition(r), offset: lanes.offset(r), value: component(tile, r) }));
  emitWrites(e, layout, writes, { type: laneType(view.arg.dtype), put: write, mostBranches: 1, order });
}
