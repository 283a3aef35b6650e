import { tileType } from '../../../compiler/ir/types.js';
import type { Joined } from '../convert.js';
import { POISON, tileOf, type Val, type ViewVal, viewTypeOf } from '../value.js';
import { loadOptions, readable } from './access.js';
import { arg, type Call, shapeArg } from './arguments.js';
import { indices, origin, originMisfits, wrongCount } from './origin.js';

export function get(call: Call, view: ViewVal): Val {
  if (!readable(call, view)) return POISON;
  if (call.args.length !== viewTypeOf(view).extents.length)
    return wrongCount(call, call.node, 'index list', call.args.length, view) ?? POISON;
  const at = indices(call, call.args);
  return at === null ? POISON : tileOf(call.ev.value(call.node, 'get', [view.v, ...at], {}));
}

export function load(call: Call, view: ViewVal): Val {
  if (!readable(call, view)) return POISON;
  const where = origin(call, view);
  const joined = where === null && originMisfits(call, view) ? null : shapeArg(call, 1);
  if (joined === null || !rankFits(call, view, joined)) return POISON;
  const options = loadOptions(call, 2, view, joined);
  if (where === null || options === null) return POISON;
  const { mask, attrs, read } = options;
  const type = tileType(viewTypeOf(view).dtype, joined.shape);
  const operands = [view.v, ...where, ...mask];
  return tileOf(call.ev.value(call.node, 'load', operands, { ...read, ...attrs }, type), joined.dims);
}

function rankFits(call: Call, view: ViewVal, joined: Joined): boolean {
  const rank = viewTypeOf(view).extents.length;
  if (joined.shape.length === rank) return true;
  return wrongCount(call, arg(call, 1).node, 'shape', joined.shape.length, view) !== null;
}
