import type { Help } from '../../../compiler/diag/diagnostic.js';
import type { Value } from '../../../compiler/ir/module.js';
import { tileType } from '../../../compiler/ir/types.js';
import { spanOf } from '../../read/diagnostics.js';
import { fits, type Operand, typeLabels } from '../convert.js';
import { textOf } from '../evaluator.js';
import {
  describe,
  NONE,
  POISON,
  rankOf,
  type TileVal,
  tileOf,
  tileTypeOf,
  type Val,
  type ViewVal,
  viewTypeOf,
} from '../value.js';
import { storeOptions, writable } from './access.js';
import { arg, type Call, tileArg } from './arguments.js';
import { addable } from './atomic.js';
import { origin, originMisfits } from './origin.js';

type BoxWrite = 'store' | 'atomic_add';

export const store = (call: Call, view: ViewVal): Val =>
  writable(call, view) ? writeBox(call, view, 'store') : POISON;

export const atomicAdd = (call: Call, view: ViewVal): Val =>
  addable(call, view) ? writeBox(call, view, 'atomic_add') : POISON;

/** The box of a view at an origin, from a tile of its rank, whose values convert to the view's dtype. */
function writeBox(call: Call, view: ViewVal, op: BoxWrite): Val {
  const where = origin(call, view);
  if (where === null && originMisfits(call, view)) return POISON;
  const value = storedValue(call, view);
  if (value === null || !storedRankFits(call, view, value)) return POISON;
  return where === null ? POISON : writeTile(call, view, value, where, op);
}

function writeTile(
  call: Call,
  view: ViewVal,
  { val, node }: Operand<TileVal>,
  where: readonly Value[],
  op: BoxWrite,
): Val {
  const { dtype } = viewTypeOf(view);
  const t = tileTypeOf(val);
  const options = storeOptions(call, 2, { shape: t.shape, dims: val.dims });
  if (options === null) return POISON;
  const v = t.dtype === dtype ? val.v : call.ev.value(node, 'cast', [val.v], { to: dtype });
  call.ev.op(call.node, op, [view.v, v, ...where, ...options.mask], options.attrs);
  return NONE;
}

/** A number has the shape that a view without axes stores. */
function storedValue(call: Call, view: ViewVal): Operand<TileVal> | null {
  const o = arg(call, 1);
  if (o.val.kind !== 'num') return tileArg(call, 1);
  const { dtype, extents } = viewTypeOf(view);
  if (extents.length > 0) return numberStored(call, view);
  if (!fits(call.ev, o.node, o.val.value, dtype)) return null;
  return { val: tileOf(call.ev.constant(o.node, o.val.value, tileType(dtype, []))), node: o.node };
}

function numberStored(call: Call, view: ViewVal): null {
  const rank = viewTypeOf(view).extents.length;
  const o = arg(call, 1);
  const one = call.name === 'store' ? 'scatter' : 'scatterAdd';
  call.ev.error('LAC0219', o.node, `a number has no shape to ${call.name === 'store' ? 'store' : 'add'}`, {
    labels: typeLabels(o),
    help: [
      `full([${'…, '.repeat(Math.max(rank - 1, 0))}…], value, dtype) makes a tile of it; ${one}() is for one element`,
    ],
  });
  return null;
}

function storedRankFits(call: Call, view: ViewVal, value: Operand<TileVal>): boolean {
  const rank = viewTypeOf(view).extents.length;
  const have = rankOf(value.val);
  if (have === rank) return true;
  const verb = call.name === 'store' ? 'stores' : 'adds';
  call.ev.error(
    'LAC0219',
    value.node,
    `a view of rank ${rank} ${verb} tiles of rank ${rank}, not ${describe(value.val)}`,
    {
      labels: typeLabels(value),
      help: have < rank ? [fewerAxes(call, view, value)] : [moreAxes(value, rank)],
    },
  );
  return false;
}

function fewerAxes(call: Call, view: ViewVal, { val, node }: Operand<TileVal>): string | Help {
  const rank = viewTypeOf(view).extents.length;
  const folded = /^(max|min)\(/.exec(textOf(node))?.[1];
  if (folded !== undefined) return `${folded}(x, axis) folds an axis; of two values, lane by lane: ${folded}imum(a, b)`;
  if (rankOf(val) === 1 && rank === 2) return `${call.name} a column, col(x), or a row, row(x)`;
  if (rankOf(val) > 0) return `fix leading axes first: ${view.arg}.at(...)`;
  const callee = 'expression' in call.node ? (call.node.expression as typeof call.node) : call.node;
  const name = 'name' in callee ? (callee.name as typeof call.node) : callee;
  const newText = call.name === 'store' ? 'scatter' : 'scatterAdd';
  return { text: `${newText}() is for one element`, edit: { span: spanOf(name), newText } };
}

function moreAxes({ val, node }: Operand<TileVal>, rank: number): string | Help {
  const { shape } = tileTypeOf(val);
  const wide = shape.flatMap((e, i) => (e === 1 ? [] : [val.dims[i] ?? String(e)]));
  if (wide.length !== rank) return 'fold an axis, sum(x, axis) or max(x, axis), or store into another view';
  const newText = `reshape(${textOf(node, 400)}, [${wide.join(', ')}])`;
  return { text: 'take the axes of extent 1 away', edit: { span: spanOf(node), newText } };
}
