import type { ts } from 'ts-morph';
import type { Help } from '../../../compiler/diag/diagnostic.js';
import type { Value } from '../../../compiler/ir/module.js';
import { scalarType, tileType } from '../../../compiler/ir/types.js';
import { spanOf } from '../../read/diagnostics.js';
import { coerce, fits, type Joined, type Operand, typeLabels } from '../convert.js';
import { textOf } from '../evaluator.js';
import {
  accessOf,
  describe,
  NONE,
  POISON,
  rankOf,
  shapeText,
  type TileVal,
  tileOf,
  tileTypeOf,
  type Val,
  type ViewVal,
  viewTypeOf,
} from '../value.js';
import {
  arg,
  bracketHelp,
  type Call,
  elementNode,
  optionsArg,
  propertyNode,
  shapeArg,
  tileArg,
  wrong,
} from './arguments.js';

/** Methods of views, with the least and most number of arguments. */
export const VIEW_METHODS = {
  at: { min: 0, max: 16, usage: 'view.at(i, j)', run: at },
  load: { min: 2, max: 3, usage: 'view.load(origin, shape), as x.load([n * C, 0], [C, D])', run: load },
  get: { min: 0, max: 16, usage: 'view.get(i, j)', run: get },
  store: { min: 2, max: 3, usage: 'view.store(origin, tile), as y.store([n * C, 0], t)', run: store },
  slice: { min: 2, max: 2, usage: 'view.slice(begin, end)', run: slice },
  scatter: { min: 2, max: 3, usage: 'view.scatter([i, j], value)', run: scatter },
  gather: { min: 1, max: 2, usage: 'view.gather([i, j])', run: notBuilt },
  atomicAdd: { min: 2, max: 3, usage: 'view.atomicAdd([i, j], value)', run: notBuilt },
  scatterAdd: { min: 2, max: 3, usage: 'view.scatterAdd([i, j], value)', run: notBuilt },
} as const satisfies Record<
  string,
  { min: number; max: number; usage: string; run: (call: Call, view: ViewVal) => Val }
>;
export type ViewMethod = keyof typeof VIEW_METHODS;

function notBuilt(call: Call): Val {
  return call.ev.error('LAC0102', call.node, `${call.name} is declared but not built yet`, {
    help: call.name === 'gather' ? ['load a box of the view, or get() single elements'] : ['store() distinct elements'],
  });
}

/** An index or origin: an i32 scalar, or a whole number; null if reported. */
function index(call: Call, o: Operand): Value | null {
  const v = o.val;
  if (v.kind === 'num')
    return fits(call.ev, o.node, v.value, 'i32', 'indices count elements')
      ? call.ev.constant(o.node, v.value, scalarType('i32'))
      : null;
  if (v.kind !== 'tile')
    return wrong(call, o, 'an i32 scalar', v.kind === 'arr' ? ['write the indices without brackets'] : []);
  if (rankOf(v) === 0 && tileTypeOf(v).dtype === 'i32') return v.v;
  const help =
    rankOf(v) !== 0
      ? ['an origin is one element; the shape says how far the tile reaches']
      : [{ text: 'cast it', edit: { span: spanOf(o.node), newText: `cast(${textOf(o.node, 400)}, i32)` } }];
  call.ev.error('LAC0216', o.node, `an index is an i32 scalar, not ${describe(v)}`, { labels: typeLabels(o), help });
  return null;
}

function indices(call: Call, items: readonly Operand[]): Value[] | null {
  const values = items.map((o) => index(call, o));
  return values.every((v) => v !== null) ? (values as Value[]) : null;
}

/** The origin argument, `[n, 0]`: one entry an axis of the view. */
function origin(call: Call, view: ViewVal): Value[] | null {
  const o = arg(call, 0);
  if (o.val.kind !== 'arr') return wrong(call, o, 'an origin, as [n, 0]', originHelp(call, o));
  const rank = viewTypeOf(view).extents.length;
  if (o.val.items.length !== rank) return wrongCount(call, o.node, 'origin', o.val.items.length, view);
  return indices(
    call,
    o.val.items.map((val, i) => ({ val, node: elementNode(o.node, i) })),
  );
}

const originHelp = (call: Call, o: Operand): (string | Help)[] =>
  arg(call, 1).val.kind === 'arr' && call.name === 'store'
    ? ['the origin comes first: store(origin, tile)']
    : bracketHelp(o);

