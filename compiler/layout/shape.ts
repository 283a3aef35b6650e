import { registerRun } from './algebra.js';
import { collapseAxis } from './axes.js';
import { independent } from './gf2.js';
import { IN_DIMS, type Layout, makeLayout, mapBases } from './layout.js';

/** Equal text for equal layouts: a key for maps. */
export const layoutKey = (l: Layout): string =>
  `${l.shape.join('x')}|${IN_DIMS.map((d) => (l.ins[d] === undefined ? '' : `${d}:${l.ins[d].join(',')}`)).join('|')}`;

/** Row-major order under another shape of equal size: the index bits stay where they are. */
export const reshapeLayout = (l: Layout, shape: readonly number[]): Layout => mapBases(l, shape, (b) => b);

/** The layout that the operand of a broadcast from `from` to `l.shape` needs, so that no data moves. */
export function collapseBroadcast(l: Layout, from: readonly number[]): Layout {
  return from.reduce((m, extent, axis) => (extent === 1 && (l.shape[axis] ?? 1) > 1 ? collapseAxis(m, axis) : m), l);
}

/** The same holders without registers that repeat other registers of the same thread. */
export function dropDuplicateRegisters(l: Layout): Layout {
  const register = l.ins.register ?? [];
  const keep = new Set(independent(register));
  return makeLayout(l.shape, { ...l.ins, register: register.filter((_, i) => keep.has(i)) });
}

/** Registers 4g..4g+3 are four neighbours along the last axis, the first at a multiple of four. */
export function holdsRunsOfFour(l: Layout): boolean {
  const last = l.shape.length - 1;
  if (last < 0) return false;
  const { bits } = registerRun(l, last, 4);
  return bits.length === 2 && bits[0] === 0 && bits[1] === 1;
}
