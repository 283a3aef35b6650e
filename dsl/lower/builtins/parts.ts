import type { Value } from '../../../compiler/ir/module.js';
import { isInt, type TileType, tileType } from '../../../compiler/ir/types.js';
import { spanOf } from '../../read/diagnostics.js';
import { coerce, type Joined, type Operand, typeLabels } from '../convert.js';
import { textOf } from '../evaluator.js';
import { describe, isMask, POISON, rankOf, shapeText, type TileVal, tileOf, tileTypeOf, type Val } from '../value.js';
import { arg, axisArg, bracketHelp, type Call, shapeArg, tileArg, wrong } from './arguments.js';
import { castIndex, indices, itemsOf } from './origin.js';

/** slice(x, origin, shape). */
export function slice(call: Call): Val {
  const [x, joined] = [tileArg(call, 0), shapeArg(call, 2)];
  if (x === null || joined === null || !sameRank(call, x, joined, arg(call, 2))) return POISON;
  const origin = partOrigin(call, x, joined);
  if (origin === null) return POISON;
  const type = tileType(tileTypeOf(x.val).dtype, joined.shape);
  return tileOf(call.ev.value(call.node, 'slice', [x.val.v, ...origin], {}, type), joined.dims);
}

/** insert(x, origin, part): the part converts to the dtype of x, as what is stored converts to that of a view. */
export function insert(call: Call): Val {
  const [x, part] = [tileArg(call, 0), tileArg(call, 2)];
  if (x === null || part === null) return POISON;
  const { dtype } = tileTypeOf(x.val);
  const joined: Joined = { shape: tileTypeOf(part.val).shape, dims: part.val.dims };
  if (!sameRank(call, x, joined, part)) return POISON;
  const origin = partOrigin(call, x, joined);
  if (origin === null) return POISON;
  if (isMask(x.val) && !isMask(part.val)) return wrong(call, part, 'a mask', ['compare it: x !== 0, x > 0']) ?? POISON;
  const v =
    tileTypeOf(part.val).dtype === dtype ? part.val.v : call.ev.value(part.node, 'cast', [part.val.v], { to: dtype });
  return tileOf(call.ev.value(call.node, 'insert', [x.val.v, v, ...origin], {}), x.val.dims);
}

function sameRank(call: Call, x: Operand<TileVal>, part: Joined, at: Operand): boolean {
  const rank = rankOf(x.val);
  if (part.shape.length === rank) return true;
  call.ev.error('LAC0202', at.node, `a part of ${describe(x.val)} has its rank, ${rank}, not ${part.shape.length}`, {
    labels: typeLabels(x),
    help: [
      call.name === 'insert'
        ? 'reshape(part, shape) gives it axes of extent 1'
        : 'write 1 for an axis of which one element is taken; reshape() then takes the axis away',
    ],
  });
  return false;
}

/** The origin of a part in a tile, `[r, 0]`. What is known of it at compile time must lie in the tile. */
function partOrigin(call: Call, x: Operand<TileVal>, part: Joined): Value[] | null {
  const o = arg(call, 1);
  const items = itemsOf(o);
  if (items === null) return wrong(call, o, 'an origin, as [r, 0]', bracketHelp(o));
  const whole: Joined = { shape: tileTypeOf(x.val).shape, dims: x.val.dims };
  if (items.length !== whole.shape.length) {
    const entries = `${items.length} ${items.length === 1 ? 'entry' : 'entries'}`;
    call.ev.error('LAC0216', o.node, `the origin has ${entries}; ${describe(x.val)} has rank ${whole.shape.length}`, {
      labels: typeLabels(x),
      help: ['one entry an axis'],
    });
    return null;
  }
  const inside = items.map((item, axis) => liesInside(call, item, axis, whole, part));
  return inside.every((ok) => ok) ? indices(call, items) : null;
}

