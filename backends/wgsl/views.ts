import { Bug } from '../../compiler/diag/diagnostic.js';
import type { Op, Value } from '../../compiler/ir/module.js';
import type { ArgState } from './bindings.js';
import { extremum } from './elementwise.js';
import { type Emitter, product, sum } from './emitter.js';

/** One axis of a view: positions lo <= c < extent are inside; `stride` in elements. All texts are i32 expressions. */
export interface ViewAxis {
  readonly extent: string;
  readonly stride: string;
  readonly lo: string | null;
}

export interface ViewState {
  readonly arg: ArgState;
  /** The parameter that this is a part of. */
  readonly root: Value;
  readonly axes: readonly ViewAxis[];
  /** Element offset of coordinate 0, without the axes. */
  readonly offset: string;
  /** Null: known to be a view of something; else a bool expression. */
  readonly valid: string | null;
}

/** No short circuit: each would be a branch, and all terms are cheap. */
export const and = (terms: readonly (string | null)[]): string | null => {
  const list = terms.filter((t) => t !== null);
  return list.length < 2 ? (list[0] ?? null) : `(${list.map((t) => (/^[\w.]+$/.test(t) ? t : `(${t})`)).join(' & ')})`;
};

/** lo <= c < extent as a bool expression; one unsigned comparison where lo is 0. */
export const inside = (c: string, axis: ViewAxis): string =>
  axis.lo === null ? `(u32(${c}) < u32(${axis.extent}))` : `((${c} >= ${axis.lo}) & (${c} < ${axis.extent}))`;

export function emitViewAt(e: Emitter, op: Op<'view_at'>): void {
  const from = e.view(op.operands[0] as Value);
  const terms: string[] = [from.offset];
  const checks: (string | null)[] = [from.valid];
  const axes: ViewAxis[] = [];
  let next = 1;
  from.axes.forEach((axis, i) => {
    if (op.attrs.keep[i]) {
      axes.push(axis);
      return;
    }
    const at = e.scalar(op.operands[next++] as Value);
    terms.push(product(at, axis.stride));
    if (op.attrs.inside !== true) checks.push(inside(at, axis));
  });
  const valid = and(checks);
  e.views.set(op.results[0] as Value, {
    arg: from.arg,
    root: from.root,
    axes,
    offset: e.let(sum(...terms)),
    valid: valid === null ? null : e.let(valid),
  });
}

/** begin <= index < end of the first axis, renumbered from 0 and cut to the bounds that are there. */
export function emitViewSlice(e: Emitter, op: Op<'view_slice'>): void {
  const from = e.view(op.operands[0] as Value);
  const [begin, end] = [e.scalar(op.operands[1] as Value), e.scalar(op.operands[2] as Value)];
  const [first, ...rest] = from.axes;
  if (first === undefined) throw new Bug('slice of a view of rank 0');
  const cut: ViewAxis = {
    ...first,
    // An end before the beginning would wrap around.
    extent: e.let(`${extremum('i32', 'max', e.let(extremum('i32', 'min', end, first.extent)), begin)} - ${begin}`),
    lo: e.let(extremum('i32', 'max', e.let(`${first.lo ?? '0i'} - ${begin}`), '0i')),
  };
  e.views.set(op.results[0] as Value, {
    ...from,
    axes: [cut, ...rest],
    offset: e.let(sum(from.offset, product(begin, first.stride))),
  });
}
