/**
 * Enters: blocks in any order. Leaves: pure arithmetic whose result only feeds operands of dots stands right behind the
 * last value that it needs. A backend that puts dot operands into shared memory then writes them together, before one
 * barrier, instead of one barrier each.
 *
 * Sound: pure ops move across ops that they do not depend on. The price is that operands live longer in shared memory:
 * a backend that runs out of it leaves this pass out.
 */
import type { Block, Op, Value } from '../ir/module.js';
import { walk } from '../ir/module.js';
import { isElementwise } from '../ops/table.js';
import type { Pass } from './pass.js';

const SHAPING = new Set(['trans', 'splat', 'broadcast', 'expand', 'reshape']);

export const raiseOperands: Pass = {
  name: 'raise-operands',
  summary: 'Computes operands of dots as soon as their inputs are there.',
  requires: [],
  run(kernel) {
    raise(kernel.body, feeders(kernel.body));
  },
};

const movable = (op: Op): boolean => isElementwise(op.name) || SHAPING.has(op.name);

/** Ops whose every use leads to operand 0 or 1 of a dot, through movable ops only. */
function feeders(body: Block): Set<Op> {
  const uses = new Map<Value, { op: Op; index: number }[]>();
  const all = [...walk(body)];
  for (const op of all)
    for (const [index, v] of op.operands.entries()) {
      const list = uses.get(v);
      if (list === undefined) uses.set(v, [{ op, index }]);
      else list.push({ op, index });
    }
  const found = new Set<Op>();
  for (const op of all.reverse()) {
    if (!movable(op)) continue;
    const mine = op.results.flatMap((v) => uses.get(v) ?? []);
    const feeds = mine.length > 0 && mine.every((u) => (u.op.name === 'dot' && u.index < 2) || found.has(u.op));
    if (feeds) found.add(op);
  }
  return found;
}

function raise(block: Block, found: ReadonlySet<Op>): void {
  for (const op of block.ops) for (const region of op.regions) raise(region, found);
  const placed: Op[] = [];
  for (const op of block.ops) {
    if (!found.has(op)) {
      placed.push(op);
      continue;
    }
    const needs = new Set(op.operands);
    let at = placed.length;
    while (at > 0 && !(placed[at - 1] as Op).results.some((v) => needs.has(v))) at--;
    placed.splice(at, 0, op);
  }
  block.ops = placed;
}
