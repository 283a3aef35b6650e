/**
 * Enters: dot products whose results are added to something. Leaves: add(dot(a, b), x) as dot(a, b, x), where nothing
 * else uses the product. Sound: `acc + dot(a, b)` and `dot(a, b, acc)` are one instruction of the language, the order of
 * a dot's sums is free, and a product with this one use cannot be part of x. The product moves down to the addition, in
 * the same block, so that it runs as often as before; a product that has an accumulator already is left alone, since
 * written additions are not re-associated.
 */
import type { Block, Op, Value } from '../ir/module.js';
import { newOp } from '../ir/module.js';
import { definedBy, Substitution, useCounts } from '../ir/rewrite.js';
import type { Pass } from './pass.js';

export const fuseAccumulators: Pass = {
  name: 'fuse-accumulators',
  summary: 'Adds dot products into their accumulators.',
  requires: [],
  run(kernel) {
    const uses = useCounts(kernel);
    const replaced = new Substitution();
    fuseBlock(kernel.body, uses, replaced);
    replaced.apply(kernel);
  },
};

function fuseBlock(block: Block, uses: ReadonlyMap<Value, number>, replaced: Substitution): void {
  const here = new Set(block.ops);
  const gone = new Set<Op>();
  const ops = block.ops.map((op) => {
    for (const region of op.regions) fuseBlock(region, uses, replaced);
    const found = op.name === 'add' ? productOf(op, here, uses) : null;
    if (found === null) return op;
    const { dot, acc } = found;
    gone.add(dot);
    here.delete(dot);
    const fused = newOp(
      'dot',
      [...dot.operands, acc],
      dot.attrs,
      op.results.map((v) => v.type),
      [],
      op.loc,
    );
    const [from, to] = [op.results[0], fused.results[0]];
    if (from !== undefined && to !== undefined) {
      if (from.hint !== undefined) to.hint = from.hint;
      if (from.layout !== undefined) to.layout = from.layout;
      replaced.set(from, to);
    }
    return fused;
  });
  block.ops = ops.filter((op) => !gone.has(op));
}

/** The later operand is tried first: with two products, the earlier one is ready as the accumulator of the other. */
function productOf(
  add: Op,
  here: ReadonlySet<Op>,
  uses: ReadonlyMap<Value, number>,
): { dot: Op<'dot'>; acc: Value } | null {
  for (const i of [1, 0]) {
    const [product, acc] = [add.operands[i], add.operands[1 - i]];
    if (product === undefined || acc === undefined) continue;
    const dot = definedBy(product, 'dot') as Op<'dot'> | null;
    const alone = dot !== null && dot.operands.length === 2 && uses.get(product) === 1;
    if (alone && here.has(dot)) return { dot, acc };
  }
  return null;
}
