/** Sizes at which a configuration is compared with its reference: affordable, and ragged against every block. */
import { sizeOf } from '../compiler/ir/types.js';
import { isTensorArg, shapeOf } from './inputs.js';
import type { Dims, Reference } from './reference.js';
import { type Declaration, isPlan, type KernelDecl, type PlanDecl } from './source.js';

/** Knobs that are no extents of blocks. */
const NO_BLOCKS: ReadonlySet<string> = new Set(['warps', 'stages']);
/** Widest multiple of elements that programs are compiled for (runtime/facts.ts). */
const MAX_ALIGN = 8;
/** Extents up to this are what they are rather than so many rows: real and imaginary part, q, k and v. */
const FEW = 4;

/** Elements of all arguments. */
export const elementsOf = (decl: Pick<Declaration, 'args'>, dims: Dims): number =>
  decl.args.filter(isTensorArg).reduce((n, arg) => n + sizeOf(shapeOf(arg, dims)), 0);

/**
 * Sizes for the same programs at which all arguments have at most `most` elements, where that can be had: two blocks and a
 * part of every extent that is cut into blocks are kept. What a program is compiled for stays: comptime sizes, and how the
 * rows are aligned.
 */
export function reducedDims(
  decl: KernelDecl | PlanDecl,
  full: Dims,
  { shape }: Pick<Reference, 'shape'>,
  most: number,
): Dims {
  const derived = derivedDims(shape, full);
  const own = decl.dims.filter((d) => !decl.comptime.includes(d) && !derived.has(d) && full[d] !== undefined);
  const batch = batchDims(decl);
  const heads = siblings(decl).filter((pair) => pair.every((d) => batch.has(d) && own.includes(d)));
  const least = leastSizes(decl, full, own, batch);
  const finish = (halved: Dims): Dims => {
    const ragged = own.map((d) => [d, batch.has(d) ? sizeIn(halved, d) : raggedSize(decl, d, full, halved)] as const);
    const sizes: Record<string, number> = { ...halved, ...Object.fromEntries(ragged) };
    keepRatios(heads, full, sizes);
    for (const [d, size] of derived) if (!decl.comptime.includes(d)) sizes[d] = size(sizes);
    return sizes;
  };
  let sizes = full;
  // Where blocks of another extent are so large that this does not suffice, two blocks are those of its own axis of the grid.
  for (const enough of [least, { ...least, ...leastOfCuts(decl, full, own) }])
    while (elementsOf(decl, finish(sizes)) > most) {
      const smaller = halveOne(own, sizes, enough);
      if (smaller === null) break;
      sizes = smaller;
    }
  return finish(sizes);
}

const sizeIn = (dims: Dims, d: string): number => dims[d] ?? 0;

/** Sizes that follow from others, as the reference says, and do so here. */
function derivedDims(shape: Reference['shape'], full: Dims): ReadonlyMap<string, (dims: Dims) => number> {
  const functions = Object.entries(shape).filter(
    (entry): entry is [string, (dims: Dims) => number] => typeof entry[1] === 'function',
  );
  return new Map(functions.filter(([d, size]) => size(full) === full[d]));
}

/**
 * Dimensions of which each program takes one index: the grid has an axis of their extent; and those that stand in the place
 * of one in another argument, as heads of keys do.
 */
function batchDims(decl: KernelDecl | PlanDecl): ReadonlySet<string> {
  const axes = gridDims(decl);
  const paired = siblings(decl).filter(([a, b]) => axes.has(a) || axes.has(b));
  return new Set([...axes, ...paired.flat()].filter((d) => !decl.comptime.includes(d)));
}

function gridDims(decl: KernelDecl | PlanDecl): ReadonlySet<string> {
  const found = isPlan(decl)
    ? decl.runs.flatMap(({ kernel, dims }) => [...gridDims(kernel)].map((d) => dims.get(d)))
    : decl.grid.map(([, extent]) => extent);
  return new Set(found.filter((e): e is string => typeof e === 'string' && decl.dims.includes(e)));
}

