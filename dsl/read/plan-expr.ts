import type { ts } from 'ts-morph';
import { type Expr, storable } from '../../compiler/expr.js';
import type { Evaluator } from '../lower/evaluator.js';
import type { BoolVal, NumVal, SymVal } from '../lower/value.js';

/** Numbers, names and operators of one expression: a `const` that is used twice is written twice. */
const MOST_NODES = 1000;

/** A value as data that a manifest can hold. */
export function planExpr(ev: Evaluator, node: ts.Node, val: NumVal | SymVal | BoolVal): Expr {
  const e = val.kind === 'sym' ? val.expr : Number(val.value);
  if (nodesOf(e, MOST_NODES) === 0) ev.tooLarge(node, `this expression has more than ${MOST_NODES} parts`);
  return storable(e);
}

/** What is left of so many nodes; 0 where the expression has as many or more. */
function nodesOf(e: Expr, most: number): number {
  let left = most - 1;
  if (typeof e === 'object') for (const a of e.slice(1) as readonly Expr[]) left = left > 0 ? nodesOf(a, left) : 0;
  return Math.max(0, left);
}
