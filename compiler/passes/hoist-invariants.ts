/**
 * Enters: loops. Leaves: pure ops whose operands are all defined outside of a loop, before it; inner loops first, so
 * that an op climbs as far as it can. Sound: pure ops have no effect and may run when the loop does not, except that
 * integer division traps: it moves only with a constant divisor that cannot. Loads stay: memory may change in the loop,
 * and a broken inBounds promise must not trap where the load would not have run.
 *
 * Ops that only repeat or rename lanes (splat, broadcast, expand, reshape, trans, iota and tile constants) move only
 * where a moving op needs them: alone they save nothing, and a tile held across a loop costs registers.
 */
import type { Block, Op, Value } from '../ir/module.js';
import { isLoop, runsAnywhere } from '../ir/rewrite.js';
import type { Pass } from './pass.js';

export const hoistInvariants: Pass = {
  name: 'hoist-invariants',
  summary: 'Moves computations that do not change out of loops.',
  requires: [],
  run(kernel) {
    hoistBlock(kernel.body);
  },
};

function hoistBlock(block: Block): void {
  block.ops = block.ops.flatMap((op) => {
    for (const region of op.regions) hoistBlock(region);
    return isLoop(op) ? [...op.regions.flatMap(takeInvariants), op] : [op];
  });
}

/** Removes from a loop body the ops that can stand before the loop, and gives them in order. */
function takeInvariants(body: Block): Op[] {
  const inside = new Set<Value>(body.args);
  const candidates: Op[] = [];
  for (const op of body.ops) {
    if (runsAnywhere(op) && op.operands.every((v) => !inside.has(v))) candidates.push(op);
    else for (const v of op.results) inside.add(v);
  }
  const moving = new Set<Op>();
  const needed = new Set<Value>();
  for (const op of candidates.toReversed()) {
    if (isRenaming(op) && !op.results.some((v) => needed.has(v))) continue;
    moving.add(op);
    for (const v of op.operands) needed.add(v);
  }
  body.ops = body.ops.filter((op) => !moving.has(op));
  return candidates.filter((op) => moving.has(op));
}

const RENAMING = new Set(['const', 'iota', 'splat', 'broadcast', 'expand', 'reshape', 'trans']);
function isRenaming(op: Op): boolean {
  const type = op.results[0]?.type;
  return RENAMING.has(op.name) && type?.kind === 'tile' && type.shape.length > 0;
}
