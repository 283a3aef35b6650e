import { bytesOf } from '../../compiler/ir/types.js';
import { decode, encode, type Raw, rawOf, type TensorDType } from '../codec.js';
import { messageOf, runtimeError } from '../errors.js';
import { poisonPattern } from '../guards.js';
import type { Storage } from '../storage.js';

/** Elements as the bytes that a GPU would hold. */
export class EmulateStorage implements Storage {
  readonly dtype: TensorDType;
  readonly elements: number;
  /** Bytes of the elements; the memory has whole words. */
  readonly bytes: number;
  freed = false;
  #memory: ArrayBuffer;

  constructor(dtype: TensorDType, elements: number) {
    this.dtype = dtype;
    this.elements = elements;
    this.bytes = elements * bytesOf(dtype);
    try {
      this.#memory = new ArrayBuffer(Math.ceil(this.bytes / 4) * 4);
    } catch (e) {
      throw runtimeError('LAC0706', `${this.bytes} bytes: ${messageOf(e)}`, 'free tensors, or use smaller ones');
    }
  }

  /** Empty once it was freed. */
  get memory(): ArrayBuffer {
    return this.#memory;
  }

  writeRaw(begin: number, data: Raw): void {
    if (this.freed) return;
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    new Uint8Array(this.#memory).set(bytes, begin * bytesOf(this.dtype));
  }

  writeValues(begin: number, values: Float64Array): void {
    this.writeRaw(begin, encode(this.dtype, values));
  }

  async readRaw(begin: number, count: number): Promise<Raw> {
    const width = bytesOf(this.dtype);
    return rawOf(this.dtype, this.#memory.slice(begin * width, (begin + count) * width));
  }

  async readValues(begin: number, count: number): Promise<Float64Array> {
    return decode(this.dtype, await this.readRaw(begin, count));
  }

  poison(begin: number, count: number): void {
    this.writeRaw(begin, poisonPattern(this.dtype, count));
  }

  fillAll(bits: number): void {
    rawOf(this.dtype, this.#memory).fill(bits);
  }

  free(): void {
    this.freed = true;
    this.#memory = new ArrayBuffer(0);
  }
}
