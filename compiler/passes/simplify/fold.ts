import type { Op, Value } from '../../ir/module.js';
import { constantOf, definedBy } from '../../ir/rewrite.js';
import { isFloat, scalarType, type TileType, tileType } from '../../ir/types.js';
import { EvaluationTrap } from '../../ops/evaluate.js';
import { roundResult, roundTo } from '../../ops/round.js';
import { opRow } from '../../ops/table.js';
import { type Rewriter, type Rule, resultTile } from './rewriter.js';

/**
 * f(c1, c2) = c, rounded as the dtype of the result rounds. What would trap stays, to trap when it runs. Ops that only
 * pick an operand or change its sign are exact, so a literal is not rounded by them.
 */
export const foldConstants: Rule = (op, r) => {
  const type = resultTile(op);
  const values: number[] = [];
  for (const v of op.operands) {
    const c = constantOf(v);
    if (c === null) return null;
    values.push(c);
  }
  const value = type === null ? null : foldedLane(op, type, values);
  return value === null || type === null ? null : r.constant(value, type);
};

/** What an elementwise op gives in a lane where its operands have these values; null where it traps. */
export function foldedLane(op: Op, type: TileType, values: readonly number[]): number | null {
  const { evaluate } = opRow(op.name);
  const from = op.operands[0]?.type.dtype;
  if (evaluate === undefined || from === undefined) return null;
  try {
    const value = evaluate(values, from, op.attrs as Parameters<typeof evaluate>[2]);
    return isFloat(type.dtype) ? rounded(op.name, type, value) : value;
  } catch (error) {
    if (error instanceof EvaluationTrap) return null;
    throw error;
  }
}

const EXACT = new Set(['select', 'neg', 'abs', 'max', 'min']);
function rounded(name: string, type: TileType, value: number): number {
  if (EXACT.has(name)) return value;
  return name === 'cast' ? roundTo(type.dtype, value) : roundResult(type.dtype, value);
}

/** f(splat a, splat b, c) = splat f(a, b, c): one lane's work instead of every lane's. */
export const hoistSplat: Rule = (op, r) => {
  const type = resultTile(op);
  if (opRow(op.name).evaluate === undefined || type === null || type.shape.length === 0) return null;
  if (!op.operands.some((v) => definedBy(v, 'splat') !== null)) return null;
  if (!op.operands.every((v) => definedBy(v, 'splat') !== null || constantOf(v) !== null)) return null;
  const operands = op.operands.map((v) => atShape(v, [], r));
  return r.make('splat', [r.make(op.name, operands, op.attrs)], {}, type);
};

/** f(broadcast a, broadcast b, c) = broadcast f(a, b, c) where all come from one smaller shape. */
export const hoistBroadcast: Rule = (op, r) => {
  const type = resultTile(op);
  if (opRow(op.name).evaluate === undefined || type === null) return null;
  const small = op.operands.flatMap((v) => definedBy(v, 'broadcast')?.operands[0]?.type ?? []);
  const [first] = small;
  if (first?.kind !== 'tile') return null;
  const shape = first.shape;
  const fits = (v: Value): boolean => {
    const from = definedBy(v, 'broadcast')?.operands[0]?.type;
    if (from === undefined) return constantOf(v) !== null || definedBy(v, 'splat') !== null;
    return from.kind === 'tile' && from.shape.every((e, i) => e === shape[i]);
  };
  if (!op.operands.every(fits)) return null;
  const operands = op.operands.map((v) => atShape(v, shape, r));
  return r.make('broadcast', [r.make(op.name, operands, op.attrs)], {}, type);
};

/** The lanes of a constant, splat or broadcast under a smaller shape. */
function atShape(v: Value, shape: readonly number[], r: Rewriter): Value {
  const dtype = v.type.dtype;
  const c = constantOf(v);
  if (c !== null) return r.constant(c, shape.length === 0 ? scalarType(dtype) : tileType(dtype, shape));
  const from = (definedBy(v, 'broadcast') ?? definedBy(v, 'splat'))?.operands[0] ?? v;
  return from.type.kind === 'tile' && from.type.shape.length === 0 && shape.length > 0
    ? r.make('splat', [from], {}, tileType(dtype, shape))
    : from;
}
