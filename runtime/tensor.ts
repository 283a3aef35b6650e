import { bytesOf, DTYPES, is16Bit, isFloat, sizeOf } from '../compiler/ir/types.js';
import { encode, type Raw, rawOf, roundValue, type TensorDType } from './codec.js';
import { type Device, variantTarget } from './device.js';
import { runtimeError } from './errors.js';
import { damageOf, type GuardDamage, guardPattern, poisonPattern } from './guards.js';
import type { Storage } from './storage.js';
import { addressesOf, denseStrides, extentOf, hasDistinctAddresses, isDense } from './strides.js';

/** Values for `write`: numbers of any dtype, or the typed array that the dtype is stored in. */
export type HostData = Float64Array | Raw | readonly number[];

export interface AllocationOptions {
  /** Strides in elements, >= 0; row-major without gaps when absent. */
  readonly strides?: readonly number[];
  /** Bytes before and after the tensor that nothing may change; `checkGuards` looks. Rounded up to 256. Default 0. */
  readonly guardBytes?: number;
}

/** Elements that are moved at once, so that a large tensor takes no second copy of the host. Even: words stay whole. */
const CHUNK = 2 ** 22;

/** Guard bands are multiples of this, so that element 0 stays aligned for wide accesses. */
const GUARD_UNIT_BYTES = 256;

export type { GuardDamage } from './guards.js';

interface Allocation {
  readonly storage: Storage;
  /** Elements between the guard bands. */
  readonly begin: number;
  readonly end: number;
  /** Whether what lies between the elements of the tensor that owns it is known. */
  poisoned: boolean;
}

type StridesOf<S> = { readonly [I in keyof S]: number };

/** A strided window on memory of a device. Shapes, strides and offsets count elements. */
export class Tensor<D extends TensorDType = TensorDType, const S extends readonly number[] = readonly number[]> {
  readonly device: Device;
  readonly dtype: D;
  readonly shape: S;
  readonly strides: StridesOf<S>;
  /** Element 0, counted from the beginning of the storage. */
  readonly offset: number;
  readonly #allocation: Allocation;

  constructor(device: Device, dtype: D, shape: S, strides: readonly number[], offset: number, allocation: Allocation) {
    this.device = device;
    this.dtype = dtype;
    this.shape = shape;
    this.strides = strides as unknown as StridesOf<S>;
    this.offset = offset;
    this.#allocation = allocation;
  }

  get storage(): Storage {
    return this.#allocation.storage;
  }
  get size(): number {
    return sizeOf(this.shape);
  }
  get freed(): boolean {
    return this.storage.freed;
  }
  /** Elements from the first to the last address. */
  get extent(): number {
    return extentOf(this.shape, this.strides);
  }

  /** The same elements with axes in another order: [B,N,H,D] storage seen as [B,H,N,D] is permute([0, 2, 1, 3]). */
  permute(axes: readonly number[]): Tensor<D> {
    const rank = this.shape.length;
    if (axes.length !== rank || new Set(axes).size !== rank || axes.some((a) => !(a in this.shape)))
      throw runtimeError('LAC0620', `permute([${axes.join(', ')}]) is not an order of ${rank} axes`);
    const pick = (list: readonly number[]): number[] => axes.map((a) => list[a] as number);
    return this.view(pick(this.shape), pick(this.strides), 0);
  }

