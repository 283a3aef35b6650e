/** Numbers to the bytes of a dtype and back. 16-bit floats travel as their bits, two to a 32-bit word. */
import { type DType, is16Bit } from '../compiler/ir/types.js';
import { fromBits16, roundTo, toBits16 } from '../compiler/ops/round.js';

/** Elements as a device stores them: Uint16Array holds the bits of f16 and bf16. */
export type Raw = Float32Array | Uint16Array | Int32Array | Uint32Array;

/** Dtypes that tensors have: all but masks. */
export type TensorDType = Exclude<DType, 'i1'>;

/** An array of the dtype's storage type: over n new elements, or over bytes that exist. */
export function rawOf(dtype: TensorDType, n: number): Raw;
export function rawOf(dtype: TensorDType, bytes: ArrayBuffer): Raw;
export function rawOf(dtype: TensorDType, source: number | ArrayBuffer): Raw {
  const make = { f32: Float32Array, i32: Int32Array, u32: Uint32Array, f16: Uint16Array, bf16: Uint16Array }[dtype];
  return typeof source === 'number' ? new make(source) : new make(source);
}

const tables: { f16?: Float64Array; bf16?: Float64Array } = {};

/** Value of every 16-bit pattern: decoding is one look-up an element. */
function tableOf(dtype: 'f16' | 'bf16'): Float64Array {
  tables[dtype] ??= Float64Array.from({ length: 65536 }, (_, bits) => fromBits16(dtype, bits));
  return tables[dtype];
}

/** Values rounded to the dtype: floats to nearest even, integers modulo 2^32 as typed arrays do. */
export function encode(dtype: TensorDType, values: ArrayLike<number>): Raw {
  const raw = rawOf(dtype, values.length);
  if (!is16Bit(dtype)) {
    raw.set(values);
    return raw;
  }
  encode16(dtype, values, raw);
  return raw;
}

/** Exponent of f32 from which f16 has normal numbers, and from which it overflows; in place, as bits. */
const F16_NORMAL = 113 << 23;
const F16_HUGE = 142 << 23;

/**
 * Values as 16-bit floats, by way of f32 bits. Rounding twice differs from rounding once only where the first step lands
 * on a tie of the second, so that ties, NaN, and what f16 holds as a denormal or not at all take the slow path.
 */
function encode16(dtype: 'f16' | 'bf16', values: ArrayLike<number>, raw: Raw): void {
  const singles = new Float32Array(values);
  const words = new Uint32Array(singles.buffer);
  const drop = dtype === 'bf16' ? 16 : 13;
  const [mask, tie] = [2 ** drop - 1, 2 ** (drop - 1)];
  const [least, limit] = dtype === 'bf16' ? [0, 0x7f800000] : [F16_NORMAL, F16_HUGE];
  const bias = dtype === 'bf16' ? 0 : (127 - 15) << 23;
  for (let i = 0; i < raw.length; i++) {
    const word = words[i] as number;
    const magnitude = word & 0x7fffffff;
    const rest = magnitude & mask;
    if (rest === tie || magnitude < least || magnitude >= limit) raw[i] = toBits16(dtype, values[i] as number);
    else raw[i] = ((word >>> 16) & 0x8000) | (((magnitude - bias) >>> drop) + (rest > tie ? 1 : 0));
  }
}

export function decode(dtype: TensorDType, raw: Raw): Float64Array {
  if (!is16Bit(dtype)) return new Float64Array(raw);
  const table = tableOf(dtype);
  const out = new Float64Array(raw.length);
  for (let i = 0; i < out.length; i++) out[i] = table[raw[i] as number] as number;
  return out;
}

const int = new Int32Array(1);
const uint = new Uint32Array(1);

/** One value rounded to the dtype. */
export function roundValue(dtype: TensorDType, x: number): number {
  if (dtype === 'i32' || dtype === 'u32') {
    const cell = dtype === 'i32' ? int : uint;
    cell[0] = x;
    return cell[0] as number;
  }
  return roundTo(dtype, x);
}
