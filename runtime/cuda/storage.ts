import { bytesOf } from '../../compiler/ir/types.js';
import { decode, encode, type Raw, rawOf, type TensorDType } from '../codec.js';
import { poisonPattern } from '../guards.js';
import type { Storage } from '../storage.js';
import type { CudaDevice } from './device.js';
import type { Block } from './pool.js';

/** Elements in device memory. */
export class CudaStorage implements Storage {
  readonly dtype: TensorDType;
  readonly elements: number;
  readonly #device: CudaDevice;
  #block: Block | null;

  constructor(device: CudaDevice, dtype: TensorDType, elements: number, block: Block) {
    this.#device = device;
    this.dtype = dtype;
    this.elements = elements;
    this.#block = block;
  }

  get freed(): boolean {
    return this.#block === null;
  }

  /** Of element 0; null once it was freed. */
  get address(): number | null {
    return this.#block === null ? null : this.#block.address;
  }

  writeRaw(begin: number, data: Raw): void {
    if (this.#block && data.length > 0) this.#device.write(this.#block.address + begin * bytesOf(this.dtype), data);
  }

  writeValues(begin: number, values: Float64Array): void {
    this.writeRaw(begin, encode(this.dtype, values));
  }

  async readRaw(begin: number, count: number): Promise<Raw> {
    if (!this.#block || count === 0) return rawOf(this.dtype, 0);
    const width = bytesOf(this.dtype);
    return rawOf(this.dtype, await this.#device.readBytes(this.#block.address + begin * width, count * width));
  }

  async readValues(begin: number, count: number): Promise<Float64Array> {
    return decode(this.dtype, await this.readRaw(begin, count));
  }

  poison(begin: number, count: number): void {
    this.#fill(begin, count, poisonPattern(this.dtype, 1));
  }

  fillAll(bits: number): void {
    this.#fill(0, this.elements, rawOf(this.dtype, 1).fill(bits));
  }

  #fill(begin: number, count: number, { buffer }: Raw): void {
    if (!this.#block || count === 0) return;
    const width = bytesOf(this.dtype) === 2 ? 2 : 4;
    const bits = width === 2 ? new Uint16Array(buffer)[0] : new Uint32Array(buffer)[0];
    this.#device.fill(this.#block.address + begin * width, bits ?? 0, width, count);
  }

  free(): void {
    if (this.#block) this.#device.release(this, this.#block);
    this.#block = null;
  }
}
