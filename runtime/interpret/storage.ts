import { decode, encode, type Raw, rawOf, type TensorDType } from '../codec.js';
import { messageOf, runtimeError } from '../errors.js';
import { poisonPattern } from '../guards.js';
import type { Storage } from '../storage.js';

/** Elements as f64, with a mark for each that was ever written. In mode f64 they need not be values of the dtype. */
export class InterpretStorage implements Storage {
  readonly dtype: TensorDType;
  readonly elements: number;
  readonly data: Float64Array;
  /** 0 where nothing was ever written. */
  readonly written: Uint8Array;
  freed = false;

  constructor(dtype: TensorDType, elements: number) {
    this.dtype = dtype;
    this.elements = elements;
    try {
      this.data = new Float64Array(elements);
      this.written = new Uint8Array(elements);
    } catch (e) {
      throw runtimeError('LAC0706', `${elements} elements: ${messageOf(e)}`, 'free tensors, or use smaller ones');
    }
  }

  writeRaw(begin: number, data: Raw): void {
    this.writeValues(begin, decode(this.dtype, data));
  }

  writeValues(begin: number, values: Float64Array): void {
    this.data.set(values, begin);
    this.written.fill(1, begin, begin + values.length);
  }

  async readRaw(begin: number, count: number): Promise<Raw> {
    return encode(this.dtype, this.data.subarray(begin, begin + count));
  }

  async readValues(begin: number, count: number): Promise<Float64Array> {
    return this.data.slice(begin, begin + count);
  }

  poison(begin: number, count: number): void {
    this.data.set(decode(this.dtype, poisonPattern(this.dtype, count)), begin);
    this.written.fill(0, begin, begin + count);
  }

  fillAll(bits: number): void {
    this.data.fill(decode(this.dtype, rawOf(this.dtype, 1).fill(bits))[0] as number);
    this.written.fill(1);
  }

  free(): void {
    this.freed = true;
  }
}
