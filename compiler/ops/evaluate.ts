import { Bug } from '../diag/diagnostic.js';
import type { DType } from '../ir/types.js';

/** An integer wrapped to the dtype: i32 two's complement, u32 modulo 2^32. Exact for |x| < 2^53. */
export const wrapInt = (x: number, d: DType): number => (d === 'u32' ? x >>> 0 : x | 0);

/** Division and remainder of integers by zero, and -2^31 / -1, trap in `interpret`. */
export class EvaluationTrap extends Error {}

export const intOrFloat =
  (int: (a: number, b: number) => number, float: (a: number, b: number) => number) =>
  (x: readonly number[], d: DType): number => {
    const [a, b] = pair(x);
    return d === 'i32' || d === 'u32' ? wrapInt(int(a, b), d) : float(a, b);
  };

export function pair(x: readonly number[]): [number, number] {
  const [a, b] = x;
  if (a === undefined || b === undefined) throw new Bug('evaluate: two operands expected');
  return [a, b];
}

export function one(x: readonly number[]): number {
  const [a] = x;
  if (a === undefined) throw new Bug('evaluate: one operand expected');
  return a;
}

export function integerDivide(x: readonly number[], d: DType): number {
  const [a, b] = pair(x);
  if (b === 0) throw new EvaluationTrap('division by zero');
  if (d === 'i32' && a === -(2 ** 31) && b === -1) throw new EvaluationTrap('-2^31 / -1 overflows i32');
  return wrapInt(Math.trunc(a / b), d);
}

export function remainder(x: readonly number[], d: DType): number {
  const [a, b] = pair(x);
  if (d === 'i32' || d === 'u32') {
    if (b === 0) throw new EvaluationTrap('remainder of a division by zero');
    if (d === 'i32' && a === -(2 ** 31) && b === -1) throw new EvaluationTrap('-2^31 % -1 overflows i32');
    return wrapInt(a % b, d);
  }
  return a % b;
}

/** NaN loses: the result is the other operand (semantics.md, "NaN, Infinity, masked lanes"). */
export const maxNumber = (a: number, b: number): number => (Number.isNaN(a) ? b : Number.isNaN(b) ? a : Math.max(a, b));
export const minNumber = (a: number, b: number): number => (Number.isNaN(a) ? b : Number.isNaN(b) ? a : Math.min(a, b));

export function compare(x: readonly number[], pred: unknown): number {
  const [a, b] = pair(x);
  switch (pred) {
    case 'lt':
      return a < b ? 1 : 0;
    case 'le':
      return a <= b ? 1 : 0;
    case 'gt':
      return a > b ? 1 : 0;
    case 'ge':
      return a >= b ? 1 : 0;
    case 'eq':
      return a === b ? 1 : 0;
    case 'ne':
      return a !== b ? 1 : 0;
    default:
      throw new Bug(`unknown predicate ${String(pred)}`);
  }
}

/** Shift counts are taken modulo 32; `>>` keeps the sign of i32 and fills u32 with 0. */
export const shiftLeft = (x: readonly number[], d: DType): number => {
  const [a, n] = pair(x);
  return wrapInt(a << (n & 31), d);
};
export const shiftRight = (x: readonly number[], d: DType): number => {
  const [a, n] = pair(x);
  return d === 'u32' ? a >>> (n & 31) : a >> (n & 31);
};
export const shiftRightLogical = (x: readonly number[], d: DType): number => {
  const [a, n] = pair(x);
  return wrapInt(a >>> (n & 31), d);
};

export function mulHigh(x: readonly number[]): number {
  const [a, b] = pair(x);
  return Number((BigInt(a) * BigInt(b)) >> 32n);
}

/** Half to even, as WGSL's round and PTX's cvt.rni. */
export function roundHalfEven(a: number): number {
  const f = Math.floor(a);
  const diff = a - f;
  if (diff !== 0.5) return Math.round(a);
  return f % 2 === 0 ? f : f + 1;
}

/** Error function, relative error below 1e-14: series for |x| < 2.5, continued fraction of erfc above (Abramowitz & Stegun 7.1.5, 7.1.14). */
export function erf(x: number): number {
  const a = Math.abs(x);
  if (Number.isNaN(x)) return NaN;
  if (a > 6) return Math.sign(x);
  if (a < 2.5) {
    let term = a;
    let sum = a;
    for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum) && n < 200; n++) {
      term *= (-a * a) / n;
      sum += term / (2 * n + 1);
    }
    return Math.sign(x) * (2 / Math.sqrt(Math.PI)) * sum;
  }
  let fraction = 0;
  for (let k = 120; k >= 1; k--) fraction = k / 2 / (a + fraction);
  return Math.sign(x) * (1 - Math.exp(-a * a) / Math.sqrt(Math.PI) / (a + fraction));
}

const buffer = new DataView(new ArrayBuffer(4));
export function bitcast(a: number, from: DType, to: DType): number {
  if (from === 'f32') buffer.setFloat32(0, a);
  else buffer.setUint32(0, a >>> 0);
  if (to === 'f32') return buffer.getFloat32(0);
  return to === 'i32' ? buffer.getInt32(0) : buffer.getUint32(0);
}

/** Truncates, saturates, NaN -> 0 for float sources; integers keep their bits. */
export function toInt(a: number, from: DType, to: DType): number {
  if (from === 'i32' || from === 'u32' || from === 'i1') return wrapInt(a, to);
  if (Number.isNaN(a)) return 0;
  const [lo, hi] = to === 'u32' ? [0, 2 ** 32 - 1] : [-(2 ** 31), 2 ** 31 - 1];
  return Math.min(hi, Math.max(lo, Math.trunc(a))) + 0;
}