function liesInside(call: Call, o: Operand, axis: number, whole: Joined, part: Joined): boolean {
  const [extent, most] = [part.shape[axis] ?? 1, whole.shape[axis] ?? 1];
  const at = o.val.kind === 'num' ? o.val.value : 0;
  if (at >= 0 && at + extent <= most) return true;
  const what =
    extent > most
      ? `a part of ${shapeText(part.shape, part.dims)} is larger than the tile of ${shapeText(whole.shape, whole.dims)}`
      : `on axis ${axis} this part has ${span(at, extent)}, the tile ${span(0, most)}`;
  call.ev.error('LAC0228', extent > most ? call.node : o.node, what, {
    help: [extent > most ? 'parts are no larger than their tile' : `origins here are 0 to ${most - extent}`],
  });
  return false;
}

const span = (first: number, n: number): string =>
  n === 1 ? `position ${first}` : `positions ${first} to ${first + n - 1}`;

/** concat([a, b], axis): inserts into a tile of zeros, none of which stays. */
export function concat(call: Call): Val {
  const parts = concatParts(call);
  const [first] = parts ?? [];
  if (parts === null || first === undefined) return POISON;
  const axis = axisArg({ ...call, args: [first, arg(call, 1)] }, 1, rankOf(first.val));
  if (axis === null || !parts.every((p) => joins(call, first, p, axis))) return POISON;
  if (parts.length === 1) return first.val;
  const extents = parts.map((p) => tileTypeOf(p.val).shape[axis] ?? 1);
  const total = extents.reduce((n, e) => n + e, 0);
  const { dtype, shape } = tileTypeOf(first.val);
  const type = tileType(dtype, shape.with(axis, total));
  let whole = call.ev.constant(call.node, 0, type);
  let at = 0;
  for (const [i, p] of parts.entries()) {
    const origin = type.shape.map((_, j) => call.ev.constant(p.node, j === axis ? at : 0, tileType('i32', [])));
    whole = call.ev.value(call.node, 'insert', [whole, p.val.v, ...origin], {});
    at += extents[i] ?? 0;
  }
  return tileOf(whole, joinedDims(parts, axis, total));
}

function concatParts(call: Call): Operand<TileVal>[] | null {
  const o = arg(call, 0);
  const items = itemsOf(o);
  if (items === null || items.length === 0)
    return wrong(call, o, 'an array of tiles', o.val.kind === 'tile' ? ['write concat([a, b], axis)'] : []);
  const tiles = items.filter((p): p is Operand<TileVal> => p.val.kind === 'tile');
  if (tiles.length === items.length) return tiles;
  const bad = items.find((p) => p.val.kind !== 'tile') ?? o;
  return wrong(call, bad, 'a tile', bad.val.kind === 'num' ? ['full(shape, value, dtype) makes a tile of it'] : []);
}

/** Equal dtypes, ranks, and extents on every other axis. */
function joins(call: Call, first: Operand<TileVal>, p: Operand<TileVal>, axis: number): boolean {
  const [a, b] = [tileTypeOf(first.val), tileTypeOf(p.val)];
  const labels = typeLabels(first, p);
  if (a.shape.length !== b.shape.length) {
    call.ev.error('LAC0202', p.node, `ranks differ: ${describe(first.val)} and ${describe(p.val)}`, {
      labels,
      help: ['insert an axis of extent 1: expand(x, axis)'],
    });
    return false;
  }
  if (a.shape.some((e, i) => i !== axis && e !== b.shape[i])) {
    const message = `only the extents of axis ${axis} may differ: ${describe(first.val)} and ${describe(p.val)}`;
    call.ev.error('LAC0201', p.node, message, { labels, help: ['transpose one, or join along the other axis'] });
    return false;
  }
  if (a.dtype === b.dtype) return true;
  const edit = { span: spanOf(p.node), newText: `cast(${textOf(p.node, 400)}, ${a.dtype})` };
  const help = a.dtype === 'i1' || b.dtype === 'i1' ? 'cast the mask' : { text: `cast it to ${a.dtype}`, edit };
  call.ev.error('LAC0205', p.node, `the parts have one dtype, not ${describe(first.val)} and ${describe(p.val)}`, {
    labels,
    help: [help],
  });
  return false;
}