  /** Another window on the same allocation; `offset` counts from this tensor's element 0. */
  view<const S extends readonly number[]>(
    shape: S,
    strides: readonly number[] = denseStrides(shape),
    offset = 0,
  ): Tensor<D, S> {
    checkGeometry(shape, strides);
    const first = this.offset + offset;
    const { begin, end } = this.#allocation;
    if (!Number.isInteger(offset) || first < begin || first + extentOf(shape, strides) > end)
      throw runtimeError('LAC0620', `view [${shape.join(', ')}] with offset ${offset} leaves its allocation`);
    return new Tensor<D, S>(this.device, this.dtype, [...shape] as unknown as S, [...strides], first, this.#allocation);
  }

  /**
   * Values in row-major order of the shape, whatever the strides. Float64Array and number[] are rounded to the dtype;
   * a Uint16Array holds the bits of f16 or bf16, a Float32Array may be given for any float dtype.
   */
  write(data: HostData): this {
    this.#live();
    if (data.length !== this.size)
      throw runtimeError('LAC0621', `${data.length} values for a tensor of ${this.size} elements`);
    if (!isStorageType(this.dtype, data) && !(data instanceof Float64Array) && !Array.isArray(data)) {
      const float32 = data instanceof Float32Array && is16Bit(this.dtype);
      if (!float32) throw runtimeError('LAC0621', `${data.constructor.name} does not hold ${this.dtype}`);
    }
    if (this.size > 0) this.#scatter(data);
    return this;
  }

  /** Every element of the view set to one value (NaN included; integers take 0xA5A5A5A5 for NaN). */
  fill(value: number): this {
    const stored = Number.isNaN(value) && !isFloat(this.dtype) ? 0xa5a5a5a5 : value;
    if (!isDense(this.shape, this.strides)) return this.write(new Float64Array(this.size).fill(stored));
    this.#live();
    const element = encode(this.dtype, [stored])[0] as number;
    for (const [at, count] of chunks(this.size))
      this.#writeChunk(this.offset + at, rawOf(this.dtype, count).fill(element));
    return this;
  }

  /** The whole allocation of this tensor becomes "never written": NaN on devices; `interpret` traps on reading it. */
  poison(): this {
    this.#live();
    const { storage, begin, end } = this.#allocation;
    for (const [at, count] of chunks(end - begin)) storage.poison(begin + at, count);
    this.#allocation.poisoned = true;
    return this;
  }

  /** Values in row-major order of the shape, whatever the strides. Waits for earlier launches. */
  async read(): Promise<Float64Array> {
    this.#live();
    if (this.size === 0) return new Float64Array(0);
    const values = new Float64Array(this.extent);
    for (const [at, count] of chunks(this.extent))
      values.set(await this.storage.readValues(this.offset + at, count), at);
    return isDense(this.shape, this.strides) ? values : this.#gather(values, new Float64Array(this.size));
  }

  /** As `read`, as the device stores the elements: bits of f16 and bf16 in a Uint16Array. */
  async readRaw(): Promise<Raw> {
    this.#live();
    if (this.size === 0) return rawOf(this.dtype, 0);
    const raw = await this.storage.readRaw(this.offset, this.extent);
    return this.#gather(raw, rawOf(this.dtype, this.size));
  }

  /** Null when the bytes around the allocation, and after `poison` those in its gaps, are as they were. */
  async checkGuards(): Promise<GuardDamage | null> {
    this.#live();
    const { storage, begin, end } = this.#allocation;
    const [before, after] = [storage.readRaw(0, begin), storage.readRaw(end, storage.elements - end)];
    return (
      damageOf('before', await before, guardPattern(this.dtype, begin), -begin) ??
      damageOf('after', await after, guardPattern(this.dtype, storage.elements - end), end - begin) ??
      (await this.#gapDamage())
    );
  }

  /** Gaps belong to nobody as long as only the tensor that owns the allocation is written through. */
  async #gapDamage(): Promise<GuardDamage | null> {
    const { storage, begin, end, poisoned } = this.#allocation;
    const owner = this.offset === begin && this.extent === end - begin;
    if (!poisoned || !owner || this.size === this.extent) return null;
    const is = await storage.readRaw(begin, this.extent);
    const poison = poisonPattern(this.dtype, this.extent);
    for (const address of addressesOf(this.shape, this.strides)) is[address] = poison[address] as number;
    return damageOf('between', is, poison, 0);
  }

  /** Gives the memory back, for every view of it. Idempotent. */
  free(): void {
    this.storage.free();
  }

  /** Fills the bands around a new allocation, and half a word left over after its last element. */
  #writeGuards(): void {
    const { storage, begin, end } = this.#allocation;
    if (begin > 0) storage.writeRaw(0, guardPattern(this.dtype, begin));
    const from = end - (bytesOf(this.dtype) === 2 ? end % 2 : 0);
    if (storage.elements > from) storage.writeRaw(from, guardPattern(this.dtype, storage.elements - from));
    if (from < end) storage.poison(from, end - from);
  }

  static allocate<const D extends TensorDType, const S extends readonly number[]>(
    device: Device,
    dtype: D,
    shape: S,
    options: AllocationOptions = {},
  ): Tensor<D, S> {
    if (!DTYPES.includes(dtype) || (dtype as string) === 'i1')
      throw runtimeError('LAC0620', `tensors cannot have dtype ${String(dtype)}`);
    const strides = options.strides ?? denseStrides(shape);
    checkGeometry(shape, strides);
    const guard = (Math.ceil((options.guardBytes ?? 0) / GUARD_UNIT_BYTES) * GUARD_UNIT_BYTES) / bytesOf(dtype);
    const end = guard + extentOf(shape, strides);
    const storage = device.allocate(dtype, roundToWord(dtype, end) + guard);
    const tensor = new Tensor(device, dtype, shape, [...strides], guard, {
      storage,
      begin: guard,
      end,
      poisoned: false,
    });
    if (storage.elements > extentOf(shape, strides)) tensor.#writeGuards();
    return tensor;
  }

