/**
 * Enters: any kernel. Leaves: `guard[i]` false on the axes of loads and stores where every valid lane is inside the
 * view, `inside` on `view_at` and `get` where every index is. Proofs are linear arithmetic over loop indices, program
 * ids below the extents of the grid, comptime sizes and promised divisors. Sound: a form stands for a scalar only if
 * its i32 arithmetic cannot wrap. What is proven of a view that an index of `at` may have emptied holds if it exists:
 * accesses check that by themselves.
 */
import type { Linear } from '../analysis/linear.js';
import { minus, number, plus, proveNonNegative } from '../analysis/linear.js';
import { type AxisBounds, Ranges } from '../analysis/ranges.js';
import type { Block, Kernel, Op, Value } from '../ir/module.js';
import { yielded } from '../ir/rewrite.js';
import type { Pass, PassContext } from './pass.js';

export const proveBounds: Pass = {
  name: 'prove-bounds',
  summary: 'Removes guards of accesses that are proven inside their views.',
  requires: ['specialise'],
  run: prove,
};

function prove(kernel: Kernel, ctx: PassContext): void {
  const ranges = new Ranges(kernel, { grid: ctx.grid ?? {}, divisible: ctx.divisible ?? {} });
  visitBlock(kernel.body, ranges);
}

function visitBlock(block: Block, ranges: Ranges): void {
  for (const op of block.ops) visitOp(op, ranges);
}

function visitOp(op: Op, ranges: Ranges): void {
  switch (op.name) {
    case 'view_at':
      visitAt(op as Op<'view_at'>, ranges);
      break;
    case 'view_slice':
      visitSlice(op, ranges);
      break;
    case 'load':
      visitAccess(op as Op<'load'>, op.results[0], op.operands.slice(1), ranges);
      break;
    case 'store':
    case 'atomic_add':
      visitAccess(op as Op<'store'>, op.operands[1], op.operands.slice(2), ranges);
      break;
    case 'get':
      visitGet(op as Op<'get'>, ranges);
      break;
    case 'for':
      visitLoop(op, ranges);
      break;
    default:
      for (const region of op.regions) visitBlock(region, ranges);
      if (op.name === 'inline') aliasYield(op, ranges);
      else ranges.define(op);
  }
}

function aliasYield(op: Op, ranges: Ranges): void {
  const sources = op.regions.flatMap(yielded);
  op.results.forEach((v, i) => {
    const source = sources[i];
    if (source !== undefined) ranges.alias(v, source);
  });
}

function visitLoop(op: Op, ranges: Ranges): void {
  const [begin, end, step] = op.operands;
  const [body] = op.regions;
  const index = body?.args[0];
  if (begin && end && step && index) ranges.defineIndex(index, begin, end, step);
  if (body) visitBlock(body, ranges);
}

/** origin .. origin + extent - 1 lies inside on this axis. */
function isInside(bounds: AxisBounds, origin: Linear, extent: number): boolean {
  const end = plus(origin, number(extent));
  return (
    bounds.lo.every((lo) => proveNonNegative(minus(origin, lo))) &&
    bounds.hi.every((hi) => proveNonNegative(minus(hi, end)))
  );
}

function visitAt(op: Op<'view_at'>, ranges: Ranges): void {
  const [view, ...indices] = op.operands;
  const [result] = op.results;
  const bounds = view && ranges.view(view);
  if (!bounds || result === undefined) return;
  const fixed = bounds.filter((_, axis) => !op.attrs.keep[axis]);
  if (fixed.every((b, i) => isInside(b, ranges.form(indices[i] as Value), 1))) op.attrs.inside = true;
  ranges.setView(
    result,
    bounds.filter((_, axis) => op.attrs.keep[axis]),
  );
}

/** Coordinate 0 moves to `begin`; the window also ends at `end`. */
function visitSlice(op: Op, ranges: Ranges): void {
  const [view, begin, end] = op.operands;
  const [result] = op.results;
  const bounds = view && ranges.view(view);
  const [first, ...others] = bounds ?? [];
  if (!begin || !end || !result || first === undefined) return;
  const from = ranges.form(begin);
  const lo = [number(0), ...first.lo.map((x) => minus(x, from))];
  const hi = [minus(ranges.form(end), from), ...first.hi.map((x) => minus(x, from))];
  ranges.setView(result, [{ lo, hi }, ...others]);
}

function visitAccess(
  op: Op<'load'> | Op<'store'>,
  tile: Value | undefined,
  origins: readonly Value[],
  ranges: Ranges,
): void {
  const shape = tile?.type.kind === 'tile' ? tile.type.shape : [];
  const bounds = op.operands[0] && ranges.view(op.operands[0]);
  const proven = shape.map((extent, axis) => {
    if (op.attrs.in_bounds === true) return true;
    const [b, origin] = [bounds?.[axis], origins[axis]];
    return (
      b !== undefined && origin !== undefined && isInside(b, ranges.form(origin), op.attrs.valid?.[axis] ?? extent)
    );
  });
  if (proven.includes(true)) op.attrs.guard = proven.map((p, axis) => !p && op.attrs.guard?.[axis] !== false);
}

function visitGet(op: Op<'get'>, ranges: Ranges): void {
  const [view, ...indices] = op.operands;
  const bounds = view && ranges.view(view);
  if (bounds?.every((b, axis) => isInside(b, ranges.form(indices[axis] as Value), 1))) op.attrs.inside = true;
}
