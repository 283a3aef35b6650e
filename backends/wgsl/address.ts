import type { Op } from '../../compiler/ir/module.js';
import type { Layout } from '../../compiler/layout/layout.js';
import { type AxisIndex, axisIndexOf, type Emitter, position, product, sum } from './emitter.js';
import { and, inside, type ViewAxis, type ViewState } from './views.js';

/** Addresses and conditions of the registers of one load or store. */
export class Address {
  readonly view: ViewState;
  readonly offsets: (r: number) => string;
  readonly conditions: (r: number) => string | null;

  constructor(e: Emitter, view: ViewState, origins: readonly string[], layout: Layout, attrs: Op<'store'>['attrs']) {
    this.view = view;
    const axes = view.axes.map((axis, i) => {
      const index = axisIndexOf(e, layout, i);
      const base = index.disjoint ? e.let(sum(origins[i] ?? '0i', index.invocation)) : index.invocation;
      const checked = attrs.in_bounds !== true && attrs.guard?.[i] !== false;
      return {
        axis,
        index,
        base,
        checked,
        origin: origins[i] ?? '0i',
      };
    });
    const at = (a: (typeof axes)[number], r: number): string =>
      a.index.disjoint ? position(a.base, a.index, r) : sum(a.origin, position(a.base, a.index, r));
    const once = namedOnce(e);
    const below = belowLimits(e, layout, attrs.valid);
    this.offsets = (r) => sum(view.offset, ...axes.map((a) => termOf(a.axis, at(a, r), a.index, r, a, once)));
    this.conditions = (r) =>
      and([view.valid, ...axes.map((a) => (a.checked ? once(inside(at(a, r), a.axis)) : null)), below(r)]);
  }
}

/** Names expressions, equal ones once. */
function namedOnce(e: Emitter): (expr: string) => string {
  const memo = new Map<string, string>();
  return (expr) => {
    const name = memo.get(expr) ?? e.let(expr);
    memo.set(expr, name);
    return name;
  };
}

/** Whether a register holds a lane below the logical extents `valid`; null where all do. */
export function belowLimits(
  e: Emitter,
  layout: Layout,
  valid: readonly number[] | undefined,
): (r: number) => string | null {
  const once = namedOnce(e);
  const axes = layout.shape.flatMap((extent, axis) => {
    const limit = valid?.[axis] ?? extent;
    return limit < extent ? [{ limit, index: axisIndexOf(e, layout, axis) }] : [];
  });
  return (r) => and(axes.map(({ limit, index }) => once(`${position(index.invocation, index, r)} < ${limit}i`)));
}

/** coordinate * stride, with the part that all registers share computed once. */
function termOf(
  axis: ViewAxis,
  at: string,
  index: AxisIndex,
  r: number,
  a: { base: string },
  once: (s: string) => string,
): string {
  if (axis.stride === '1i' || !index.disjoint) return product(at, axis.stride);
  return sum(once(product(a.base, axis.stride)), product(`${index.register[r] ?? 0}i`, axis.stride));
}