function wrongCount(call: Call, node: ts.Node, what: string, n: number, view: ViewVal): null {
  const rank = viewTypeOf(view).extents.length;
  call.ev.error(
    'LAC0216',
    node,
    `the ${what} has ${n} ${n === 1 ? 'entry' : 'entries'}; ${view.arg} is ${describe(view)}, of rank ${rank}`,
    {
      help: [
        n < rank
          ? `one entry an axis, or fix leading axes first: ${view.arg}.at(...)`
          : 'one entry an axis; axes that at() fixed are gone',
      ],
    },
  );
  return null;
}

/** Whether the origin itself is wrong, not an entry of it: the shape, or what is stored, would have the same fault. */
function originMisfits(call: Call, view: ViewVal): boolean {
  const { val } = arg(call, 0);
  return val.kind !== 'arr' || val.items.length !== viewTypeOf(view).extents.length;
}

function at(call: Call, view: ViewVal): Val {
  const { extents } = viewTypeOf(view);
  if (call.args.length > extents.length)
    return wrongCount(call, call.node, 'index list', call.args.length, view) ?? POISON;
  const keep = extents.map((_, i) => i >= call.args.length || arg(call, i).val.kind === 'all');
  const fixed = indices(
    call,
    call.args.filter((o) => o.val.kind !== 'all'),
  );
  if (fixed === null) return POISON;
  if (fixed.length === 0) return view;
  const dims = view.dims.filter((_, i) => keep[i]);
  return { kind: 'view', v: call.ev.value(call.node, 'view_at', [view.v, ...fixed], { keep }), arg: view.arg, dims };
}

function slice(call: Call, view: ViewVal): Val {
  if (viewTypeOf(view).extents.length === 0)
    return call.ev.error('LAC0214', call.node, 'slice takes a view of rank 1 or more', { labels: [] });
  const bounds = indices(call, [arg(call, 0), arg(call, 1)]);
  if (bounds === null) return POISON;
  const dims = [`part of ${view.dims[0] ?? ''}`, ...view.dims.slice(1)];
  return { kind: 'view', v: call.ev.value(call.node, 'view_slice', [view.v, ...bounds], {}), arg: view.arg, dims };
}

function readable(call: Call, view: ViewVal): boolean {
  if (accessOf(view) !== 'out') return true;
  call.ev.error('LAC0217', call.node, `${view.arg} is an output: reading it back is a race`, {
    help: ['keep the value in a tile, or declare the argument as an input'],
  });
  return false;
}

function writable(call: Call, view: ViewVal): boolean {
  if (accessOf(view) !== 'in') return true;
  call.ev.error('LAC0218', call.node, `${view.arg} is an input: it cannot be written`, {
    help: [`declare it as output(dtype, [${view.dims.map((d) => `'${d}'`).join(', ')}])`],
  });
  return false;
}

function get(call: Call, view: ViewVal): Val {
  if (!readable(call, view)) return POISON;
  if (call.args.length !== viewTypeOf(view).extents.length)
    return wrongCount(call, call.node, 'index list', call.args.length, view) ?? POISON;
  const at = indices(call, call.args);
  return at === null ? POISON : tileOf(call.ev.value(call.node, 'get', [view.v, ...at], {}));
}

function load(call: Call, view: ViewVal): Val {
  if (!readable(call, view)) return POISON;
  const where = origin(call, view);
  const joined = where === null && originMisfits(call, view) ? null : shapeArg(call, 1);
  if (joined === null || !rankFits(call, view, joined)) return POISON;
  const options = optionsArg(call, 2, { pad: ['num'], mask: ['tile', 'bool'], cache: ['str'], inBounds: ['bool'] });
  if (where === null || options === null) return POISON;
  const pad = padOf(call, options.get('pad'), view);
  const mask = maskOf(call, 2, options.get('mask'), joined);
  const cache = cacheOf(call, options.get('cache'));
  if (pad === null || mask === null || cache === null) return POISON;
  const { dtype } = viewTypeOf(view);
  const attrs = { pad, ...(cache === '' ? {} : { cache }), ...accessAttrs(mask, options) };
  const type = tileType(dtype, joined.shape);
  return tileOf(call.ev.value(call.node, 'load', [view.v, ...where, ...mask], attrs, type), joined.dims);
}