  #live(): void {
    if (this.freed) throw runtimeError('LAC0609', `this ${this.dtype}[${this.shape.join(', ')}] was freed`);
  }

  #gather<T extends Float64Array | Raw>(from: T, to: T): T {
    if (isDense(this.shape, this.strides)) return from;
    const addresses = addressesOf(this.shape, this.strides);
    for (let i = 0; i < addresses.length; i++) to[i] = from[addresses[i] as number] as number;
    return to;
  }

  #scatter(data: HostData): void {
    const raw = isStorageType(this.dtype, data);
    const values = raw ? data : data instanceof Float64Array ? data : Float64Array.from(data);
    if (isDense(this.shape, this.strides)) this.#writeRun(0, values);
    else if (!hasDistinctAddresses(this.shape, this.strides))
      throw runtimeError(
        'LAC0607',
        'cannot write to a tensor whose elements share addresses',
        'write before expanding',
      );
    else this.#writeStrided(values, raw);
  }

  #writeStrided(values: Float64Array | Raw, raw: boolean): void {
    const addresses = addressesOf(this.shape, this.strides);
    if (this.size < this.extent) {
      this.#writeRuns(values, addresses);
      return;
    }
    const dense = raw ? rawOf(this.dtype, this.size) : new Float64Array(this.size);
    for (let i = 0; i < addresses.length; i++) dense[addresses[i] as number] = values[i] as number;
    this.#writeRun(0, dense);
  }

  /** A view with gaps: one write for each run of neighbouring addresses, so that what lies between keeps its bytes. */
  #writeRuns(values: Float64Array | Raw, addresses: Float64Array): void {
    for (let first = 0; first < addresses.length; ) {
      let end = first + 1;
      while (end < addresses.length && addresses[end] === (addresses[end - 1] as number) + 1) end++;
      this.#writeRun(addresses[first] as number, values.subarray(first, end));
      first = end;
    }
  }

  #writeRun(at: number, values: Float64Array | Raw): void {
    for (const [from, count] of chunks(values.length))
      this.#writeChunk(this.offset + at + from, values.subarray(from, from + count));
  }

  #writeChunk(begin: number, values: Float64Array | Raw): void {
    if (values instanceof Float64Array && this.device.backend === 'interpret') {
      const rounded = values.map((x) => roundValue(this.dtype, x));
      this.storage.writeValues(begin, rounded);
      return;
    }
    const raw = values instanceof Float64Array ? encode(this.dtype, values) : values;
    this.storage.writeRaw(begin, this.#wholeWords(begin, raw));
  }

  /**
   * WebGPU writes words of 32 bits, so that 16-bit data is made even in length: only the padding after the end of the
   * allocation may be written along.
   */
  #wholeWords(begin: number, raw: Raw): Raw {
    if (variantTarget(this.device.backend) === 'cuda' || !(raw instanceof Uint16Array)) return raw;
    if (begin % 2 === 0 && raw.length % 2 === 0) return raw;
    if (begin % 2 !== 0 || begin + raw.length !== this.#allocation.end)
      throw runtimeError('LAC0622', `elements ${begin} to ${begin + raw.length} begin or end inside a 32-bit word`);
    const even = guardPattern(this.dtype, raw.length + 1);
    even.set(raw);
    return even;
  }
}

/** Positions and counts that make up `length` elements. */
function* chunks(length: number): Generator<readonly [at: number, count: number]> {
  for (let at = 0; at < length; at += CHUNK) yield [at, Math.min(CHUNK, length - at)];
}

const roundToWord = (dtype: TensorDType, elements: number): number =>
  bytesOf(dtype) === 2 ? elements + (elements % 2) : elements;

function isStorageType(dtype: TensorDType, data: HostData): data is Raw {
  if (dtype === 'f32') return data instanceof Float32Array;
  if (dtype === 'i32') return data instanceof Int32Array;
  return dtype === 'u32' ? data instanceof Uint32Array : data instanceof Uint16Array;
}

function checkGeometry(shape: readonly number[], strides: readonly number[]): void {
  const whole = (n: number): boolean => Number.isSafeInteger(n) && n >= 0;
  if (!shape.every(whole)) throw runtimeError('LAC0620', `shape [${shape.join(', ')}] has an extent that is not >= 0`);
  if (strides.length !== shape.length || !strides.every(whole))
    throw runtimeError('LAC0620', `strides [${strides.join(', ')}] do not fit shape [${shape.join(', ')}]`);
  if (!Number.isSafeInteger(extentOf(shape, strides))) throw runtimeError('LAC0620', 'shape is too large to address');
}
