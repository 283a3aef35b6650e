import type { ts as TS } from 'ts-morph';
import type { Help } from '../../compiler/diag/diagnostic.js';
import type { Value } from '../../compiler/ir/module.js';
import { type DType, isFloat, isInt, sameShape, tileType } from '../../compiler/ir/types.js';
import { spanOf } from '../read/diagnostics.js';
import { ts } from '../read/typescript.js';
import { type Evaluator, textOf } from './evaluator.js';
import {
  type BoolVal,
  describe,
  isMask as isMaskTile,
  type NumVal,
  rankOf,
  type TileVal,
  tileTypeOf,
  type Val,
} from './value.js';

/** A value with the expression it came from, for messages. */
export interface Operand<V extends Val = Val> {
  readonly val: V;
  readonly node: TS.Node;
}
export type Numeric = TileVal | NumVal | BoolVal;

export const isNumeric = (v: Val): v is Numeric => v.kind === 'tile' || v.kind === 'num' || v.kind === 'bool';

/** Labels that show what was inferred of each operand. */
export const typeLabels = (...operands: Operand[]): { span: ReturnType<typeof spanOf>; text: string }[] =>
  operands.map(({ val, node }) => ({ span: spanOf(node), text: describe(val) }));

/** dtype of a combination of two (semantics.md, "Types and literals"); null where a cast is needed. */
export function promote(a: DType, b: DType): DType | null {
  if (a === b) return a;
  if (a === 'i1' || b === 'i1' || (isInt(a) && isInt(b))) return null;
  return 'f32';
}

/** Weak operands take the dtype of the other one; null (reported) where the two do not mix or neither has one. */
export function commonDType(ev: Evaluator, node: TS.Node, operands: readonly Operand<Numeric>[]): DType | null {
  let found: DType | null = null;
  let from: Operand | null = null;
  for (const o of operands) {
    const d = o.val.kind === 'tile' ? tileTypeOf(o.val).dtype : o.val.kind === 'bool' ? 'i1' : null;
    if (d === null) continue;
    const joined: DType | null = found === null ? d : promote(found, d);
    if (joined === null) return mixed(ev, node, from ?? o, o);
    [found, from] = [joined, from ?? o];
  }
  const number = found === 'i1' ? operands.find((o) => o.val.kind === 'num') : undefined;
  return number === undefined || from === null ? found : mixed(ev, node, from, number);
}

function mixed(ev: Evaluator, node: TS.Node, a: Operand, b: Operand): null {
  const isMask = (o: Operand): boolean => o.val.kind === 'bool' || (o.val.kind === 'tile' && isMaskTile(o.val));
  const [mask, other] = isMask(a) ? [a, b] : [b, a];
  const labels = typeLabels(a, b);
  if (!isMask(mask)) {
    const help = ['cast one of them: cast(x, i32) or cast(x, u32) keeps the bits'];
    ev.error('LAC0205', node, 'i32 and u32 do not mix', { labels, help });
    return null;
  }
  const to = other.val.kind === 'tile' ? tileTypeOf(other.val).dtype : 'f32';
  const newText = `cast(${textOf(mask.node, 400).replace(/^\(([^()]*)\)$/, '$1')}, ${to})`;
  const text = 'cast the mask to a number: 1 where it holds, 0 elsewhere';
  ev.error('LAC0205', node, 'a mask and a number do not mix', {
    labels,
    help: [{ text, edit: { span: spanOf(mask.node), newText } }],
  });
  return null;
}

const LARGEST: Partial<Record<DType, number>> = { f16: 65504, bf16: 3.3895313892515355e38, f32: 3.4028234663852886e38 };

/** Whether a literal has a value in the dtype; reports the one that has not. `help` says what to write in this place. */
export function fits(ev: Evaluator, node: TS.Node, value: number, dtype: DType, help?: string): boolean {
  const reason = misfit(value, dtype);
  if (reason === null) return true;
  ev.error('LAC0206', node, `${value} is no ${dtype}: ${reason}`, { help: [help ?? instead(value, dtype)] });
  return false;
}

