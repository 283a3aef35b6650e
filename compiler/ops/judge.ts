import { type DType, is16Bit, isFloat } from '../ir/types.js';
import { type AccuracyBackend, allowedError, type ElementwiseOp, mayFlush } from './accuracy.js';
import { roundTo } from './round.js';
import { opRow } from './table.js';

/** An op on a backend, whose results are judged by compiler/ops/accuracy.ts. */
export interface Subject {
  readonly op: ElementwiseOp;
  readonly from: DType;
  /** Default: `from`. */
  readonly to?: DType;
  readonly attrs?: object;
  readonly backend: AccuracyBackend;
  /** Whether infinities and NaN, as operands or results, are unspecified. */
  readonly finiteOnly?: boolean;
  /** What bounds are multiplied with; default 1. */
  readonly granted?: number;
}

/** The value in f64, 2^29 times finer than f32: exact for what is judged here. */
function exactValue({ op, from, attrs = {} }: Subject, x: readonly number[]): number {
  const { evaluate } = opRow(op);
  return evaluate === undefined ? Number.NaN : evaluate(x, from, attrs as never);
}

const flushed = (x: number): number => (Math.abs(x) < 2 ** -126 ? x * 0 : x);

/** What is wrong with a result, or null. */
export function faultOf(subject: Subject, x: readonly number[], got: number): string | null {
  const { op, from, to = from, backend, finiteOnly = false } = subject;
  const want = exactValue(subject, x);
  if (fits(subject, x, want, got)) return null;
  if (finiteOnly && ![...x, roundTo(to, want)].every(Number.isFinite)) return null;
  if (isFloat(from) && mayFlush(op, backend).operands) {
    const zeros = x.map(flushed);
    const other = exactValue(subject, zeros);
    if (fits(subject, zeros, other, got) || (finiteOnly && !Number.isFinite(other))) return null;
  }
  return `${op} of ${from} on ${backend}: (${x.join(', ')}) gives ${got}, should be ${want}`;
}

function fits({ op, from, to = from, backend, granted = 1 }: Subject, x: readonly number[], want: number, got: number) {
  if (!isFloat(to)) return got === want;
  const allowed = granted * allowedError(op, from, to, backend, x[0] ?? 0, want);
  return isWithin(want, allowed, to, got);
}

/** Whether a stored float is the exact value rounded, or no further from it than allowed; what overflows by that may. */
export function isWithin(want: number, allowed: number, dtype: DType, got: number): boolean {
  const nearest = roundTo(dtype, is16Bit(dtype) ? Math.fround(want) : want);
  if (Object.is(got, nearest) || (got === 0 && nearest === 0)) return true;
  if (Number.isNaN(want) || Number.isNaN(got)) return false;
  if (Number.isFinite(got)) return Math.abs(got - want) <= allowed;
  return Math.sign(got) === Math.sign(want) && Math.abs(want) + allowed >= LARGEST[dtype];
}
const LARGEST: Readonly<Record<DType, number>> = {
  ...{ f32: 2 ** 128 * (1 - 2 ** -24), f16: 65504, bf16: 2 ** 128 * (1 - 2 ** -8) },
  ...{ i32: 0, u32: 0, i1: 0 },
};
