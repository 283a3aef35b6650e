import type { Raw, TensorDType } from './codec.js';

/** One allocation of elements of one dtype on a device. Tensors are windows on it. Positions and counts are elements. */
export interface Storage {
  readonly dtype: TensorDType;
  readonly elements: number;
  readonly freed: boolean;
  /** Writes are whole 32-bit words: for 16-bit dtypes `begin` and the count must be even (the caller's duty). */
  writeRaw(begin: number, data: Raw): void;
  writeValues(begin: number, values: Float64Array): void;
  readRaw(begin: number, count: number): Promise<Raw>;
  readValues(begin: number, count: number): Promise<Float64Array>;
  /**
   * Marks elements as never written: NaN for floats, 0xA5A5A5A5 for integers; the interpreter traps on reading it.
   * `begin` is even; half a word left over after the last element gets the bytes of a guard band.
   */
  poison(begin: number, count: number): void;
  /** Every element, and what pads the last one, with these bits. */
  fillAll(bits: number): void;
  free(): void;
}