function instead(value: number, dtype: DType): string {
  if (isFloat(dtype)) return 'write Infinity if that is meant, or cast the other operand to f32';
  if (Math.abs(value) === Number.POSITIVE_INFINITY)
    return `${dtype} has no Infinity: its range is ${RANGE[dtype === 'u32' ? 'u32' : 'i32'].join(' to ')}`;
  if (dtype === 'u32' && Number.isInteger(value) && value < 0 && value >= -(2 ** 31))
    return `${value >>> 0} has its bits; bit operations on constants give numbers with a sign, and (...) >>> 0 takes it away`;
  if (dtype === 'i32' && value > 0 && Number.isInteger(value) && value < 2 ** 32)
    return 'cast the other operand to u32';
  return 'cast the other operand to a float dtype, or round the constant';
}

const RANGE = { i32: [-(2 ** 31), 2 ** 31 - 1], u32: [0, 2 ** 32 - 1] } as const;

function misfit(value: number, dtype: DType): string | null {
  if (dtype === 'i1') return 'a mask is true or false';
  if (isFloat(dtype)) {
    const most = LARGEST[dtype] ?? Number.POSITIVE_INFINITY;
    return Number.isFinite(value) && Math.abs(value) > most ? `the largest is ${most}` : null;
  }
  if (!Number.isInteger(value)) return 'it must be whole';
  const [least, most] = RANGE[dtype === 'u32' ? 'u32' : 'i32'];
  return value < least || value > most ? `the range is ${least} to ${most}` : null;
}

/** The value as a tile of exactly this dtype and shape (which it fits by promotion and broadcasting); null if reported. */
export function coerce(ev: Evaluator, o: Operand<Numeric>, dtype: DType, shape: readonly number[]): Value | null {
  if (o.val.kind !== 'tile') {
    const value = Number(o.val.value);
    if (dtype !== 'i1' || o.val.kind === 'num') if (!fits(ev, o.node, value, dtype)) return null;
    return ev.constant(o.node, value, tileType(dtype, shape));
  }
  const from = tileTypeOf(o.val);
  const v = from.dtype === dtype ? o.val.v : ev.value(o.node, 'cast', [o.val.v], { to: dtype });
  return spread(ev, o.node, v, from.shape, tileType(dtype, shape));
}

function spread(
  ev: Evaluator,
  node: TS.Node,
  v: Value,
  from: readonly number[],
  to: ReturnType<typeof tileType>,
): Value {
  if (sameShape(from, to.shape)) return v;
  return ev.value(node, from.length === 0 ? 'splat' : 'broadcast', [v], {}, to);
}

export interface Joined {
  readonly shape: readonly number[];
  readonly dims: readonly string[];
}

/** Shape of an elementwise combination: equal ranks, extents equal or 1; scalars and literals fit any. Null if reported. */
export function joinShapes(ev: Evaluator, node: TS.Node, operands: readonly Operand<Numeric>[]): Joined | null {
  let joined: Joined = { shape: [], dims: [] };
  let from: Operand<TileVal> | null = null;
  for (const o of operands) {
    if (!isTileOperand(o) || rankOf(o.val) === 0) continue;
    const t = { shape: tileTypeOf(o.val).shape, dims: o.val.dims };
    if (from === null) [joined, from] = [t, o];
    else if (t.shape.length !== joined.shape.length) return ranksDiffer(ev, node, from, o);
    else {
      const next = joinTwo(joined, t);
      if (next === null) return shapesDiffer(ev, node, from, o);
      joined = next;
    }
  }
  return joined;
}

const isTileOperand = (o: Operand): o is Operand<TileVal> => o.val.kind === 'tile';

function joinTwo(a: Joined, b: Joined): Joined | null {
  const shape: number[] = [];
  const dims: string[] = [];
  for (const [i, x] of a.shape.entries()) {
    const y = b.shape[i] ?? 1;
    if (x !== y && x !== 1 && y !== 1) return null;
    shape.push(Math.max(x, y));
    dims.push(x === y ? moreNamed(a.dims[i], b.dims[i]) : ((x === 1 ? b : a).dims[i] ?? ''));
  }
  return { shape, dims };
}

const moreNamed = (a = '', b = ''): string => (/^\d*$/.test(a) ? b || a : a);

function ranksDiffer(ev: Evaluator, node: TS.Node, a: Operand<TileVal>, b: Operand<TileVal>): null {
  const [low, high] = rankOf(a.val) < rankOf(b.val) ? [a, b] : [b, a];
  ev.error('LAC0202', node, `ranks differ: ${describe(a.val)} and ${describe(b.val)}`, {
    labels: typeLabels(a, b),
    help: [alignHelp(low, high)],
  });
  return null;
}

