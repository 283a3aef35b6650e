/**
 * Enters: selects with a constant arm anywhere. Leaves: those selects as late as they can be, behind the arithmetic
 * that reads them; no product has an operand that is a select with a zero arm. A zero that reaches the operand of a dot
 * is then visible (`mark-zeros`), and a value that masks discard may be left uncomputed.
 *
 * Sound for floats, whose arithmetic never traps: f(select(m, a, c)) = select(m, f(a), f(c)) lane by lane, f(c) being
 * folded with the rounding of its dtype. One rule is more than an identity, a rule of the language: in a product, the
 * constant zero of a select annihilates. x * select(m, y, 0) is 0 where m is false even if x is NaN, infinite or
 * negative there, because the lane not chosen contributes nothing.
 */
import type { Op, Value } from '../ir/module.js';
import { constantOf, definedBy, useCounts } from '../ir/rewrite.js';
import { isFloat, sameType, type TileType } from '../ir/types.js';
import { isElementwise } from '../ops/table.js';
import type { Pass } from './pass.js';
import { foldConstants, foldedLane } from './simplify/fold.js';
import { type Rewriter, type Rule, resultTile, rewriteKernel } from './simplify/rewriter.js';

export const sinkSelects: Pass = {
  name: 'sink-selects',
  summary: 'Moves selects with a constant arm behind the arithmetic that reads them.',
  requires: ['simplify'],
  run(kernel) {
    const rules = [...exactSinks(useCounts(kernel)), annihilate];
    rewriteKernel(kernel, () => rules);
  },
};

/** The rules that are identities. Values without a count are new, made for one use. */
export const exactSinks = (uses: ReadonlyMap<Value, number>): readonly Rule[] => [
  foldConstants,
  mergeSelects,
  sinkUnary(uses),
  sinkBoth(uses),
];

/** A select one of whose arms is the same constant in every lane. */
interface ConstantArm {
  readonly mask: Value;
  readonly arm: Value;
  readonly constant: number;
  /** The constant is taken where the mask is false. */
  readonly constantLast: boolean;
}

function constantArm(v: Value): ConstantArm | null {
  const [mask, a, b] = definedBy(v, 'select')?.operands ?? [];
  if (mask === undefined || a === undefined || b === undefined) return null;
  const [ca, cb] = [constantOf(a), constantOf(b)];
  if (cb !== null) return { mask, arm: a, constant: cb, constantLast: true };
  return ca === null ? null : { mask, arm: b, constant: ca, constantLast: false };
}

/** select(mask, arm, constant), or with the arms exchanged. */
function selectLike(s: ConstantArm, arm: Value, constant: number, type: TileType, r: Rewriter): Value {
  const c = r.constant(constant, type);
  return r.make('select', s.constantLast ? [s.mask, arm, c] : [s.mask, c, arm], {});
}

/** Float arithmetic on floats and casts that make f32: a select behind a narrowing cast would be one of rounded halves. */
function canSink(op: Op, type: TileType): boolean {
  if (!isElementwise(op.name) || !isFloat(type.dtype) || op.name === 'select' || op.name === 'bitcast') return false;
  return op.name !== 'cast' || type.dtype === 'f32';
}

/**
 * f(select(m, a, c), k) = select(m, f(a, k), f(c, k)) for constants c and k, in any order and number. Where the select
 * has other uses too this costs a second one, which only a zero is worth: it may annihilate a product.
 */
const sinkUnary =
  (uses: ReadonlyMap<Value, number>): Rule =>
  (op, r) => {
    const type = resultTile(op);
    if (type === null || !canSink(op, type)) return null;
    const found = soleVarying(op.operands);
    const select = found === null ? null : constantArm(found);
    if (found === null || select === null) return null;
    const constant = foldedLane(
      op,
      type,
      op.operands.map((v) => constantOf(v) ?? select.constant),
    );
    if (constant === null || (constant !== 0 && (uses.get(found) ?? 1) > 1)) return null;
    const arm = r.make(
      op.name,
      op.operands.map((v) => (v === found ? select.arm : v)),
      op.attrs,
      type,
    );
    return selectLike(select, arm, constant, type, r);
  };

