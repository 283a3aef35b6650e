import type { Value } from '../../compiler/ir/module.js';
import { coordinates, flatten } from '../../compiler/layout/axes.js';
import { type Layout, log2, mapBases } from '../../compiler/layout/layout.js';
import { holdsRunsOfFour } from '../../compiler/layout/shape.js';
import { axisIndexOf, type Emitter, layoutOf } from './emitter.js';
import { elected, type Staged, stagedFor, storedGroups, writesOf } from './memory.js';

/** A matrix that goes through workgroup memory in slabs: `size` positions of one axis at a time, in one place. */
export interface Slabs {
  readonly staged: Staged;
  /** Writes slab number n. */
  readonly write: (n: number) => void;
}

export function slabsOf(e: Emitter, v: Value, axis: 0 | 1, size: number): Slabs {
  const layout = layoutOf(v);
  const tile = e.rounded(e.tile(v));
  const shape = layout.shape.map((extent, i) => (i === axis ? size : extent));
  const staged = stagedFor(e, shape, tile.dtype, holdsRunsOfFour(layout));
  const inSlab = withinSlab(layout, shape, axis, size);
  const along = axisIndexOf(e, layout, axis);
  const shift = log2(size);
  const groups = storedGroups(staged, layout);
  const numberOf = (r: number): number => (along.register[r] ?? 0) >> shift;
  const own = (layout.ins.invocation ?? []).some((b) => (coordinates(layout.shape, b)[axis] ?? 0) >= size)
    ? e.hoisted(`(${along.invocation} >> ${shift}u)`, 'n')
    : null;
  // The number of a register's slab is its own part XOR that of the invocation.
  const write = (n: number): void => {
    const parts = [...new Set(groups.map(numberOf))].filter((part) => own !== null || part === n);
    const lines = parts.map((part) => {
      const mine = groups.filter((r) => numberOf(r) === part);
      const text = writesOf(e, staged, inSlab, mine, tile);
      return own === null ? text : `if (${own} == ${n ^ part}i) {\n${text}\n}`;
    });
    e.line(elected(e, layout, lines.join('\n')), [], [staged.buffer]);
  };
  return { staged, write };
}

/** Positions along the axis counted from the start of their slab. */
const withinSlab = (l: Layout, shape: readonly number[], axis: number, size: number): Layout =>
  mapBases(l, shape, (b) =>
    flatten(
      shape,
      coordinates(l.shape, b).map((at, i) => (i === axis ? at & (size - 1) : at)),
    ),
  );
