import type { ts } from 'ts-morph';
import type { Value } from '../../../compiler/ir/module.js';
import { tileType } from '../../../compiler/ir/types.js';
import { coerce, fits, type Joined, typeLabels } from '../convert.js';
import { accessOf, describe, shapeText, tileTypeOf, type Val, type ViewVal, viewTypeOf } from '../value.js';
import { arg, type Call, optionsArg, propertyNode } from './arguments.js';

/** What the options of an access become: the mask, if there is one, is its last operand. */
export interface Access {
  readonly mask: readonly Value[];
  readonly attrs: { readonly masked?: true; readonly in_bounds?: true };
}
export interface ReadAccess extends Access {
  readonly read: { readonly pad: number; readonly cache?: string };
}

export function readable(call: Call, view: ViewVal): boolean {
  if (accessOf(view) !== 'out') return true;
  call.ev.error('LAC0217', call.node, `${view.arg} is an output: reading it back is a race`, {
    help: ['keep the value in a tile, or declare the argument as input(...), or inout(...)'],
  });
  return false;
}

export function writable(call: Call, view: ViewVal): boolean {
  if (accessOf(view) !== 'in') return true;
  call.ev.error('LAC0218', call.node, `${view.arg} is an input: it cannot be written`, {
    help: ['declare it as output(...), or as inout(...) if it is read too'],
  });
  return false;
}

/** Options of a store or an atomic addition of a tile of this shape; argument i of the call. */
export function storeOptions(call: Call, i: number, joined: Joined): Access | null {
  const options = optionsArg(call, i, { mask: ['tile', 'bool'], inBounds: ['bool'] });
  return options === null ? null : accessOptions(call, i, options, joined);
}

/** Options of a load of a tile of this shape; argument i of the call. */
export function loadOptions(call: Call, i: number, view: ViewVal, joined: Joined): ReadAccess | null {
  const options = optionsArg(call, i, { pad: ['num'], mask: ['tile', 'bool'], cache: ['str'], inBounds: ['bool'] });
  if (options === null) return null;
  const pad = padOf(call, i, options.get('pad'), view);
  const access = accessOptions(call, i, options, joined);
  const cache = cacheOf(call, i, options.get('cache'));
  if (pad === null || access === null || cache === null) return null;
  return { ...access, read: { pad, ...(cache === '' ? {} : { cache }) } };
}

function accessOptions(call: Call, i: number, options: ReadonlyMap<string, Val>, joined: Joined): Access | null {
  const mask = maskOf(call, i, options.get('mask'), joined);
  if (mask === null) return null;
  const inBounds = options.get('inBounds');
  const promised = inBounds?.kind === 'bool' && inBounds.value;
  return { mask, attrs: { ...(mask.length > 0 ? { masked: true } : {}), ...(promised ? { in_bounds: true } : {}) } };
}

const optionNode = (call: Call, i: number, name: string): ts.Node =>
  propertyNode(arg(call, i).node, name) ?? arg(call, i).node;

/** 0 unless given; converted to the view's dtype, so an integer view takes whole numbers only. */
function padOf(call: Call, i: number, pad: Val | undefined, view: ViewVal): number | null {
  if (pad?.kind !== 'num') return 0;
  const { dtype } = viewTypeOf(view);
  const help = `pad is an element of ${view.arg}: a number that ${dtype} has`;
  return fits(call.ev, optionNode(call, i, 'pad'), pad.value, dtype, help) ? pad.value : null;
}

function cacheOf(call: Call, i: number, cache: Val | undefined): string | null {
  if (cache?.kind !== 'str') return '';
  if (['default', 'stream', 'keep'].includes(cache.value)) return cache.value;
  call.ev.error('LAC0222', optionNode(call, i, 'cache'), `unknown cache policy '${cache.value}'`, {
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
