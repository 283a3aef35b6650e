import type { Value } from '../../../compiler/ir/module.js';
import { type DType, isInt, type TileType, tileType } from '../../../compiler/ir/types.js';
import {
  coerce,
  fits,
  isNumeric,
  type Joined,
  joinShapes,
  type Numeric,
  type Operand,
  typeLabels,
} from '../convert.js';
import { describe, NONE, POISON, rankOf, tileOf, tileTypeOf, type Val, type ViewVal, viewTypeOf } from '../value.js';
import { type Access, loadOptions, readable, storeOptions, writable } from './access.js';
import { arg, type Call, wrong } from './arguments.js';
import { addable } from './atomic.js';
import { castIndex, itemsOf, wrongCount } from './origin.js';

/** `view.gather([i, j])`: the indices broadcast to the shape of the result, which is a scalar if all of them are. */
export function gather(call: Call, view: ViewVal): Val {
  if (!readable(call, view)) return POISON;
  const index = addresses(call, view);
  const joined = index === null ? null : joinShapes(call.ev, arg(call, 0).node, index);
  const options = joined === null ? null : loadOptions(call, 1, view, joined);
  if (index === null || joined === null || options === null) return POISON;
  const at = indexTiles(call, index, joined);
  if (at === null) return POISON;
  const { mask, attrs, read } = options;
  const type = tileType(viewTypeOf(view).dtype, joined.shape);
  const operands = [view.v, ...at, ...mask];
  return tileOf(call.ev.value(call.node, 'gather', operands, { ...read, ...attrs }, type), joined.dims);
}

export const scatter = (call: Call, view: ViewVal): Val =>
  writable(call, view) ? writeLanes(call, view, 'scatter') : POISON;

export const scatterAdd = (call: Call, view: ViewVal): Val =>
  addable(call, view) ? writeLanes(call, view, 'scatter_add') : POISON;

/** Indices and value broadcast together; the values convert to the view's dtype. */
function writeLanes(call: Call, view: ViewVal, op: 'scatter' | 'scatter_add'): Val {
  const index = addresses(call, view);
  if (index === null && arg(call, 0).val.kind !== 'arr') return POISON;
  const value = laneValue(call, view);
  if (index === null || value === null) return POISON;
  const joined = joinShapes(call.ev, call.node, [...index, value]);
  const options = joined === null ? null : storeOptions(call, 2, joined);
  if (joined === null || options === null) return POISON;
  const at = indexTiles(call, index, joined);
  const v = converted(call, value, viewTypeOf(view).dtype, joined);
  if (at === null || v === null) return POISON;
  const { mask, attrs } = options;
  if (joined.shape.length > 0 || at.length > 3) call.ev.op(call.node, op, [view.v, v, ...at, ...mask], attrs);
  else writeElement(call, view, op === 'scatter' ? 'store' : 'atomic_add', v, at, options);
  return NONE;
}

/** One element is a box whose extents are 1. */
function writeElement(
  call: Call,
  view: ViewVal,
  op: 'store' | 'atomic_add',
  value: Value,
  at: readonly Value[],
  { mask, attrs }: Access,
): void {
  const shape = at.map(() => 1);
  const box = (v: Value): Value =>
    shape.length === 0 ? v : call.ev.value(call.node, 'splat', [v], {}, tileType((v.type as TileType).dtype, shape));
  call.ev.op(call.node, op, [view.v, box(value), ...at, ...mask.map(box)], attrs);
}

/** What scatter() writes: a literal that the view's dtype has, or a tile or scalar of any dtype. */
function laneValue(call: Call, view: ViewVal): Operand<Numeric> | null {
  const { val, node } = arg(call, 1);
  if (val.kind === 'num') return fits(call.ev, node, val.value, viewTypeOf(view).dtype) ? { val, node } : null;
  return isNumeric(val) && val.kind === 'tile' ? { val, node } : wrong(call, { val, node }, 'a number or a tile');
}

function converted(call: Call, { val, node }: Operand<Numeric>, dtype: DType, { shape }: Joined): Value | null {
  if (val.kind !== 'tile' || tileTypeOf(val).dtype === dtype) return coerce(call.ev, { val, node }, dtype, shape);
  const cast = tileOf(call.ev.value(node, 'cast', [val.v], { to: dtype }), val.dims);
  return coerce(call.ev, { val: cast, node }, dtype, shape);
}

/** The list of indices: numbers, i32 and u32 scalars and tiles, one an axis of the view. */
function addresses(call: Call, view: ViewVal): Operand<Numeric>[] | null {
  const o = arg(call, 0);
  const items = itemsOf(o);
  if (items === null) return wrong(call, o, 'indices, one an axis, as [i, j]', indexHelp(call, o));
  const rank = viewTypeOf(view).extents.length;
  if (items.length !== rank) return wrongCount(call, o.node, 'index list', items.length, view);
  const found = items.map((item) => address(call, item));
  return found.every((f) => f !== null) ? (found as Operand<Numeric>[]) : null;
}

function indexHelp(call: Call, { val }: Operand): string[] {
  if (arg(call, 1).val.kind === 'arr') return [`the indices come first: ${call.name}([i, j], value)`];
  return val.kind === 'tile' || val.kind === 'num' ? ['write it in brackets: a list has one index an axis'] : [];
}

function address(call: Call, o: Operand): Operand<Numeric> | null {
  const { val, node } = o;
  if (val.kind === 'num') return fits(call.ev, node, val.value, 'i32', 'indices count elements') ? { val, node } : null;
  if (val.kind !== 'tile') return wrong(call, o, 'an integer scalar or tile');
  if (isInt(tileTypeOf(val).dtype)) return { val, node };
  call.ev.error(
    'LAC0216',
    node,
    `an index is an i32 or u32 ${rankOf(val) === 0 ? 'scalar' : 'tile'}, not ${describe(val)}`,
    {
      labels: typeLabels(o),
      help: [castIndex(o)],
    },
  );
  return null;
}

/** i32 tiles of the common shape. A u32 keeps its bits: beyond 2^31 it is negative, and outside of every view. */
function indexTiles(call: Call, index: readonly Operand<Numeric>[], { shape }: Joined): Value[] | null {
  const at = index.map((o) => coerce(call.ev, o, 'i32', shape));
  return at.every((v) => v !== null) ? (at as Value[]) : null;
}
