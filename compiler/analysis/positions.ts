import type { AnyOp, Value } from '../ir/module.js';
import { constantOf } from '../ir/rewrite.js';

/** An i32 as a constant and multiples of other i32 scalars, modulo 2^32. */
export interface Position {
  readonly constant: number;
  readonly terms: ReadonlyMap<Value, number>;
}

export const ORIGIN: Position = { constant: 0, terms: new Map() };

/** a + factor b. */
export function addPositions(a: Position, b: Position, factor = 1): Position {
  const terms = new Map(a.terms);
  for (const [v, n] of b.terms) {
    const sum = (terms.get(v) ?? 0) + factor * n;
    if (sum === 0) terms.delete(v);
    else terms.set(v, sum);
  }
  return { constant: a.constant + factor * b.constant, terms };
}

/** Longer chains of arithmetic are a scalar of their own. */
const MOST_STEPS = 12;

export function positionOf(v: Value, steps = MOST_STEPS): Position {
  const constant = constantOf(v);
  if (constant !== null) return { constant, terms: new Map() };
  const own: Position = { constant: 0, terms: new Map([[v, 1]]) };
  if (v.def.kind !== 'op' || steps === 0) return own;
  const op = v.def as AnyOp;
  const x = (i: number): Position => positionOf(op.operands[i] as Value, steps - 1);
  const times = (p: Position, factor: number): Position => addPositions(ORIGIN, p, factor);
  switch (op.name) {
    case 'add':
      return addPositions(x(0), x(1));
    case 'sub':
      return addPositions(x(0), x(1), -1);
    case 'neg':
      return times(x(0), -1);
    case 'mul': {
      const [a, b] = op.operands.map(constantOf);
      if (typeof b === 'number') return times(x(0), b);
      return typeof a === 'number' ? times(x(1), a) : own;
    }
    default:
      return own;
  }
}
