import type { Op, Value } from '../../ir/module.js';
import { constantOf, definedBy } from '../../ir/rewrite.js';
import { is16Bit, isInt, sameType } from '../../ir/types.js';
import { wrapInt } from '../../ops/evaluate.js';
import type { OpName } from '../../ops/table.js';
import { type Rule, resultTile } from './rewriter.js';

const COMMUTES: ReadonlySet<OpName> = new Set<OpName>(['add', 'mul', 'max', 'min', 'and', 'or', 'xor', 'mulhi']);
export const commutes = (name: OpName): boolean => COMMUTES.has(name);

/** c + x = x + c: rules look for a constant on the right only. */
export const constantsRight: Rule = (op) => {
  const [a, b] = op.operands;
  if (commutes(op.name) && a !== undefined && b !== undefined && constantOf(a) !== null && constantOf(b) === null)
    op.operands = [b, a];
  return null;
};

const is = (v: Value | undefined, c: number): boolean => v !== undefined && Object.is(constantOf(v), c);

/**
 * Neutral elements. Floats: x * 1, x / 1, x - 0 and x + -0 only: x + 0 would turn -0 into 0, and x * 0 loses NaN.
 */
export const neutral: Rule = (op) => {
  const [x, c] = op.operands;
  if (x === undefined || c === undefined) return null;
  const int = x.type.dtype === 'i32' || x.type.dtype === 'u32';
  const ones = x.type.dtype === 'i1' ? 1 : x.type.dtype === 'u32' ? 2 ** 32 - 1 : -1;
  switch (op.name) {
    case 'add':
      return is(c, -0) || (int && is(c, 0)) ? x : null;
    case 'sub':
      return is(c, 0) ? x : null;
    case 'mul':
    case 'div':
    case 'idiv':
      return is(c, 1) ? x : null;
    case 'or':
    case 'xor':
    case 'shl':
    case 'shr':
    case 'ushr':
      return is(c, 0) ? x : null;
    case 'and':
      return is(c, ones) ? x : null;
    default:
      return null;
  }
};

/** Integers and masks: x * 0 = x & 0 = x % 1 = 0, x | ~0 = ~0; min(x, 0) = 0 for sizes and program ids, never negative. */
export const absorbing: Rule = (op, r) => {
  const type = resultTile(op);
  const [x, c] = op.operands;
  if (type === null || x === undefined || c === undefined || !(isInt(type.dtype) || type.dtype === 'i1')) return null;
  const zero = (op.name === 'mul' || op.name === 'and') && is(c, 0);
  if (zero || (op.name === 'rem' && is(c, 1))) return r.constant(0, type);
  if (op.name === 'or' && type.dtype === 'i1' && is(c, 1)) return c;
  if (op.name === 'min' && is(c, 0) && (definedBy(x, 'dim') || definedBy(x, 'program_id'))) return c;
  return null;
};

/** x op x: x & x = x | x = max = min = x; for integers and masks x - x = x ^ x = 0, and comparisons are known. */
export const sameOperands: Rule = (op, r) => {
  const type = resultTile(op);
  const [a, b] = op.operands;
  if (type === null || a === undefined || a !== b || op.operands.length !== 2) return null;
  if (['and', 'or', 'max', 'min'].includes(op.name)) return a;
  const exact = isInt(a.type.dtype) || a.type.dtype === 'i1';
  if (!exact) return null;
  if (op.name === 'sub' || op.name === 'xor') return r.constant(0, type);
  if (op.name !== 'cmp') return null;
  return r.constant(['le', 'ge', 'eq'].includes((op as Op<'cmp'>).attrs.pred) ? 1 : 0, type);
};

