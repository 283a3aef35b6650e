/** 16-bit floats as bits: tables one way, rounding the other. */
import { fromBits16, toBits16 } from '../../../compiler/ops/round.js';

export type Half = 'f16' | 'bf16';

let table: Float32Array | undefined;

/** Value of every f16 pattern. */
export function f16Values(): Float32Array {
  table ??= Float32Array.from({ length: 65536 }, (_, bits) => fromBits16('f16', bits));
  return table;
}

const single = new Float32Array(1);
const singleBits = new Uint32Array(single.buffer);

/** Value of 16 bits (higher bits are ignored). */
export function halfValue(dtype: Half, bits: number): number {
  if (dtype === 'f16') return f16Values()[bits & 0xffff] as number;
  singleBits[0] = bits << 16;
  return single[0] as number;
}

/** Value of the f32 whose upper half is these 16 bits; for loops that know their dtype. */
export function bf16Value(bits: number): number {
  singleBits[0] = bits << 16;
  return single[0] as number;
}

/** NaN of a 16-bit result (PTX ISA: 0x7fff for both formats). */
const NAN_BITS = 0x7fff;

/** Bits of the nearest bf16 to an f32 value, ties to even. */
export function bf16Bits(x: number): number {
  if (Number.isNaN(x)) return NAN_BITS;
  single[0] = x;
  const bits = singleBits[0] as number;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

/** Bits of the nearest 16-bit float to x, ties to even, in one rounding. */
export function halfBits(dtype: Half, x: number): number {
  if (Number.isNaN(x)) return NAN_BITS;
  return toBits16(dtype, x);
}
