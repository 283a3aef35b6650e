import { type DType, is16Bit, isFloat } from '../../compiler/ir/types.js';
import { ACCURACY, type AccuracyBackend, type ElementwiseOp } from '../../compiler/ops/accuracy.js';
import type { OpName } from '../../compiler/ops/table.js';

/** An interval: a value of the f64 interpreter, and how far a device's may be from it. Infinity: anything. */
export interface Lane {
  readonly x: number;
  readonly e: number;
}

/** Half an ulp of f32, relative; what flushing denormals may change. */
const U32 = 2 ** -24;
const FLUSH = 2 ** -126;
const U16: Readonly<Record<string, number>> = { f16: 2 ** -11, bf16: 2 ** -8 };
const TINY16: Readonly<Record<string, number>> = { f16: 2 ** -25, bf16: 2 ** -126 };
const LARGEST: Readonly<Record<string, number>> = { f16: 65504, bf16: 3.38e38, f32: 3.4e38 };

/** What rounding to a dtype may add to a value within `e` of x. */
export function rounded(dtype: DType, x: number, e: number): number {
  if (!isFloat(dtype)) return e;
  if (Number.isNaN(x) || Number.isNaN(e)) return Infinity;
  if (!Number.isFinite(x)) return e === 0 ? 0 : Infinity;
  const reach = Math.abs(x) + e;
  if (reach > (LARGEST[dtype] as number)) return Infinity;
  const once = U32 * reach + FLUSH;
  return e + once + (is16Bit(dtype) ? (U16[dtype] as number) * reach + (TINY16[dtype] as number) : 0);
}

type Monotone = (x: number) => number;

/** How far f moves when its argument does. */
function moved(f: Monotone, { x, e }: Lane): number {
  if (e === 0) return 0;
  const y = f(x);
  return Math.max(Math.abs(f(x + e) - y), Math.abs(f(x - e) - y));
}

const LIPSCHITZ: ReadonlySet<OpName> = new Set<OpName>(['sin', 'cos']);
const UNARY: ReadonlySet<OpName> = new Set<OpName>([
  'exp',
  'exp2',
  'log',
  'log2',
  'log1p',
  'sqrt',
  'rsqrt',
  'sigmoid',
  'tanh',
  'erf',
  'floor',
  'ceil',
  'round',
]);

/** Ulps of f32 that a function may be off by, as an absolute error at its result. */
function inaccuracy(name: OpName, backend: AccuracyBackend, x: number, y: number): number {
  const { ulp, perX = 0 } = ACCURACY[name as ElementwiseOp][backend];
  return (ulp + perX * Math.abs(x)) * (2 ** -23 * Math.abs(y) + 2 ** -149);
}

/** Error of one lane of an elementwise op, before its result is rounded to a 16-bit dtype. */
export function laneError(
  name: OpName,
  backend: AccuracyBackend,
  x: readonly Lane[],
  y: number,
  evaluate: (x: readonly number[]) => number,
): number {
  const [a, b] = x as [Lane, Lane];
  if (x.some((l) => !Number.isFinite(l.e))) return Infinity;
  switch (name) {
    case 'add':
    case 'sub':
      return finite(x, a.e + b.e);
    case 'mul':
      return finite(x, Math.abs(a.x) * b.e + Math.abs(b.x) * a.e + a.e * b.e);
    case 'div': {
      const least = Math.abs(b.x) - b.e;
      const most = Math.abs(b.x) + b.e;
      // Quotients by denormals, and by what is so large that its reciprocal is one, are anything.
      if (least < FLUSH || most > 2 ** 125) return Infinity;
      return finite(x, (a.e + Math.abs(y) * b.e) / least + inaccuracy('div', backend, a.x, y));
    }
    case 'rem':
      return remainderError(a, b, y);
    case 'neg':
    case 'abs':
      return a.e;
    case 'max':
    case 'min':
      return extremumError(a, b);
    default:
  }
  if (Number.isNaN(a.x)) return Infinity;
  if (LIPSCHITZ.has(name)) return finite(x, Math.min(a.e, 2) + inaccuracy(name, backend, a.x, y) + 2 ** -23);
  if (!UNARY.has(name)) throw new Error(`no error bound for ${name}`);
  const f = (v: number): number => evaluate([v]);
  // exp(-Infinity) is 0 on every device; of other infinities nothing is promised.
  if (!Number.isFinite(a.x)) return a.x < 0 && (name === 'exp' || name === 'exp2') ? 0 : Infinity;
  // Arguments that may be denormals may be zeros.
  const flushed = Math.abs(a.x) - a.e < FLUSH ? { x: a.x, e: a.e + FLUSH } : a;
  const spread = a.e === 0 && Math.abs(a.x) >= FLUSH ? 0 : moved(f, flushed);
  return spread + inaccuracy(name, backend, a.x, y);
}

const finite = (x: readonly Lane[], e: number): number => (x.every((l) => Number.isFinite(l.x)) ? e : Infinity);

function remainderError(a: Lane, b: Lane, y: number): number {
  if (b.e !== 0 || !Number.isFinite(a.x) || !Number.isFinite(b.x) || b.x === 0)
    return a.e === 0 && b.e === 0 && Number.isFinite(y) ? 0 : Infinity;
  if (a.e === 0) return Math.abs(a.x) < FLUSH || Math.abs(b.x) < FLUSH || Math.abs(y) < FLUSH ? FLUSH : 0;
  return Math.trunc((a.x - a.e) / b.x) === Math.trunc((a.x + a.e) / b.x) ? a.e + FLUSH : Infinity;
}

/** NaN loses on devices that know it; on the others it is anything. */
function extremumError(a: Lane, b: Lane): number {
  if (Number.isNaN(a.x) || Number.isNaN(b.x)) return Infinity;
  return Math.max(a.e, b.e);
}