function joinedDims(parts: readonly Operand<TileVal>[], axis: number, total: number): string[] {
  const named = parts.map((p) => p.val.dims[axis] ?? '').join('+');
  return (parts[0]?.val.dims ?? []).map((d, i) => (i !== axis ? d : named.length <= 24 ? named : String(total)));
}

/** take(x, index, axis): lane l of the result is x at l, but at index[l] on the axis. */
export function take(call: Call): Val {
  const [x, index] = [tileArg(call, 0), takeIndex(call)];
  if (x === null || index === null) return POISON;
  const axis = axisArg(call, 2, rankOf(x.val));
  if (axis === null || !indexFits(call, x, index, axis)) return POISON;
  const { shape } = tileTypeOf(x.val);
  const result = shape.with(axis, tileTypeOf(index.val).shape[axis] ?? 1);
  const at = coerceIndex(call, index, result);
  const type = tileType('i32', result);
  const along = result.map((_, i) => (i === axis ? at : positions(call, type, i)));
  if (at === null) return POISON;
  const dims = x.val.dims.with(axis, index.val.dims[axis] ?? '');
  const dtype = tileTypeOf(x.val).dtype;
  return tileOf(call.ev.value(call.node, 'take', [x.val.v, ...(along as Value[])], {}, tileType(dtype, result)), dims);
}

function takeIndex(call: Call): Operand<TileVal> | null {
  const o = arg(call, 1);
  if (o.val.kind === 'num') return wrong(call, o, 'a tile of positions', ['one position: slice(x, origin, shape)']);
  const help = ['positions are a tile of i32, computed from iota(n) or loaded; for fixed ones: slice() and concat()'];
  return o.val.kind === 'arr' ? wrong(call, o, 'a tile of positions', help) : tileArg(call, 1);
}

const coerceIndex = (call: Call, index: Operand<TileVal>, shape: readonly number[]): Value | null =>
  coerce(call.ev, index, 'i32', shape);

/** Every lane's own position on an axis. */
function positions(call: Call, type: TileType, axis: number): Value {
  const { ev, node } = call;
  const n = type.shape[axis] ?? 1;
  let v = ev.value(node, 'iota', [], {}, tileType('i32', [n]));
  for (let i = 0; i < axis; i++) v = ev.value(node, 'expand', [v], { axis: 0 });
  for (let i = axis + 1; i < type.shape.length; i++) v = ev.value(node, 'expand', [v], { axis: i });
  return type.shape.length === 1 ? v : ev.value(node, 'broadcast', [v], {}, type);
}

function indexFits(call: Call, x: Operand<TileVal>, index: Operand<TileVal>, axis: number): boolean {
  const [t, i] = [tileTypeOf(x.val), tileTypeOf(index.val)];
  const labels = typeLabels(x, index);
  if (!isInt(i.dtype)) {
    call.ev.error('LAC0216', index.node, `an index is an i32 or u32 tile, not ${describe(index.val)}`, {
      labels,
      help: isMask(index.val) ? ['where(mask, a, b) chooses by a mask'] : [castIndex(index)],
    });
    return false;
  }
  if (i.shape.length !== t.shape.length) {
    call.ev.error(
      'LAC0202',
      index.node,
      `the index has the rank of the tile: ${describe(x.val)} and ${describe(index.val)}`,
      {
        labels,
        help: [
          i.shape.length === 0
            ? 'one position: slice(x, origin, shape)'
            : 'axes of extent 1 broadcast: expand(index, axis)',
        ],
      },
    );
    return false;
  }
  if (i.shape.every((e, j) => j === axis || e === 1 || e === t.shape[j])) return true;
  const message = `off axis ${axis} the index has the extents of the tile, or 1: ${describe(x.val)} and ${describe(index.val)}`;
  call.ev.error('LAC0201', index.node, message, {
    labels,
    help: ['the result has its extent on the axis that it indexes'],
  });
  return false;
}