const accessAttrs = (
  mask: readonly Value[],
  options: ReadonlyMap<string, Val>,
): { masked?: true; in_bounds?: true } => {
  const inBounds = options.get('inBounds');
  return {
    ...(mask.length > 0 ? { masked: true as const } : {}),
    ...(inBounds?.kind === 'bool' && inBounds.value ? { in_bounds: true as const } : {}),
  };
};

function rankFits(call: Call, view: ViewVal, joined: Joined): boolean {
  const rank = viewTypeOf(view).extents.length;
  if (joined.shape.length === rank) return true;
  return wrongCount(call, arg(call, 1).node, 'shape', joined.shape.length, view) !== null;
}

/** 0 unless given; converted to the view's dtype, so an integer view takes whole numbers only. */
function padOf(call: Call, pad: Val | undefined, view: ViewVal): number | null {
  if (pad?.kind !== 'num') return 0;
  const { dtype } = viewTypeOf(view);
  return fits(
    call.ev,
    optionNode(call, 2, 'pad'),
    pad.value,
    dtype,
    `pad is an element of ${view.arg}: a number that ${dtype} has`,
  )
    ? pad.value
    : null;
}

const optionNode = (call: Call, i: number, name: string): ts.Node =>
  propertyNode(arg(call, i).node, name) ?? arg(call, i).node;

function cacheOf(call: Call, cache: Val | undefined): string | null {
  if (cache?.kind !== 'str') return '';
  if (['default', 'stream', 'keep'].includes(cache.value)) return cache.value;
  call.ev.error('LAC0222', optionNode(call, 2, 'cache'), `unknown cache policy '${cache.value}'`, {
    help: ['one of default, stream, keep'],
  });
  return null;
}

/** The mask operand, broadcast to the tile: none, one value, or null if reported. */
function maskOf(call: Call, i: number, mask: Val | undefined, { shape, dims }: Joined): Value[] | null {
  if (mask === undefined || (mask.kind === 'bool' && mask.value)) return [];
  const node = optionNode(call, i, 'mask');
  if (mask.kind === 'bool') return [call.ev.constant(node, 0, tileType('i1', shape))];
  if (mask.kind !== 'tile') return null;
  const t = tileTypeOf(mask);
  const fitsShape =
    t.shape.length === 0 || (t.shape.length === shape.length && t.shape.every((e, j) => e === 1 || e === shape[j]));
  if (t.dtype !== 'i1' || !fitsShape) {
    call.ev.error('LAC0209', node, `the mask must be a mask of ${shapeText(shape, dims)}, not ${describe(mask)}`, {
      labels: typeLabels({ val: mask, node }),
      help: [
        t.dtype === 'i1'
          ? 'col() and row() say which axis it masks; extents are those of the tile, or 1'
          : 'compare it: x !== 0, x > 0',
      ],
    });
    return null;
  }
  const v = coerce(call.ev, { val: mask, node }, 'i1', shape);
  return v === null ? null : [v];
}

function store(call: Call, view: ViewVal): Val {
  if (!writable(call, view)) return POISON;
  const where = origin(call, view);
  if (where === null && originMisfits(call, view)) return POISON;
  const value = storedValue(call, view);
  if (value === null || !storedRankFits(call, view, value)) return POISON;
  return where === null ? POISON : storeTile(call, view, value, where);
}

/** A number has the shape that a view without axes stores. */
function storedValue(call: Call, view: ViewVal): Operand<TileVal> | null {
  const o = arg(call, 1);
  if (o.val.kind !== 'num') return tileArg(call, 1);
  return viewTypeOf(view).extents.length === 0 ? element(call, o, view) : numberStored(call, view);
}

function numberStored(call: Call, view: ViewVal): null {
  const rank = viewTypeOf(view).extents.length;
  const o = arg(call, 1);
  call.ev.error('LAC0219', o.node, 'a number has no shape to store', {
    labels: typeLabels(o),
    help: [`full([${'…, '.repeat(Math.max(rank - 1, 0))}…], value, dtype) makes a tile of it`],
  });
  return null;
}

function storedRankFits(call: Call, view: ViewVal, value: Operand<TileVal>): boolean {
  const rank = viewTypeOf(view).extents.length;
  const have = rankOf(value.val);
  if (have === rank) return true;
  const help = have < rank ? [fewerAxes(call, view, value)] : [moreAxes(value, rank)];
  call.ev.error(
    'LAC0219',
    value.node,
    `a view of rank ${rank} stores tiles of rank ${rank}, not ${describe(value.val)}`,
    {
      labels: typeLabels(value),
      help,
    },
  );
  return false;
}

