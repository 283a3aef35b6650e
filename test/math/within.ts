import { type DType, is16Bit, isFloat } from '../../compiler/ir/types.js';
import { ACCURACY, allowedError, type ElementwiseOp, mayFlush } from '../../compiler/ops/accuracy.js';
import { roundTo } from '../../compiler/ops/round.js';
import { opRow } from '../../compiler/ops/table.js';

export interface Subject {
  readonly op: ElementwiseOp;
  readonly from: DType;
  /** Default: `from`. */
  readonly to?: DType;
  readonly attrs?: object;
  readonly backend: 'ptx' | 'wgsl';
  /** Whether infinities and NaN, as operands or results, are unspecified. */
  readonly finiteOnly?: boolean;
  /** What bounds are multiplied with; default 1. */
  readonly granted?: number;
}

/** The exact value: f64 is 2^29 times finer than f32, and test/math/interpreter.test.ts holds it to 16 of its ulp. */
export function exactValue({ op, from, attrs = {} }: Subject, x: readonly number[]): number {
  const { evaluate } = opRow(op);
  if (evaluate === undefined) throw new Error(`${op} is not elementwise`);
  return evaluate(x, from, attrs as never);
}

const flushed = (x: number): number => (Math.abs(x) < 2 ** -126 ? x * 0 : x);

/** What is wrong with a result, or null. */
export function fault(subject: Subject, x: readonly number[], got: number): string | null {
  const { op, from, to = from, backend, finiteOnly = false } = subject;
  const want = exactValue(subject, x);
  if (fits(subject, x, want, got)) return null;
  const special = ![...x, roundTo(to, want)].every(Number.isFinite);
  if (finiteOnly && special) return null;
  if (isFloat(from) && mayFlush(op, backend).operands) {
    const zeros = x.map(flushed);
    const other = exactValue(subject, zeros);
    if (fits(subject, zeros, other, got) || (finiteOnly && !Number.isFinite(other))) return null;
  }
  return `${op} of ${from} on ${backend}: (${x.join(', ')}) gives ${got}, should be ${want}`;
}

function fits(
  { op, from, to = from, backend, granted = 1 }: Subject,
  x: readonly number[],
  want: number,
  got: number,
): boolean {
  if (!isFloat(to)) return got === want;
  const nearest = roundTo(to, is16Bit(to) ? Math.fround(want) : want);
  if (Object.is(got, nearest) || (got === 0 && nearest === 0)) return true;
  if (Number.isNaN(want) || Number.isNaN(got)) return false;
  const allowed = granted * allowedError(op, from, to, backend, x[0] ?? 0, want);
  if (!Number.isFinite(got)) return Math.sign(got) === Math.sign(want) && Math.abs(want) + allowed >= largest(to);
  return Math.abs(got - want) <= allowed;
}

const largest = (d: DType): number => (d === 'f16' ? 65504 : roundTo(d, 3.3895e38));

/** Ops of the table with one operand and a float result. */
export const FLOAT_FUNCTIONS = (Object.keys(ACCURACY) as ElementwiseOp[]).filter((op) => {
  return opRow(op).operands.length === 1 && !['cast', 'bitcast', 'not'].includes(op);
});
