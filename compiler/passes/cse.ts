/**
 * Enters: any kernel. Leaves: of equal computations where one dominates the other, the first. Equal: same op,
 * attributes, operands (in either order where the op commutes), result type and layout. Sound for pure ops, and for
 * loads of inputs too: no argument that a launch writes may overlap an input.
 */

import type { Block, Op } from '../ir/module.js';
import { attrsText, typedText } from '../ir/print.js';
import { Substitution } from '../ir/rewrite.js';
import { opRow } from '../ops/table.js';
import type { Pass } from './pass.js';
import { commutes } from './simplify/algebra.js';

export const cse: Pass = {
  name: 'cse',
  summary: 'Computes equal values once.',
  requires: [],
  run(kernel) {
    shareBlock(kernel.body, new Map(), new Substitution());
  },
};

function shareBlock(block: Block, available: ReadonlyMap<string, Op>, replaced: Substitution): void {
  // A copy of the outer table would cost its size for each region; a child table that looks outward does not.
  const here = new Scoped(available);
  block.ops = block.ops.filter((op) => {
    replaced.operands(op);
    for (const region of op.regions) shareBlock(region, here, replaced);
    if (!canShare(op)) return true;
    const key = keyOf(op);
    const first = here.get(key);
    if (first === undefined) {
      here.set(key, op);
      return true;
    }
    op.results.forEach((v, i) => {
      const same = first.results[i];
      if (same === undefined) return;
      if (v.hint !== undefined) same.hint ??= v.hint;
      replaced.set(v, same);
    });
    return false;
  });
}

/** A table that also shows the entries of the one around it. */
class Scoped extends Map<string, Op> {
  readonly #outer: ReadonlyMap<string, Op>;
  constructor(outer: ReadonlyMap<string, Op>) {
    super();
    this.#outer = outer;
  }
  override get(key: string): Op | undefined {
    return super.get(key) ?? this.#outer.get(key);
  }
}

/** Folds by a function are what their regions say: operands and attributes do not tell them apart. */
function canShare(op: Op): boolean {
  if (op.regions.length > 0) return false;
  const effect = opRow(op.name).effect;
  const view = op.operands[0]?.type;
  return effect === 'pure' || (effect === 'read' && view?.kind === 'view' && view.access === 'in');
}

function keyOf(op: Op): string {
  const ids = op.operands.map((v) => v.id);
  if (commutes(op.name)) ids.sort((a, b) => a - b);
  const results = op.results.map(typedText);
  return `${op.name} ${ids.join(',')}${attrsText(op)}:${results.join(',')}`;
}