function fewerAxes(call: Call, view: ViewVal, { val, node }: Operand<TileVal>): string | Help {
  const rank = viewTypeOf(view).extents.length;
  const folded = /^(max|min)\(/.exec(textOf(node))?.[1];
  if (folded !== undefined) return `${folded}(x, axis) folds an axis; of two values, lane by lane: ${folded}imum(a, b)`;
  if (rankOf(val) === 1 && rank === 2) return 'store a column, col(x), or a row, row(x)';
  if (rankOf(val) > 0) return `fix leading axes first: ${view.arg}.at(...)`;
  const callee = 'expression' in call.node ? (call.node.expression as ts.Node) : call.node;
  const name = 'name' in callee ? (callee.name as ts.Node) : callee;
  return { text: 'scatter() writes one element', edit: { span: spanOf(name), newText: 'scatter' } };
}

function moreAxes({ val, node }: Operand<TileVal>, rank: number): string | Help {
  const { shape } = tileTypeOf(val);
  const wide = shape.flatMap((e, i) => (e === 1 ? [] : [val.dims[i] ?? String(e)]));
  if (wide.length !== rank) return 'fold an axis, sum(x, axis) or max(x, axis), or store into another view';
  const newText = `reshape(${textOf(node, 400)}, [${wide.join(', ')}])`;
  return { text: 'take the axes of extent 1 away', edit: { span: spanOf(node), newText } };
}

function storeTile(call: Call, view: ViewVal, value: Operand<TileVal>, where: readonly Value[]): Val {
  const { dtype } = viewTypeOf(view);
  const t = tileTypeOf(value.val);
  const options = optionsArg(call, 2, { mask: ['tile', 'bool'], inBounds: ['bool'] });
  const mask = options === null ? null : maskOf(call, 2, options.get('mask'), { shape: t.shape, dims: value.val.dims });
  if (options === null || mask === null) return POISON;
  const v = t.dtype === dtype ? value.val.v : call.ev.value(value.node, 'cast', [value.val.v], { to: dtype });
  call.ev.op(call.node, 'store', [view.v, v, ...where, ...mask], accessAttrs(mask, options));
  return NONE;
}

/** With scalar indices one element: a store of a tile whose extents are 1. An address per lane is not built. */
function scatter(call: Call, view: ViewVal): Val {
  if (!writable(call, view)) return POISON;
  const o = arg(call, 0);
  if (o.val.kind !== 'arr') return wrong(call, o, 'indices, as [b, h]') ?? POISON;
  const lanes = o.val.items.some((v) => v.kind === 'tile' && rankOf(v) > 0) || rankOfValue(arg(call, 1).val) > 0;
  if (lanes)
    return call.ev.error('LAC0102', call.node, 'scatter with an address per lane is declared but not built yet', {
      help: ['store() a tile, or scatter one element with scalar indices'],
    });
  const where = origin(call, view);
  const value = element(call, arg(call, 1), view);
  return where === null || value === null ? POISON : storeTile(call, view, value, where);
}

const rankOfValue = (v: Val): number => (v.kind === 'tile' ? rankOf(v) : 0);

/** A scalar as a tile whose extents are 1, one for each axis of the view. */
function element(call: Call, o: Operand, view: ViewVal): Operand<TileVal> | null {
  const { dtype, extents } = viewTypeOf(view);
  if (extents.length > 3) {
    call.ev.error('LAC0216', call.node, `${view.arg} has rank ${extents.length}; tiles have at most 3`, {
      help: ['fix leading axes first: .at(...)'],
    });
    return null;
  }
  const type = tileType(
    dtype,
    extents.map(() => 1),
  );
  const dims = extents.map(() => '1');
  if (o.val.kind === 'num')
    return fits(call.ev, o.node, o.val.value, dtype)
      ? { val: tileOf(call.ev.constant(o.node, o.val.value, type), dims), node: o.node }
      : null;
  if (o.val.kind !== 'tile') return wrong(call, o, 'a scalar');
  const from = tileTypeOf(o.val).dtype;
  if (from === 'i1') return wrong(call, o, 'a number');
  const v = extents.length === 0 ? o.val.v : call.ev.value(o.node, 'splat', [o.val.v], {}, tileType(from, type.shape));
  return { val: tileOf(v, dims), node: o.node };
}
