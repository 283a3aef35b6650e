/**
 * Enters: a kernel whose `comptime` gives some dimensions a size. Leaves: view types with those extents, down through
 * `view_at` and `view_slice`, and `dim` ops of those names as constants. Along an axis of the grid that has one program
 * in this variant, whatever the other sizes, the program id is 0. Sound because a variant is only launched with the sizes
 * it was compiled for (checked by the launch), on the grid of its kernel.
 */
import { Bug } from '../diag/diagnostic.js';
import { type Expr, evaluateExpr, namesOf } from '../expr.js';
import { inferTypes } from '../ir/builder.js';
import { type Block, type Kernel, type Op, type Value, walk } from '../ir/module.js';
import { yielded } from '../ir/rewrite.js';
import type { Type, ViewType } from '../ir/types.js';
import type { Pass, PassContext } from './pass.js';

export const specialise: Pass = {
  name: 'specialise',
  summary: 'Puts the sizes of this variant into view types and constants.',
  requires: [],
  run: specialiseKernel,
};

function specialiseKernel(kernel: Kernel, ctx: PassContext): void {
  for (const p of kernel.params) {
    if (p.kind !== 'view') continue;
    const type = p.value.type as ViewType;
    p.value.type = { ...type, extents: p.dims.map((name, i) => kernel.comptime[name] ?? type.extents[i] ?? null) };
  }
  specialiseBlock(kernel.body);
  const alone = new Set(kernel.axes.filter((axis) => extentOf(kernel, ctx.grid?.[axis]) === 1));
  for (const op of walk(kernel.body)) {
    if (op.name === 'dim') foldDim(op as Op<'dim'>, kernel.comptime);
    if (op.name === 'program_id' && alone.has((op.attrs as { axis: string }).axis))
      Object.assign(op, { name: 'const', attrs: { value: 0 } });
  }
}

/** Programs along an axis, if comptime sizes and knobs decide it. */
function extentOf(kernel: Kernel, extent: Expr | undefined): number | null {
  if (extent === undefined) return null;
  const known = { ...kernel.comptime, ...kernel.config };
  return [...namesOf(extent)].every((name) => known[name] !== undefined) ? evaluateExpr(extent, known) : null;
}

function foldDim(op: Op<'dim'>, comptime: Readonly<Record<string, number>>): void {
  const size = comptime[op.attrs.name];
  if (size !== undefined) Object.assign(op, { name: 'const', attrs: { value: size } });
}

/** View types follow from the operands, in program order. */
function specialiseBlock(block: Block): void {
  for (const op of block.ops) {
    for (const region of op.regions) specialiseBlock(region);
    if (op.name === 'view_at' || op.name === 'view_slice') {
      setTypes(op.results, inferTypes(op.name, op.operands, op.attrs, undefined));
    } else if (op.name === 'inline' || op.name === 'if') joinViews(op);
  }
}

function setTypes(values: readonly Value[], types: readonly Type[]): void {
  values.forEach((v, i) => {
    const type = types[i];
    if (type === undefined) throw new Bug('specialise: a result has no type');
    v.type = type;
  });
}

/** A view that leaves a region has the extents on which all its sources agree. */
function joinViews(op: Op): void {
  op.results.forEach((result, i) => {
    const { type } = result;
    if (type.kind !== 'view') return;
    const sources = op.regions.map((r) => yielded(r)[i]?.type as ViewType);
    const extents = type.extents.map((_, axis) => {
      const sizes = new Set(sources.map((s) => s.extents[axis] ?? null));
      return sizes.size === 1 ? ([...sizes][0] ?? null) : null;
    });
    result.type = { ...type, extents };
  });
}