/** -(-x) = x, !(!x) = x, ||x|| = |x|, |-x| = |x|: exact for every value, NaN and -0 included. */
export const twice: Rule = (op, r) => {
  const [x] = op.operands;
  if (x === undefined) return null;
  if (op.name === 'neg' || op.name === 'not') return definedBy(x, op.name)?.operands[0] ?? null;
  if (op.name !== 'abs') return null;
  if (definedBy(x, 'abs') !== null) return x;
  const inner = definedBy(x, 'neg')?.operands[0];
  return inner === undefined ? null : r.make('abs', [inner], {});
};

/** Integers wrap, so (x + c) + d = x + (c + d) and (x * c) * d = x * (c * d) hold exactly; x - c = x + -c. */
export const gatherIntegers: Rule = (op, r) => {
  const type = resultTile(op);
  const [x, c] = op.operands;
  const d = c === undefined ? null : constantOf(c);
  if (type === null || x === undefined || d === null || !isInt(type.dtype)) return null;
  if (op.name === 'sub') return r.make('add', [x, r.constant(wrapInt(-d, type.dtype), type)], {});
  if (op.name !== 'add' && op.name !== 'mul') return null;
  const inner = definedBy(x, op.name);
  const [y, e] = inner?.operands ?? [];
  const k = e === undefined ? null : constantOf(e);
  if (y === undefined || k === null) return null;
  const both = op.name === 'add' ? wrapInt(k + d, type.dtype) : wrapInt(Math.imul(k, d), type.dtype);
  return r.make(op.name, [y, r.constant(both, type)], {});
};

/** select of a known mask, of equal arms, of a negated mask; select(m, true, false) = m. */
export const knownSelect: Rule = (op, r) => {
  const [m, a, b] = op.operands;
  if (op.name !== 'select' || m === undefined || a === undefined || b === undefined) return null;
  if (a === b) return a;
  const known = constantOf(m);
  if (known !== null) return known !== 0 ? a : b;
  const negated = definedBy(m, 'not')?.operands[0];
  if (negated !== undefined) return r.make('select', [negated, b, a], {});
  if (a.type.dtype !== 'i1' || !is(b, 0)) return null;
  return is(a, 1) ? m : null;
};

const INVERSE = { lt: 'ge', le: 'gt', gt: 'le', ge: 'lt', eq: 'ne', ne: 'eq' } as const;

/** !(a < b) = a >= b for integers; for floats, where NaN compares false, only == and != are each other's inverse. */
export const invertCompare: Rule = (op, r) => {
  const inner = op.name === 'not' && op.operands[0] !== undefined ? definedBy(op.operands[0], 'cmp') : null;
  const [a, b] = inner?.operands ?? [];
  if (inner === null || a === undefined || b === undefined) return null;
  const pred = (inner as Op<'cmp'>).attrs.pred as keyof typeof INVERSE;
  if (!isInt(a.type.dtype) && pred !== 'eq' && pred !== 'ne') return null;
  return r.make('cmp', [a, b], { pred: INVERSE[pred] });
};

/** Values that are exact in their 16-bit dtype whatever precision the backend keeps in arithmetic. */
function isRounded(v: Value): boolean {
  if (!is16Bit(v.type.dtype)) return true;
  return v.def.kind === 'block' || ['load', 'get', 'const', 'cast'].includes(v.def.name);
}

/**
 * cast(x) = x for the dtype of x; cast(cast(x)) = x where the first cast loses nothing (16-bit float to f32, i32 to u32
 * and back). A 16-bit x that arithmetic made is cast, for a backend may hold more of its bits until then.
 */
export const idleCast: Rule = (op) => {
  const [x] = op.operands;
  const type = resultTile(op);
  if (op.name !== 'cast' || x === undefined || type === null) return null;
  if (sameType(x.type, type)) return isRounded(x) ? x : null;
  const inner = definedBy(x, 'cast')?.operands[0];
  if (inner === undefined || !sameType(inner.type, type) || !isRounded(inner)) return null;
  const from = inner.type.dtype;
  const lossless = isInt(from) ? isInt(x.type.dtype) : from !== 'i1' && x.type.dtype === 'f32';
  return lossless ? inner : null;
};
