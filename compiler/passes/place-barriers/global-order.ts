/**
 * The order that accesses to arguments need which the kernel writes: a load sees the stores before it in the program, a
 * store does not overtake the loads before it, and of two stores the later one stays.
 */
import { type Apart, type GlobalAccess, globalAccesses, globalConflict } from '../../analysis/global-accesses.js';
import type { Kernel } from '../../ir/module.js';
import { type Requirement, waysBetweenPaths } from './requirements.js';

export function globalOrder(kernel: Kernel): Requirement[] {
  return [...globalAccesses(kernel).values()].flatMap((accesses) =>
    accesses.some((a) => a.kind !== 'read') ? accesses.flatMap((a) => accesses.flatMap((b) => between(a, b))) : [],
  );
}

const between = (a: GlobalAccess, b: GlobalAccess): Requirement[] =>
  waysBetweenPaths(a.at, b.at).flatMap(({ level, loop }) => {
    const apart: Apart = loop === null ? { way: 'same run' } : { way: 'later trip', loop };
    const need = globalConflict(a, b, apart);
    return need === null ? [] : [{ from: a.at, to: b.at, level, way: loop === null ? 'down' : 'around', need }];
  });