/** How the operand of lower rank lines up with the other: col() or row() for vectors, by extent and then by name. */
function alignHelp(low: Operand<TileVal>, high: Operand<TileVal>) {
  const [x] = tileTypeOf(low.val).shape;
  const shape = tileTypeOf(high.val).shape;
  if (rankOf(low.val) !== 1 || shape.length !== 2)
    return `insert an axis of extent 1: expand(${textOf(low.node)}, axis)`;
  const axes = [0, 1].filter((i) => shape[i] === x);
  const named = axes.filter((i) => high.val.dims[i] === low.val.dims[0]);
  const ones = [0, 1].filter((i) => shape[i] === 1);
  const [axis] = [axes, named, axes.length === 0 ? ones : []].find((a) => a.length === 1) ?? [];
  if (isAssigned(low.node))
    return 'it is assigned here, so it keeps its rank: fold the other one, sum(x, axis) or max(x, axis)';
  if (axis === undefined) return `write col(${textOf(low.node)}) for a column or row(${textOf(low.node)}) for a row`;
  const name = axis === 0 ? 'col' : 'row';
  const newText = `${name}(${textOf(low.node, 400)})`;
  return { text: `make it a ${axis === 0 ? 'column' : 'row'}: ${name}()`, edit: { span: spanOf(low.node), newText } };
}

function shapesDiffer(ev: Evaluator, node: TS.Node, a: Operand<TileVal>, b: Operand<TileVal>): null {
  const [x, y] = [tileTypeOf(a.val).shape, tileTypeOf(b.val).shape];
  const transposed = x.length === 2 && x[0] === y[1] && x[1] === y[0];
  ev.error('LAC0201', node, `shapes differ: ${describe(a.val)} and ${describe(b.val)}`, {
    labels: typeLabels(a, b),
    help: [transposed ? transposeHelp(b.node) : (otherAxis(a, b) ?? otherAxis(b, a) ?? FIT)],
  });
  return null;
}

const FIT = 'extents must be equal, or 1 on one side';

/** Transposes an operand, or takes the transposition away that it has. */
export function transposeHelp(node: TS.Node, which = 'one of them'): Help {
  const inner = argumentOf(node, 'trans');
  return inner === undefined
    ? { text: `transpose ${which}`, edit: { span: spanOf(node), newText: `trans(${textOf(node, 400)})` } }
    : { text: 'leave the transposition away', edit: { span: spanOf(node), newText: textOf(inner, 400) } };
}

/** `col(v)` where `row(v)` fits, and the other way round. */
function otherAxis(vector: Operand<TileVal>, matrix: Operand<TileVal>): Help | undefined {
  for (const [name, other, axis] of [
    ['col', 'row', 1],
    ['row', 'col', 0],
  ] as const) {
    const inner = argumentOf(vector.node, name);
    const n = tileTypeOf(vector.val).shape[1 - axis];
    const shape = tileTypeOf(matrix.val).shape;
    if (inner !== undefined && shape.length === 2 && (shape[axis] === n || shape[axis] === 1))
      return {
        text: `make it a ${other === 'row' ? 'row' : 'column'}: ${other}()`,
        edit: { span: spanOf(vector.node), newText: `${other}(${textOf(inner, 400)})` },
      };
  }
  return undefined;
}

/** The argument of `name(x)`. */
function argumentOf(node: TS.Node, name: string): TS.Node | undefined {
  const is = ts.isCallExpression(node) && ts.isIdentifier(node.expression) && node.expression.text === name;
  return is && node.arguments.length === 1 ? node.arguments[0] : undefined;
}

/** Whether a name is also what the expression around it is assigned to: `acc = acc + x`. */
function isAssigned(node: TS.Node): boolean {
  if (!ts.isIdentifier(node)) return false;
  let around: TS.Node = node.parent;
  while (ts.isExpression(around) && !isAssignment(around)) around = around.parent;
  return isAssignment(around) && ts.isIdentifier(around.left) && around.left.text === node.text;
}

const isAssignment = (node: TS.Node): node is TS.BinaryExpression =>
  ts.isBinaryExpression(node) &&
  node.operatorToken.kind >= ts.SyntaxKind.FirstAssignment &&
  node.operatorToken.kind <= ts.SyntaxKind.LastAssignment;
