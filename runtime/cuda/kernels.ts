import type { CudaVariant } from '../../compiler/artifact.js';
import { paramLayout } from '../../compiler/artifact.js';
import { CubinCache, cubinKey } from './cubin-cache.js';
import { linkError } from './failures.js';
import type { NativeContext, NativeKernel } from './native.js';

/** A program on the device, and the parameter block that its launches read. */
export interface LoadedKernel {
  readonly kernel: NativeKernel;
  /** The whole block: addresses of the bindings, then the packed params. */
  readonly block: Uint8Array<ArrayBuffer>;
  /** The same bytes as 32-bit words. */
  readonly words: Uint32Array<ArrayBuffer>;
  /** Where the packed params begin, bytes. */
  readonly paramsAt: number;
  /** Whether the compiled program came from a file. */
  readonly cached: boolean;
  /** What the driver's compiler said; empty where it did not run. */
  readonly log: string;
}

export const ADDRESS_BYTES = 8;

/** Programs kept; a tuner meets many that it never uses again. */
const MAX_KEPT = 256;

/** Loaded programs by what they were made of. */
export class KernelCache {
  readonly #native: NativeContext;
  readonly #sm: number;
  readonly #driver: number;
  readonly #cubins: CubinCache;
  readonly #made = new Map<string, Promise<LoadedKernel>>();
  /** Those that are ready, by variant: a launch looks up nothing else. */
  readonly #ready = new WeakMap<CudaVariant, LoadedKernel>();

  constructor(native: NativeContext, device: { sm: number; driver: number }, note: (text: string) => void) {
    this.#native = native;
    this.#sm = device.sm;
    this.#driver = device.driver;
    this.#cubins = new CubinCache(note);
  }

  ready(variant: CudaVariant): LoadedKernel | undefined {
    return this.#ready.get(variant);
  }

  /** Throws Bug for PTX that is not valid, LAC0709 where the driver gives up, LAC0712 where it is too old. */
  async get(variant: CudaVariant): Promise<LoadedKernel> {
    const [threads] = variant.block;
    const bytes = variant.bindings.length * ADDRESS_BYTES + paramLayout(variant.params).bytes;
    const key = `${variant.entry} ${threads} ${variant.sharedBytes} ${bytes}\n${variant.text}`;
    const made = this.#made.get(key) ?? this.#make(variant, bytes);
    this.#made.delete(key);
    this.#made.set(key, made);
    made.catch(() => this.#made.delete(key));
    const [oldest] = this.#made.keys();
    if (this.#made.size > MAX_KEPT && oldest !== undefined) this.#made.delete(oldest);
    const loaded = await made;
    this.#ready.set(variant, loaded);
    return loaded;
  }

  async #make(variant: CudaVariant, bytes: number): Promise<LoadedKernel> {
    const key = cubinKey(variant.text, this.#sm, this.#driver);
    const kept = await this.#cubins.load(key);
    if (kept !== null) {
      const loaded = await this.#load(variant, bytes, kept, '').catch(() => null);
      if (loaded !== null) return { ...loaded, cached: true };
    }
    const { cubin, log } = await this.#link(variant);
    const loaded = await this.#load(variant, bytes, cubin, log);
    await this.#cubins.store(key, cubin);
    return loaded;
  }

  async #link({ text, entry }: CudaVariant): Promise<{ cubin: Uint8Array; log: string }> {
    try {
      return await this.#native.link(text);
    } catch (e) {
      throw linkError(e, entry, text);
    }
  }

  async #load(variant: CudaVariant, bytes: number, cubin: Uint8Array, log: string): Promise<LoadedKernel> {
    const params = new ArrayBuffer(bytes);
    const [threads] = variant.block;
    const kernel = await this.#native.load(cubin, variant.entry, threads, variant.sharedBytes, params);
    const paramsAt = variant.bindings.length * ADDRESS_BYTES;
    const views = { block: new Uint8Array(params), words: new Uint32Array(params) };
    return { kernel, ...views, paramsAt, cached: false, log };
  }
}