/** The one operand that is no constant, if there is one. */
function soleVarying(operands: readonly Value[]): Value | null {
  const varying = new Set(operands.filter((v) => constantOf(v) === null));
  const [only] = varying;
  return varying.size === 1 && only !== undefined ? only : null;
}

/** f(select(m, a, c), select(m, b, d)) = select(m, f(a, b), f(c, d)): one select instead of two. */
const sinkBoth =
  (uses: ReadonlyMap<Value, number>): Rule =>
  (op, r) => {
    const type = resultTile(op);
    const [x, y] = op.operands;
    if (type === null || !canSink(op, type) || op.operands.length !== 2 || x === undefined || y === undefined)
      return null;
    const [a, b] = [constantArm(x), constantArm(y)];
    if (a === null || b === null || a.mask !== b.mask || a.constantLast !== b.constantLast) return null;
    const constant = foldedLane(op, type, [a.constant, b.constant]);
    if (constant === null || (uses.get(x) ?? 1) > 1 || (uses.get(y) ?? 1) > 1) return null;
    return selectLike(a, r.make(op.name, [a.arm, b.arm], op.attrs), constant, type, r);
  };

/**
 * x * select(m, y, 0) = select(m, x * y, 0), the language rule above; also select(m, 0, y), either zero, either side,
 * and a select behind casts of floats, which keep zero.
 */
const annihilate: Rule = (op, r) => {
  const type = resultTile(op);
  const [a, b] = op.operands;
  if (op.name !== 'mul' || type === null || !isFloat(type.dtype) || a === undefined || b === undefined) return null;
  for (const [x, factor] of [
    [a, b],
    [b, a],
  ] as const) {
    const found = zeroSelect(factor, r);
    if (found === null) continue;
    const product = r.make('mul', factor === b ? [x, found.arm] : [found.arm, x], {});
    return selectLike(found, product, found.constant, type, r);
  }
  return null;
};

/** The select with a zero arm that a value is, its arm cast as the value is. */
function zeroSelect(v: Value, r: Rewriter): ConstantArm | null {
  const cast = definedBy(v, 'cast') as Op<'cast'> | null;
  const [inner] = cast?.operands ?? [];
  if (cast !== null && inner !== undefined && isFloat(inner.type.dtype)) {
    const found = zeroSelect(inner, r);
    return found === null ? null : { ...found, arm: r.make('cast', [found.arm], { ...cast.attrs }) };
  }
  const found = constantArm(v);
  return found?.constant === 0 ? found : null;
}

/**
 * select(m, select(m, a, b), c) = select(m, a, c), and likewise in the second arm;
 * select(m, select(n, a, c), c) = select(m & n, a, c); select(m, c, select(n, c, a)) = select(m | n, c, a).
 */
const mergeSelects: Rule = (op, r) => {
  const [m, a, b] = op.operands;
  if (op.name !== 'select' || m === undefined || a === undefined || b === undefined) return null;
  const [n, yes, no] = definedBy(a, 'select')?.operands ?? [];
  if (n !== undefined && yes !== undefined && no !== undefined) {
    if (n === m) return r.make('select', [m, yes, b], {});
    if (sameConstant(no, b)) return r.make('select', [r.make('and', [m, n], {}), yes, b], {});
  }
  const [k, then, other] = definedBy(b, 'select')?.operands ?? [];
  if (k === undefined || then === undefined || other === undefined) return null;
  if (k === m) return r.make('select', [m, a, other], {});
  return sameConstant(then, a) ? r.make('select', [r.make('or', [m, k], {}), a, other], {}) : null;
};

function sameConstant(a: Value, b: Value): boolean {
  const [x, y] = [constantOf(a), constantOf(b)];
  return x !== null && y !== null && Object.is(x, y) && sameType(a.type, b.type);
}
