import { POISON, type Val, type ViewVal, viewTypeOf } from '../value.js';
import { gather, scatter, scatterAdd } from './addressed.js';
import { arg, type Call } from './arguments.js';
import { get, load } from './load.js';
import { indices, wrongCount } from './origin.js';
import { atomicAdd, store } from './store.js';

/** Methods of views, with the least and most number of arguments. */
export const VIEW_METHODS = {
  at: { min: 0, max: 16, usage: 'view.at(i, j)', run: at },
  load: { min: 2, max: 3, usage: 'view.load(origin, shape), as x.load([n * C, 0], [C, D])', run: load },
  get: { min: 0, max: 16, usage: 'view.get(i, j)', run: get },
  gather: { min: 1, max: 2, usage: 'view.gather([i, j]), with one index tile or scalar an axis', run: gather },
  store: { min: 2, max: 3, usage: 'view.store(origin, tile), as y.store([n * C, 0], t)', run: store },
  slice: { min: 2, max: 2, usage: 'view.slice(begin, end)', run: slice },
  scatter: { min: 2, max: 3, usage: 'view.scatter([i, j], value)', run: scatter },
  atomicAdd: { min: 2, max: 3, usage: 'view.atomicAdd(origin, tile)', run: atomicAdd },
  scatterAdd: { min: 2, max: 3, usage: 'view.scatterAdd([i, j], value)', run: scatterAdd },
} as const satisfies Record<
  string,
  { min: number; max: number; usage: string; run: (call: Call, view: ViewVal) => Val }
>;
export type ViewMethod = keyof typeof VIEW_METHODS;

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
    return call.ev.error('LAC0214', call.node, 'slice takes a view of rank 1 or more', {
      help: ['keep an axis: x.at(b, all, h)'],
    });
  const bounds = indices(call, [arg(call, 0), arg(call, 1)]);
  if (bounds === null) return POISON;
  const [first = ''] = view.dims;
  const dims = [first.startsWith('part of ') ? first : `part of ${first}`, ...view.dims.slice(1)];
  return { kind: 'view', v: call.ev.value(call.node, 'view_slice', [view.v, ...bounds], {}), arg: view.arg, dims };
}
