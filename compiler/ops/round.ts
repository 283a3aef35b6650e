import { Bug } from '../diag/diagnostic.js';
import { type DType, is16Bit } from '../ir/types.js';

/** A binary float format narrower than f64: significand bits (the hidden one included), least exponent, largest value. */
interface FloatFormat {
  readonly significandBits: number;
  readonly minExponent: number;
  readonly max: number;
}

const F16: FloatFormat = { significandBits: 11, minExponent: -14, max: 65504 };
const BF16: FloatFormat = { significandBits: 8, minExponent: -126, max: 2 ** 127 * (2 - 2 ** -7) };

const f64 = new Float64Array(1);
const words = new Uint32Array(f64.buffer);
const HIGH = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1 ? 1 : 0;

/** Exponent e with 2^e <= |x| < 2^(e+1), for normal f64 numbers; f64 denormals give -1023. */
function exponentOf(x: number): number {
  f64[0] = x;
  return (((words[HIGH] as number) >>> 20) & 0x7ff) - 1023;
}

/**
 * Nearest even in one rounding. Adding 1.5 * 2^52 quanta puts the last kept bit at the last bit of an f64, so that the
 * addition itself rounds; the subtraction is exact.
 */
function roundFormat(x: number, f: FloatFormat): number {
  const magnitude = Math.abs(x);
  if (Number.isNaN(x)) return x;
  if (magnitude > 2 * f.max) return x < 0 ? -Infinity : Infinity;
  const quantum = 2 ** (Math.max(exponentOf(magnitude), f.minExponent) - f.significandBits + 1);
  const shift = quantum * 6755399441055744;
  const rounded = magnitude + shift - shift;
  const result = rounded > f.max ? Infinity : rounded;
  return x < 0 || Object.is(x, -0) ? -result : result;
}

/**
 * The value of `dtype` nearest to x, ties to even; denormals are kept, overflow gives an infinity, NaN stays NaN.
 * Integers and masks come back as they are (see `wrapInt` and `toInt` for those).
 */
export function roundTo(dtype: DType, x: number): number {
  switch (dtype) {
    case 'f32':
      return Math.fround(x);
    case 'f16':
      return roundFormat(x, F16);
    case 'bf16':
      return roundFormat(x, BF16);
    default:
      return x;
  }
}

/**
 * The result of one arithmetic operation of `dtype` whose exact (f64) value is x: 16-bit floats compute in f32 and
 * round that once more (semantics.md, "arithmetic on f16/bf16").
 */
export const roundResult = (dtype: DType, x: number): number =>
  is16Bit(dtype) ? roundTo(dtype, Math.fround(x)) : roundTo(dtype, x);

const f32 = new Float32Array(1);
const f32Bits = new Uint32Array(f32.buffer);

/** Bits of x rounded to a 16-bit float; NaN is the quiet NaN of positive sign. */
export function toBits16(dtype: DType, x: number): number {
  if (dtype === 'bf16') {
    if (Number.isNaN(x)) return 0x7fc0;
    f32[0] = roundFormat(x, BF16);
    return (f32Bits[0] as number) >>> 16;
  }
  if (dtype !== 'f16') throw new Bug(`${dtype} has no 16-bit form`);
  return f16Bits(x);
}

function f16Bits(x: number): number {
  if (Number.isNaN(x)) return 0x7e00;
  const rounded = roundFormat(x, F16);
  const sign = rounded < 0 || Object.is(rounded, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(rounded);
  if (magnitude === Infinity) return sign | 0x7c00;
  if (magnitude < 2 ** -14) return sign | (magnitude * 2 ** 24);
  const e = exponentOf(magnitude);
  return sign | ((e + 15) << 10) | (magnitude / 2 ** (e - 10) - 1024);
}

/** Value of 16 bits as a 16-bit float. */
export function fromBits16(dtype: DType, bits: number): number {
  if (dtype === 'bf16') {
    f32Bits[0] = (bits & 0xffff) << 16;
    return f32[0] as number;
  }
  if (dtype !== 'f16') throw new Bug(`${dtype} has no 16-bit form`);
  const sign = bits & 0x8000 ? -1 : 1;
  const e = (bits >>> 10) & 31;
  const fraction = bits & 0x3ff;
  if (e === 31) return fraction === 0 ? sign * Infinity : NaN;
  return e === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (e - 25);
}
