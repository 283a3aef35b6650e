/** Numbers to the bytes of a dtype and back. 16-bit floats travel as their bits, two to a 32-bit word. */
import type { DType } from '../compiler/ir/types.js';
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
  if (dtype !== 'f16' && dtype !== 'bf16') {
    raw.set(values);
    return raw;
  }
  for (let i = 0; i < raw.length; i++) raw[i] = toBits16(dtype, values[i] as number);
  return raw;
}

export function decode(dtype: TensorDType, raw: Raw): Float64Array {
  if (dtype !== 'f16' && dtype !== 'bf16') return Float64Array.from(raw);
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
