import { Bug } from '../diag/diagnostic.js';
import type { Layout } from './layout.js';
import { basesOf, log2, makeLayout, mapBases } from './layout.js';

/** Where an axis lies in the tile index: `extent` values, `shift` bits up. */
interface AxisField {
  readonly extent: number;
  readonly shift: number;
}

export function axisField(shape: readonly number[], axis: number): AxisField {
  const extent = shape[axis];
  if (extent === undefined) throw new Bug(`layout: axis ${axis} of a tile of rank ${shape.length}`);
  let shift = 0;
  for (let i = axis + 1; i < shape.length; i++) shift += log2(shape[i] as number);
  return { extent, shift };
}

/** Position along `axis` of the element with this row-major index. */
export function axisIndex(shape: readonly number[], axis: number, index: number): number {
  const { extent, shift } = axisField(shape, axis);
  return (index >>> shift) & (extent - 1);
}

/** Position along every axis. */
export const coordinates = (shape: readonly number[], index: number): number[] =>
  shape.map((_, axis) => axisIndex(shape, axis, index));

/** Row-major index of a position; the inverse of `coordinates`. */
export const flatten = (shape: readonly number[], at: readonly number[]): number =>
  shape.reduce((index, extent, axis) => index * extent + (at[axis] ?? 0), 0);

/** Layout with the axis forgotten: what a reduction along it has, and what a tile expanded along it needs. */
export function project(l: Layout, axis: number): Layout {
  const { extent, shift } = axisField(l.shape, axis);
  const low = 2 ** shift - 1;
  const shape = l.shape.filter((_, i) => i !== axis);
  return mapBases(l, shape, (b) => ((b >>> log2(extent)) & ~low) | (b & low));
}

/** A new axis of extent 1 before position `axis`. */
export const expandAxis = (l: Layout, axis: number): Layout => {
  if (axis < 0 || axis > l.shape.length) throw new Bug(`layout: new axis ${axis} in rank ${l.shape.length}`);
  return makeLayout([...l.shape.slice(0, axis), 1, ...l.shape.slice(axis)], l.ins);
};

/** The axis shrunk to extent 1: the layout that the operand of a broadcast needs to give `l` without moving data. */
export const collapseAxis = (l: Layout, axis: number): Layout => expandAxis(project(l, axis), axis);

/** An axis of extent 1 widened: each holder has all copies, in new registers behind those that it had. */
export function broadcastAxis(l: Layout, axis: number, extent: number): Layout {
  const field = axisField(l.shape, axis);
  if (field.extent !== 1) throw new Bug(`layout: broadcast of an axis of extent ${field.extent}`);
  const width = log2(extent);
  const low = 2 ** field.shift - 1;
  const shape = l.shape.map((e, i) => (i === axis ? extent : e));
  const wide = mapBases(l, shape, (b) => ((b & ~low) << width) | (b & low));
  const copies = Array.from({ length: width }, (_, i) => 2 ** (field.shift + i));
  return makeLayout(shape, { ...wide.ins, register: [...(wide.ins.register ?? []), ...copies] });
}

/** Axis i of the result is axis `order[i]` of the operand. */
export function permuteAxes(l: Layout, order: readonly number[]): Layout {
  const shape = order.map((a) => axisField(l.shape, a).extent);
  if (order.length !== l.shape.length || new Set(order).size !== order.length)
    throw new Bug(`layout: [${order.join(', ')}] does not permute ${l.shape.length} axes`);
  return mapBases(l, shape, (b) => {
    const at = coordinates(l.shape, b);
    return flatten(
      shape,
      order.map((a) => at[a] ?? 0),
    );
  });
}

/** The last two axes swapped. */
export function transpose(l: Layout): Layout {
  const n = l.shape.length;
  if (n < 2) throw new Bug(`layout: transpose of rank ${n}`);
  return permuteAxes(l, [...l.shape.keys()].slice(0, n - 2).concat(n - 1, n - 2));
}

/** Where along one axis a thread's elements lie: position = register[r] XOR the bases of the thread's set bits. */
export interface IndexParts {
  /** Contribution of each register number. */
  readonly register: readonly number[];
  /** Contribution of each bit of the local invocation index. */
  readonly invocationBases: readonly number[];
  readonly laneBases: readonly number[];
  readonly warpBases: readonly number[];
  /** Registers and threads contribute to different bits, so that XOR between the two is also `|` and `+`. */
  readonly disjoint: boolean;
}

export function indexParts(l: Layout, axis: number): IndexParts {
  const along = (bases: readonly number[]) => bases.map((b) => axisIndex(l.shape, axis, b));
  const registerBases = along(l.ins.register ?? []);
  const union = (bases: readonly number[]) => bases.reduce((m, b) => m | b, 0);
  return {
    register: spanInOrder(registerBases),
    invocationBases: along(l.ins.invocation ?? []),
    laneBases: along(l.ins.lane ?? []),
    warpBases: along(l.ins.warp ?? []),
    disjoint: (union(registerBases) & union(along(basesOf(l, ['lane', 'warp', 'invocation'])))) === 0,
  };
}

/** `combine(bases, 0)`, `combine(bases, 1)`, ...: all 2^n values. */
export function spanInOrder(bases: readonly number[]): number[] {
  const values = [0];
  for (const b of bases) for (let i = 0, n = values.length; i < n; i++) values.push((values[i] as number) ^ b);
  return values;
}

/** `width` bits of the thread index from bit `from` on, moved to bit `to`: `((t >> from) & (2^width - 1)) << to`. */
export interface BitRun {
  readonly from: number;
  readonly to: number;
  readonly width: number;
}

/**
 * A map as few shifted fields: combine(bases, t) is the XOR of all runs, and also their `|` and `+` where `disjoint`
 * (no output bit comes from two input bits).
 */
export function bitRuns(bases: readonly number[]): { readonly runs: readonly BitRun[]; readonly disjoint: boolean } {
  const runs: BitRun[] = [];
  let seen = 0;
  let disjoint = true;
  bases.forEach((basis, from) => {
    disjoint &&= (seen & basis) === 0;
    seen |= basis;
    for (let to = 0; basis >>> to !== 0; to++) if ((basis >>> to) & 1) addBit(runs, from, to);
  });
  return { runs, disjoint };
}

function addBit(runs: BitRun[], from: number, to: number): void {
  const i = runs.findIndex((r) => r.from + r.width === from && r.to + r.width === to);
  const run = runs[i];
  if (run === undefined) runs.push({ from, to, width: 1 });
  else runs[i] = { ...run, width: run.width + 1 };
}
