/** Bytes that nothing may change: bands around an allocation, and gaps between the elements of a strided tensor. */
import { bytesOf } from '../compiler/ir/types.js';
import { encode, type Raw, rawOf, type TensorDType } from './codec.js';

/** Bytes that changed: in a guard band, or between the elements of a tensor after `poison`. */
export interface GuardDamage {
  readonly where: 'before' | 'between' | 'after';
  /** First of them, in elements from the first element of the allocation; negative before it. */
  readonly element: number;
  /** How many bytes changed. */
  readonly changed: number;
}

/** A value that no computation gives by chance: a small normal number in every dtype. */
const GUARD_BYTE = 0xa5;

export const guardPattern = (dtype: TensorDType, elements: number): Raw =>
  rawOf(dtype, new Uint8Array(elements * bytesOf(dtype)).fill(GUARD_BYTE).buffer);

/** "Never written": NaN, or 0xA5A5A5A5 for integers. */
export function poisonPattern(dtype: TensorDType, elements: number): Raw {
  const integer = dtype === 'i32' || dtype === 'u32';
  return integer ? guardPattern(dtype, elements) : rawOf(dtype, elements).fill(encode(dtype, [NaN])[0] as number);
}

const bytesOfRaw = (raw: Raw): Uint8Array => new Uint8Array(raw.buffer, raw.byteOffset, raw.byteLength);

/** Compares bytes, NaN included; `first` is the position of the first element. */
export function damageOf(where: GuardDamage['where'], is: Raw, was: Raw, first: number): GuardDamage | null {
  const [a, b] = [bytesOfRaw(is), bytesOfRaw(was)];
  const at = a.findIndex((byte, i) => byte !== b[i]);
  if (at < 0) return null;
  const changed = a.reduce((n, byte, i) => n + (byte === b[i] ? 0 : 1), 0);
  return { where, element: first + Math.floor(at / is.BYTES_PER_ELEMENT), changed };
}