/** Pairs of dimensions in which two arguments differ, and in nothing else; not of rows, which only differ in length. */
function siblings({ args }: Declaration): (readonly [string, string])[] {
  const lists = args.filter(isTensorArg).map((arg) => arg.dims);
  return lists.flatMap((a) =>
    lists.flatMap((b) => {
      const axes = a.length === b.length ? [...a.keys()].filter((i) => a[i] !== b[i]) : [];
      const [axis] = axes;
      const isPair = axes.length === 1 && axis !== undefined && axis < a.length - 1;
      return isPair ? [[a[axis] ?? '', b[axis] ?? ''] as const] : [];
    }),
  );
}

/** Blocks are knobs, of a plan also those of what it runs. */
function largestBlock(decl: KernelDecl | PlanDecl): number {
  const own = Object.entries(decl.tune).flatMap(([knob, values]) => (NO_BLOCKS.has(knob) ? [] : values));
  const inner = isPlan(decl) ? decl.runs.map((run) => largestBlock(run.kernel)) : [];
  return Math.max(1, ...own, ...inner);
}

function leastSizes(
  decl: KernelDecl | PlanDecl,
  full: Dims,
  own: readonly string[],
  batch: ReadonlySet<string>,
): Readonly<Record<string, number>> {
  const blocks = 2 * largestBlock(decl) + MAX_ALIGN;
  return Object.fromEntries(own.map((d) => [d, Math.min(sizeIn(full, d), batch.has(d) ? 2 : blocks)]));
}

/** Of dimensions that a kernel cuts into blocks along an axis of its grid. */
function leastOfCuts(
  decl: KernelDecl | PlanDecl,
  full: Dims,
  own: readonly string[],
): Readonly<Record<string, number>> {
  const cuts = isPlan(decl) ? [] : gridCuts(decl).filter(([d]) => own.includes(d));
  return Object.fromEntries(cuts.map(([d, block]) => [d, Math.min(sizeIn(full, d), 2 * block + MAX_ALIGN)]));
}

const gridCuts = ({ grid, tune }: KernelDecl): (readonly [dim: string, largest: number])[] =>
  grid.flatMap(([, extent]) => {
    const [op, d, knob] = Array.isArray(extent) ? extent : [];
    const blocks = typeof knob === 'string' ? tune[knob] : undefined;
    return op === 'cdiv' && typeof d === 'string' && blocks !== undefined ? [[d, Math.max(...blocks)] as const] : [];
  });

/** The size that is furthest above the least, halved; null where all are there. Equal sizes stay equal. */
function halveOne(own: readonly string[], sizes: Dims, least: Readonly<Record<string, number>>): Dims | null {
  const excess = (d: string): number => sizeIn(sizes, d) / Math.max(1, least[d] ?? 1);
  const most = Math.max(0, ...own.map(excess));
  if (most <= 1) return null;
  const halved = own
    .filter((d) => excess(d) === most)
    .map((d) => [d, Math.max(least[d] ?? 1, Math.ceil(sizeIn(sizes, d) / 2))] as const);
  return { ...sizes, ...Object.fromEntries(halved) };
}

/** The largest odd multiple of `align` that is not above `n`: no whole number of blocks larger than that. */
const oddMultiple = (n: number, align: number): number => {
  const units = Math.floor(n / align);
  return units === 0 ? n : align * (units % 2 === 1 ? units : units - 1);
};

/** A last extent decides how rows are aligned: its factors of two are kept, up to what programs distinguish. */
function raggedSize(decl: Declaration, d: string, full: Dims, sizes: Dims): number {
  const isLast = decl.args.some((arg) => isTensorArg(arg) && arg.dims.at(-1) === d);
  const size = sizeIn(sizes, d);
  if (size <= FEW) return size;
  let align = isLast ? MAX_ALIGN : 1;
  while (sizeIn(full, d) % align !== 0) align /= 2;
  return oddMultiple(size, align);
}

/** Heads that share keys go on doing so: what divided its sibling, or was equal to it, does again. */
function keepRatios(pairs: readonly (readonly [string, string])[], full: Dims, sizes: Record<string, number>): void {
  for (const [a, b] of pairs) {
    const [small, large] = [sizeIn(full, a), sizeIn(full, b)];
    if (small === 0 || large === 0 || large % small !== 0) continue;
    const [to, size] = [sizeIn(sizes, a), sizeIn(sizes, b)];
    sizes[b] = large === small ? to : Math.max(2 * to, size - (size % to));
  }
}
