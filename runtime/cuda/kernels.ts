import type { CudaVariant } from '../../compiler/artifact.js';
import { paramLayout } from '../../compiler/artifact.js';
import { compileError } from './failures.js';
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
}

export const ADDRESS_BYTES = 8;

/** LAC_LINE_INFO=1 keeps the lines of the kernel's source in the program, for profilers. */
const lineInfo = (): boolean => process.env.LAC_LINE_INFO === '1';

/** Programs kept; a tuner meets many that it never uses again. */
const MAX_KEPT = 256;

/** Loaded programs by what they were made of. */
export class KernelCache {
  readonly #native: NativeContext;
  readonly #made = new Map<string, Promise<LoadedKernel>>();
  /** Those that are ready, by variant: a launch looks up nothing else. */
  readonly #ready = new WeakMap<CudaVariant, LoadedKernel>();

  constructor(native: NativeContext) {
    this.#native = native;
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

  async #make({ block, bindings, text, entry, sharedBytes }: CudaVariant, bytes: number): Promise<LoadedKernel> {
    const params = new ArrayBuffer(bytes);
    try {
      const kernel = await this.#native.load(text, entry, block[0], sharedBytes, params, lineInfo());
      const paramsAt = bindings.length * ADDRESS_BYTES;
      return { kernel, block: new Uint8Array(params), words: new Uint32Array(params), paramsAt };
    } catch (e) {
      throw compileError(e, entry, text);
    }
  }
}
