import { Bug } from '../diag/diagnostic.js';
import type { Op } from '../ir/module.js';
import { type DType, isFloat } from '../ir/types.js';
import { EvaluationTrap } from '../ops/evaluate.js';
import { roundResult, roundTo } from '../ops/round.js';
import type { AttrValue } from '../ops/schema.js';
import { type OpName, opRow } from '../ops/table.js';
import type { Machine, Step } from './machine.js';

type Lane1 = (a: number) => number;
type Lane2 = (a: number, b: number) => number;

/** Shortcuts for the ops that fill kernels, float dtypes only; the table's `evaluate` says what they mean. */
export const FLOAT_UNARY: { readonly [N in OpName]?: Lane1 } = {
  neg: (a) => -a,
  exp: Math.exp,
  exp2: (a) => 2 ** a,
  log: Math.log,
  sqrt: Math.sqrt,
  abs: Math.abs,
};
export const FLOAT_BINARY: { readonly [N in OpName]?: Lane2 } = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
};

/** Ops that give back one of their operands, up to its sign, or no float at all: nothing to round. */
const EXACT: ReadonlySet<OpName> = new Set<OpName>(['select', 'neg', 'abs', 'max', 'min', 'cmp']);

type Attrs = Readonly<Record<string, AttrValue | undefined>>;

export function elementwise(op: Op, m: Machine): Step {
  const out = m.tile(op.results[0]);
  const ins = op.operands.map((v) => m.tile(v));
  const dtype = dtypeOf(op);
  const compute = computeStep(op, out, ins, dtype, m);
  const result = op.results[0]?.type.dtype;
  if (m.mode === 'f64' || result === undefined || !isFloat(result) || EXACT.has(op.name)) return compute;
  const round = op.name === 'cast' ? roundTo : roundResult;
  return () => {
    compute();
    roundAll(out, result, round);
  };
}

function dtypeOf(op: Op): DType {
  const type = op.operands[0]?.type;
  if (type === undefined) throw new Bug(`${op.name} has no operand`);
  return type.dtype;
}

/** Rounds a buffer in place. */
export function roundAll(x: Float64Array, dtype: DType, round = roundResult): void {
  if (dtype === 'f32') for (let i = 0; i < x.length; i++) x[i] = Math.fround(x[i] as number);
  else for (let i = 0; i < x.length; i++) x[i] = round(dtype, x[i] as number);
}

function computeStep(op: Op, out: Float64Array, ins: Float64Array[], dtype: DType, m: Machine): Step {
  const evaluate = opRow(op.name).evaluate;
  if (evaluate === undefined) throw new Bug(`${op.name} is not elementwise`);
  const attrs = op.attrs as Attrs;
  const [a, b, c] = ins;
  if (a === undefined) throw new Bug(`${op.name} has no operand`);
  if (c !== undefined && b !== undefined && op.name === 'select') return () => select(out, a, b, c);
  const operands = new Array<number>(ins.length).fill(0);
  if (b === undefined) {
    const fast = isFloat(dtype) ? FLOAT_UNARY[op.name] : undefined;
    return unaryStep(out, a, fast ?? ((x) => evaluate(one(operands, x), dtype, attrs)));
  }
  const lane: Lane2 = (x, y) => {
    operands[0] = x;
    operands[1] = y;
    return evaluate(operands, dtype, attrs);
  };
  if (op.name === 'idiv' || op.name === 'rem') return divideStep(op, out, a, b, lane, m);
  return binaryStep(out, a, b, (isFloat(dtype) ? FLOAT_BINARY[op.name] : undefined) ?? lane);
}

function one(operands: number[], x: number): number[] {
  operands[0] = x;
  return operands;
}

function unaryStep(out: Float64Array, a: Float64Array, f: Lane1): Step {
  return () => {
    for (let i = 0; i < out.length; i++) out[i] = f(a[i] as number);
  };
}

function binaryStep(out: Float64Array, a: Float64Array, b: Float64Array, f: Lane2): Step {
  return () => {
    for (let i = 0; i < out.length; i++) out[i] = f(a[i] as number, b[i] as number);
  };
}

function select(out: Float64Array, mask: Float64Array, a: Float64Array, b: Float64Array): void {
  for (let i = 0; i < out.length; i++) out[i] = (mask[i] !== 0 ? a[i] : b[i]) as number;
}

/** Division of integers can trap; the message names the lane. */
function divideStep(op: Op, out: Float64Array, a: Float64Array, b: Float64Array, f: Lane2, m: Machine): Step {
  return () => {
    let i = 0;
    try {
      for (; i < out.length; i++) out[i] = f(a[i] as number, b[i] as number);
    } catch (error) {
      if (!(error instanceof EvaluationTrap)) throw error;
      const lane = out.length === 1 ? '' : ` (lane ${i})`;
      if (b[i] === 0)
        m.trap('LAC0806', op, `${error.message}${lane}`, [
          'make the divisor at least 1, or select around it: where(d === 0, 1, d)',
        ]);
      m.trap('LAC0807', op, `${error.message}${lane}`, ['use u32, or keep -2^31 out of the dividend']);
    }
  };
}
