import { Bug } from '../diag/diagnostic.js';
import type { Op } from '../ir/module.js';
import { isFloat, sizeOf } from '../ir/types.js';
import { maxNumber, minNumber, wrapInt } from '../ops/evaluate.js';
import { roundAll } from './elementwise.js';
import type { Machine, Step } from './machine.js';

/** Products and sums in f64, rounded once to f32: no order of f32 sums is nearer to the exact value. */
export function dot(op: Op<'dot'>, m: Machine): Step {
  const [a, b] = [m.tile(op.operands[0]), m.tile(op.operands[1])];
  const acc = op.operands[2] === undefined ? null : m.tile(op.operands[2]);
  const out = m.tile(op.results[0]);
  const sums = new Float64Array(out.length);
  const shape = shapeOf(op, 0);
  const batches = shape.length === 3 ? (shape[0] as number) : 1;
  const [rows, inner] = shape.slice(-2) as [number, number];
  const part = (x: Float64Array, batch: number): Float64Array =>
    x.subarray((batch * x.length) / batches, ((batch + 1) * x.length) / batches);
  const round = m.mode === 'round';
  return () => {
    sums.fill(0);
    for (let i = 0; i < batches; i++) multiply(part(sums, i), part(a, i), part(b, i), rows, inner);
    if (acc !== null) for (let i = 0; i < sums.length; i++) sums[i] = (sums[i] as number) + (acc[i] as number);
    if (round) roundAll(sums, 'f32');
    out.set(sums);
  };
}

/** sums += a b. Four rows of b a turn, added in order of k: fewer passes over the sums, the same bits as one by one. */
function multiply(sums: Float64Array, a: Float64Array, b: Float64Array, rows: number, inner: number): void {
  const columns = (sums.length / rows) | 0;
  const whole = inner & ~3;
  for (let i = 0; i < rows; i++) {
    const at = i * columns;
    for (let k = 0; k < whole; k += 4) addFourRows(sums, at, a, i * inner + k, b, k * columns, columns);
    for (let k = whole; k < inner; k++) {
      const x = a[i * inner + k] as number;
      const from = k * columns;
      for (let j = 0; j < columns; j++) sums[at + j] = (sums[at + j] as number) + x * (b[from + j] as number);
    }
  }
}

function addFourRows(
  sums: Float64Array,
  at: number,
  a: Float64Array,
  first: number,
  b: Float64Array,
  row: number,
  columns: number,
): void {
  const x0 = a[first] as number;
  const x1 = a[first + 1] as number;
  const x2 = a[first + 2] as number;
  const x3 = a[first + 3] as number;
  const r1 = row + columns;
  const r2 = r1 + columns;
  const r3 = r2 + columns;
  for (let j = 0; j < columns; j++)
    sums[at + j] =
      (sums[at + j] as number) +
      x0 * (b[row + j] as number) +
      x1 * (b[r1 + j] as number) +
      x2 * (b[r2 + j] as number) +
      x3 * (b[r3 + j] as number);
}

function shapeOf(op: Op, operand: number): readonly number[] {
  const type = op.operands[operand]?.type;
  if (type?.kind !== 'tile') throw new Bug(`${op.name}: operand ${operand} is no tile`);
  return type.shape;
}

/** Lanes as (outer, axis, inner). */
function split(op: Op, axis: number): { outer: number; length: number; inner: number } {
  const shape = shapeOf(op, 0);
  return {
    outer: sizeOf(shape.slice(0, axis)),
    length: shape[axis] as number,
    inner: sizeOf(shape.slice(axis + 1)),
  };
}

type Fold = (x: Float64Array, start: number, length: number, stride: number) => number;

/** max and min start from NaN, which loses against every number. */
function folding(f: (a: number, b: number) => number, first: number): Fold {
  return (x, start, length, stride) => {
    let result = first;
    for (let i = 0; i < length; i++) result = f(result, x[start + i * stride] as number);
    return result;
  };
}

/** Lowest position of the best element; NaN never wins, all NaN gives 0. */
function position(better: (a: number, b: number) => boolean): Fold {
  return (x, start, length, stride) => {
    let at = 0;
    let best = x[start] as number;
    for (let i = 1; i < length; i++) {
      const v = x[start + i * stride] as number;
      if (better(v, best) || (Number.isNaN(best) && !Number.isNaN(v))) [at, best] = [i, v];
    }
    return at;
  };
}

function foldOf(op: Op<'reduce'>): Fold {
  const dtype = op.operands[0]?.type.dtype ?? 'f32';
  switch (op.attrs.op) {
    case 'sum':
      return folding(isFloat(dtype) ? (a, b) => a + b : (a, b) => wrapInt(a + b, dtype), 0);
    case 'max':
      return folding(maxNumber, NaN);
    case 'min':
      return folding(minNumber, NaN);
    case 'argmax':
      return position((a, b) => a > b);
    case 'argmin':
      return position((a, b) => a < b);
    default:
      throw new Bug(`unknown reduction ${op.attrs.op}`);
  }
}

export function reduce(op: Op<'reduce'>, m: Machine): Step {
  const fold = foldOf(op);
  const { outer, length, inner } = split(op, op.attrs.axis);
  const x = m.tile(op.operands[0]);
  const out = m.tile(op.results[0]);
  const dtype = op.results[0]?.type.dtype ?? 'f32';
  const round = m.mode === 'round' && isFloat(dtype);
  return () => {
    for (let o = 0; o < outer; o++)
      for (let i = 0; i < inner; i++) out[o * inner + i] = fold(x, o * length * inner + i, length, inner);
    if (round) roundAll(out, dtype);
  };
}

export function scan(op: Op<'scan'>, m: Machine): Step {
  const { outer, length, inner } = split(op, op.attrs.axis);
  const x = m.tile(op.operands[0]);
  const out = m.tile(op.results[0]);
  const dtype = op.results[0]?.type.dtype ?? 'f32';
  const round = m.mode === 'round' && isFloat(dtype);
  const first = op.attrs.reverse === true ? (length - 1) * inner : 0;
  const step = op.attrs.reverse === true ? -inner : inner;
  return () => {
    for (let line = 0; line < outer * inner; line++) {
      let at = Math.floor(line / inner) * length * inner + (line % inner) + first;
      let total = 0;
      for (let i = 0; i < length; i++, at += step) {
        total += x[at] as number;
        if (!isFloat(dtype)) total = wrapInt(total, dtype);
        out[at] = total;
      }
    }
    if (round) roundAll(out, dtype);
  };
}
