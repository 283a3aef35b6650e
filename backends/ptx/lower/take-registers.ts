import { forward, renamesLanes } from '../../../compiler/analysis/shape-maps.js';
import type { Value } from '../../../compiler/ir/module.js';
import { axisIndex, flatten } from '../../../compiler/layout/axes.js';
import { combine, solver } from '../../../compiler/layout/gf2.js';
import { type Layout, registerCount } from '../../../compiler/layout/layout.js';

/**
 * For each register of a take, the register of the same thread that has its element: where each index is the position
 * along some axis of the result, or known for each register. Null where elements move between threads.
 */
export function takenRegisters(
  from: Layout,
  to: Layout,
  indices: readonly Value[],
  known: (axis: number, register: number) => number | null,
): number[] | null {
  const along = indices.map((v, axis) => positionAxis(v, from.shape[axis] ?? 1));
  const element = (index: number, other: (axis: number) => number): number =>
    flatten(
      from.shape,
      along.map((a, axis) => (a === null ? other(axis) : axisIndex(to.shape, a, index))),
    );
  const stays = (['lane', 'warp'] as const).every((dim) =>
    (to.ins[dim] ?? []).every((basis, bit) => from.ins[dim]?.[bit] === element(basis, () => 0)),
  );
  if (!stays) return null;
  const find = solver(from.ins.register ?? []);
  const sources: number[] = [];
  for (let r = 0; r < registerCount(to); r++) {
    const others = along.map((a, axis) => (a === null ? known(axis, r) : 0));
    if (!others.every((x) => x !== null)) return null;
    const at = combine(to.ins.register ?? [], r);
    const source = find(element(at, (axis) => (others[axis] ?? 0) & ((from.shape[axis] ?? 1) - 1)));
    if (source === null) return null;
    sources.push(source);
  }
  return sources;
}

/** The axis of a tile along which its lanes count 0, 1, ... up to the extent; null of any other tile. */
function positionAxis(v: Value, extent: number): number | null {
  const coefs = coefficients(v);
  const axis = coefs?.findIndex((c) => c !== 0) ?? -1;
  if (coefs === null || axis < 0 || coefs.some((c, i) => c !== (i === axis ? 1 : 0))) return null;
  return v.type.kind === 'tile' && v.type.shape[axis] === extent ? axis : null;
}

function coefficients(v: Value): readonly number[] | null {
  if (v.def.kind !== 'op') return null;
  if (v.def.name === 'iota') return [1];
  const inner = renamesLanes(v.def) && v.def.operands[0] ? coefficients(v.def.operands[0]) : null;
  return inner === null ? null : forward(v.def, inner);
}
