import { inferTypes } from '../../ir/builder.js';
import { type Block, type Kernel, type Loc, newOp, type Op, type Value } from '../../ir/module.js';
import { Substitution } from '../../ir/rewrite.js';
import type { TileType, Type } from '../../ir/types.js';
import type { AttrsOf, OpName } from '../../ops/table.js';

/**
 * A rewrite of one op whose operands are simple already: the value that replaces its result, made with `r` where it is
 * new, or null. A rule makes the op simpler or cheaper, never the reverse, so that rewriting ends.
 */
export type Rule = (op: Op, r: Rewriter) => Value | null;

/** Builds a block anew, in order; what it appends has been simplified by the rules. */
export class Rewriter {
  readonly replaced = new Substitution();
  out: Op[] = [];
  /** Where new ops come from: the op that is being rewritten. */
  loc: Loc | null = null;
  readonly #rules: (op: Op) => readonly Rule[];

  constructor(rules: (op: Op) => readonly Rule[]) {
    this.#rules = rules;
  }

  /** Appends the op, or what replaces it. */
  place(op: Op): void {
    this.loc = op.loc;
    const value = this.#apply(op);
    const result = op.results[0];
    if (value === null || result === undefined) {
      this.out.push(op);
      return;
    }
    if (result.hint !== undefined && value.def.kind === 'op') value.hint ??= result.hint;
    this.replaced.set(result, value);
  }

  /** The value of a new op, simplified. `type` as in Builder. */
  make<N extends OpName>(name: N, operands: readonly Value[], attrs: AttrsOf<N>, type?: Type): Value {
    const types = inferTypes(name, operands, attrs, type && [type]);
    const op = newOp(name, operands, attrs, types, [], this.loc);
    const value = this.#apply(op);
    if (value !== null) return value;
    this.out.push(op);
    return op.results[0] as Value;
  }

  constant(value: number, type: TileType): Value {
    return this.make('const', [], { value }, type);
  }

  #apply(op: Op): Value | null {
    for (const rule of this.#rules(op)) {
      const value = rule(op, this);
      if (value !== null) return value;
    }
    return null;
  }
}

/** Rewrites every op of a kernel, outer before inner, in program order. Control flow stays as it is. */
export function rewriteKernel(kernel: Kernel, rules: (op: Op) => readonly Rule[]): void {
  const rewriter = new Rewriter(rules);
  rewriteBlock(kernel.body, rewriter);
  rewriter.replaced.apply(kernel);
}

function rewriteBlock(block: Block, r: Rewriter): void {
  const outer = r.out;
  r.out = [];
  for (const op of block.ops) {
    r.replaced.operands(op);
    for (const region of op.regions) rewriteBlock(region, r);
    r.place(op);
  }
  block.ops = r.out;
  r.out = outer;
}

/** The type of an op's one result, for ops on tiles. */
export function resultTile(op: Op): TileType | null {
  const type = op.results[0]?.type;
  return type?.kind === 'tile' ? type : null;
}
