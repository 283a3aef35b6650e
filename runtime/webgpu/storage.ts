import { bytesOf } from '../../compiler/ir/types.js';
import { decode, encode, type Raw, rawOf, type TensorDType } from '../codec.js';
import { guardPattern, poisonPattern } from '../guards.js';
import type { Storage } from '../storage.js';
import type { WebGpuDevice } from './device.js';

/** Bindings are arrays of vec4 at most: a whole number of 16 bytes. */
const UNIT_BYTES = 16;

/** A GPU buffer of elements, 16-bit ones packed two a word. */
export class WebGpuStorage implements Storage {
  readonly dtype: TensorDType;
  readonly elements: number;
  /** Bytes that kernels see. The buffer may be larger. */
  readonly bytes: number;
  readonly #device: WebGpuDevice;
  #buffer: GPUBuffer | null;

  constructor(device: WebGpuDevice, dtype: TensorDType, elements: number) {
    this.#device = device;
    this.dtype = dtype;
    this.elements = elements;
    this.bytes = Math.max(Math.ceil((elements * bytesOf(dtype)) / UNIT_BYTES), 1) * UNIT_BYTES;
    this.#buffer = device.acquire(this.bytes);
  }

  get freed(): boolean {
    return this.#buffer === null;
  }

  /** Null once it was freed. */
  get buffer(): GPUBuffer | null {
    return this.#buffer;
  }

  writeRaw(begin: number, data: Raw): void {
    if (this.#buffer && data.length > 0) this.#device.write(this.#buffer, begin * bytesOf(this.dtype), data);
  }

  writeValues(begin: number, values: Float64Array): void {
    this.writeRaw(begin, encode(this.dtype, values));
  }

  async readRaw(begin: number, count: number): Promise<Raw> {
    if (!this.#buffer || count === 0) return rawOf(this.dtype, 0);
    const width = bytesOf(this.dtype);
    const [first, end] = [Math.floor((begin * width) / 4) * 4, Math.ceil(((begin + count) * width) / 4) * 4];
    const words = rawOf(this.dtype, await this.#device.readBytes(this.#buffer, first, end - first));
    const skip = begin - first / width;
    return words.subarray(skip, skip + count);
  }

  async readValues(begin: number, count: number): Promise<Float64Array> {
    return decode(this.dtype, await this.readRaw(begin, count));
  }

  poison(begin: number, count: number): void {
    const whole = bytesOf(this.dtype) === 2 ? count - (count % 2) : count;
    this.#repeat(begin, whole, poisonPattern(this.dtype, 2));
    if (whole === count) return;
    const last = guardPattern(this.dtype, 2);
    last.set(poisonPattern(this.dtype, 1));
    this.writeRaw(begin + whole, last);
  }

  fillAll(bits: number): void {
    if (!this.#buffer) return;
    if (bits === 0) this.#device.clear(this.#buffer);
    else
      this.#repeat(
        0,
        this.elements + (bytesOf(this.dtype) === 2 ? this.elements % 2 : 0),
        rawOf(this.dtype, 2).fill(bits),
      );
  }

  /** Whole words: what those of `two` elements begin with. */
  #repeat(begin: number, count: number, two: Raw): void {
    const [word = 0] = new Uint32Array(two.buffer, two.byteOffset, 1);
    const width = bytesOf(this.dtype);
    if (this.#buffer && count > 0) this.#device.repeat(this.#buffer, begin * width, count * width, word);
  }

  free(): void {
    if (this.#buffer) this.#device.release(this.#buffer);
    this.#buffer = null;
  }
}
