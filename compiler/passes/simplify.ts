/**
 * Enters: any kernel without layouts. Leaves: constants folded with the rounding of their dtype, exact identities
 * applied, shape ops of uniform values gone, `if` with a known condition and loops of zero or one trip replaced by what
 * they run. Sound: each rule states its equation, which holds for every value, NaN, infinities and -0 included; nothing
 * is re-associated except integers, which wrap. Results lose no precision that the language promises.
 */
import { Bug } from '../diag/diagnostic.js';
import { type Block, newOp, type Op, type Value } from '../ir/module.js';
import { yieldOf } from '../ir/rewrite.js';
import { isElementwise, opRow } from '../ops/table.js';
import type { Pass } from './pass.js';
import * as algebra from './simplify/algebra.js';
import { chosenRegion, dropUnchanged, tripsOf } from './simplify/control.js';
import * as fold from './simplify/fold.js';
import { namedFold } from './simplify/named-fold.js';
import { Rewriter, type Rule } from './simplify/rewriter.js';
import * as shape from './simplify/shape.js';

const ELEMENTWISE: readonly Rule[] = [
  fold.foldConstants,
  fold.hoistSplat,
  fold.hoistBroadcast,
  algebra.constantsRight,
  algebra.neutral,
  algebra.absorbing,
  algebra.sameOperands,
  algebra.twice,
  algebra.gatherIntegers,
  algebra.knownSelect,
  algebra.invertCompare,
  algebra.idleCast,
];
const SHAPE: readonly Rule[] = [namedFold, shape.idleShape, shape.uniformShape, shape.mergeShape, shape.idleView];

export const simplify: Pass = {
  name: 'simplify',
  summary: 'Folds constants, applies exact identities, resolves known branches and loops.',
  requires: [],
  run(kernel) {
    const simplifier = new Simplifier();
    simplifier.block(kernel.body);
    simplifier.rewriter.replaced.apply(kernel);
  },
};

class Simplifier {
  readonly rewriter = new Rewriter((op) =>
    isElementwise(op.name) ? ELEMENTWISE : opRow(op.name).effect === 'pure' ? SHAPE : [],
  );

  block(block: Block): void {
    const outer = this.rewriter.out;
    this.rewriter.out = [];
    for (const op of block.ops) this.#op(op);
    block.ops = this.rewriter.out;
    this.rewriter.out = outer;
  }

  #op(op: Op): void {
    this.rewriter.replaced.operands(op);
    if (op.name === 'for') this.#for(op);
    else if (op.name === 'if') this.#if(op);
    else {
      for (const region of op.regions) this.block(region);
      this.rewriter.place(op);
    }
  }

  #for(loop: Op): void {
    for (const { gone, value } of dropUnchanged(loop)) this.rewriter.replaced.set(gone, value);
    const known = tripsOf(loop);
    const [body] = loop.regions;
    if (body === undefined) throw new Bug('for without a region');
    const inits = loop.operands.slice(3);
    if (known?.trips === 0) this.#replace(loop, inits);
    else if (known?.trips === 1) {
      this.rewriter.loc = loop.loc;
      const index = this.rewriter.constant(known.begin, { kind: 'tile', dtype: 'i32', shape: [] });
      [index, ...inits].forEach((v, i) => {
        const arg = body.args[i];
        if (arg !== undefined) this.rewriter.replaced.set(arg, v);
      });
      this.#replace(loop, this.#splice(body));
    } else {
      this.block(body);
      this.rewriter.out.push(loop);
    }
  }

  #if(op: Op): void {
    const chosen = chosenRegion(op);
    if (chosen !== null) {
      this.#replace(op, this.#splice(chosen));
      return;
    }
    for (const region of op.regions) this.block(region);
    if (!this.#select(op)) this.rewriter.out.push(op);
  }

  /** if c { yield a } { yield b } = select(c, a, b) for scalars: cheaper than a branch. */
  #select(op: Op): boolean {
    const [condition] = op.operands;
    const [yes, no] = op.regions.map(yieldOf);
    const empty = op.regions.every((region) => region.ops.length === 1);
    const scalars = op.results.every((v) => v.type.kind === 'tile' && v.type.shape.length === 0);
    if (!empty || !scalars || condition === undefined) return false;
    const values = op.results.map((v, i) => {
      const [a, b] = [yes?.operands[i], no?.operands[i]];
      if (a === undefined || b === undefined) throw new Bug('if yields too few values');
      const [x, y] = [this.rewriter.replaced.of(a), this.rewriter.replaced.of(b)];
      const select = newOp('select', [condition, x, y], {}, [v.type], [], op.loc);
      const [result] = select.results;
      if (result === undefined) throw new Bug('select has no result');
      if (v.hint !== undefined) result.hint = v.hint;
      this.rewriter.place(select);
      return this.rewriter.replaced.of(result);
    });
    this.#replace(op, values);
    return true;
  }

  /** Puts the ops of a region here; gives what it yields. */
  #splice(region: Block): Value[] {
    const end = yieldOf(region);
    for (const op of region.ops) if (op !== end) this.#op(op);
    return (end?.operands ?? []).map((v) => this.rewriter.replaced.of(v));
  }

  #replace(op: Op, values: readonly Value[]): void {
    op.results.forEach((v, i) => {
      const value = values[i];
      if (value === undefined) throw new Bug(`${op.name} yields too few values`);
      this.rewriter.replaced.set(v, value);
    });
  }
}
