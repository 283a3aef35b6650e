/**
 * Enters: in loops, selects of large tiles under masks that compare indices with scalars known at run time: the causal
 * edge, the end of a sequence. Leaves: `if every lane of the mask holds { x } else { select(mask, x, y) }`, where the
 * condition is a few operations on scalars, so that blocks away from the edges pay for no mask.
 *
 * Sound: the condition implies that the mask holds everywhere (branch-full-masks/full.ts: the extreme of a difference of
 * linear forms over the tile, and that no lane wraps near 2^31); where it does not hold, the select is as it was.
 */
import { AffineTiles } from '../analysis/affine-tiles.js';
import { shapeOf } from '../analysis/shape-maps.js';
import { Builder } from '../ir/builder.js';
import { type Block, type Kernel, newBlock, newOp, type Op, type Value } from '../ir/module.js';
import { Substitution } from '../ir/rewrite.js';
import { sizeOf } from '../ir/types.js';
import { Corners } from './branch-full-masks/corners.js';
import { fullWhere } from './branch-full-masks/full.js';
import { ConditionOps } from './branch-full-masks/scalars.js';
import type { Pass, PassContext } from './pass.js';

export interface BranchOptions {
  /** Elements of the least tile whose mask is worth a branch. */
  readonly leastElements: (kernel: Kernel) => number;
}

export function branchFullMasks(options: BranchOptions): Pass {
  return {
    name: 'branch-full-masks',
    summary: 'Passes over masks that hold everywhere.',
    requires: ['sink-selects'],
    run: (kernel, ctx) => new Branches(kernel, ctx, options.leastElements(kernel)).run(),
  };
}

class Branches {
  readonly #kernel: Kernel;
  readonly #affine: AffineTiles;
  readonly #corners = new Corners();
  readonly #leastElements: number;
  readonly #replaced = new Substitution();

  constructor(kernel: Kernel, ctx: PassContext, leastElements: number) {
    this.#kernel = kernel;
    this.#affine = new AffineTiles(kernel, { grid: ctx.grid ?? {}, divisible: ctx.divisible ?? {} });
    this.#leastElements = leastElements;
  }

  run(): void {
    this.#visit(this.#kernel.body, false);
    this.#replaced.apply(this.#kernel);
  }

  #visit(block: Block, inLoop: boolean): void {
    block.ops = block.ops.flatMap((op) => {
      for (const region of op.regions) this.#visit(region, inLoop || op.name === 'for');
      return inLoop && op.name === 'select' ? this.#branch(op) : [op];
    });
  }

  #branch(select: Op): readonly Op[] {
    const [mask, x] = select.operands;
    const [result] = select.results;
    if (mask === undefined || x === undefined || result === undefined) return [select];
    const full = sizeOf(shapeOf(result)) < this.#leastElements ? null : fullWhere(mask, this.#corners);
    if (full === null) return [select];
    const b = new Builder(newBlock([]), select.loc);
    const condition = new ConditionOps(b, this.#affine).emit(full);
    const masked = newOp('select', select.operands, {}, [result.type], [], select.loc);
    const regions = [yielding([], x), yielding([masked], masked.results[0] as Value)];
    const branch = newOp('if', [condition], {}, [result.type], regions, select.loc);
    for (const v of [...masked.results, ...branch.results]) {
      if (result.layout !== undefined) v.layout = result.layout;
      if (result.hint !== undefined) v.hint = result.hint;
    }
    this.#replaced.set(result, branch.results[0] as Value);
    return [...b.block.ops, branch];
  }
}

function yielding(ops: readonly Op[], v: Value): Block {
  const block = newBlock([]);
  block.ops = [...ops, newOp('yield', [v], {}, [])];
  return block;
}
