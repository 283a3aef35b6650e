import type { CudaVariant } from '../../compiler/artifact.js';
import { Bug } from '../../compiler/diag/diagnostic.js';
import { bytesOf } from '../../compiler/ir/types.js';
import type { Raw, TensorDType } from '../codec.js';
import {
  type AnyVariant,
  type Device,
  type DeviceInfo,
  type DeviceLimits,
  type KernelAttributes,
  sequencesOf,
  type TimedPlans,
  type TimeOptions,
  type Timing,
} from '../device.js';
import { messageOf, runtimeError } from '../errors.js';
import type { LaunchPlan, LaunchSequence } from '../launch.js';
import { type AllocationOptions, Tensor } from '../tensor.js';
import { cudaError, fatalText, isFatal } from './failures.js';
import { contextEndsAfter, faultMet } from './faults.js';
import { LaunchGraphs, type Ready, writeAddresses } from './graphs.js';
import { KernelCache, type LoadedKernel } from './kernels.js';
import type { NativeContext, NativeDevice, NativeDriver } from './native.js';
import { type Block, MemoryPool } from './pool.js';
import { CudaStorage } from './storage.js';
import { timePlans } from './timing.js';

/** Share of device memory that the pool keeps for reuse at most. */
const KEPT_SHARE = 1 / 4;
/** Parameters of a kernel take 4 KiB at most (PTX ISA, 4.4), addresses and slots. */
const MAX_BINDINGS = 256;
/** Kernels that are named when one of them has ended the context. */
const MAX_NAMED = 8;

const abandoned = new FinalizationRegistry<NativeContext>((native) => native.destroy());

/** An NVIDIA GPU through the CUDA driver: a context and a stream of its own. */
export class CudaDevice implements Device {
  readonly backend = 'cuda';
  readonly name: string;
  readonly info: DeviceInfo;
  readonly limits: DeviceLimits;
  readonly features: ReadonlySet<string> = new Set();
  readonly notes: readonly string[] = [];
  readonly ordinal: number;
  readonly properties: NativeDevice;
  readonly #native: NativeContext;
  readonly #pool: MemoryPool;
  readonly #kernels: KernelCache;
  readonly #graphs: LaunchGraphs;
  /** Memory of tensors that nobody can reach any more. */
  readonly #unreachable: FinalizationRegistry<Block>;
  /** Kernels since the device was last known to be well. */
  readonly #running = new Set<string>();
  /** Work in the background, which holds the context. */
  readonly #underWay = new Set<Promise<unknown>>();
  /** The end of launches that still wait for their program, and of reads; null while there is none. */
  #behind: Promise<void> | null = null;
  #state: Device['state'] = 'open';
  #lostBecause = '';

  constructor(driver: NativeDriver, ordinal: number, properties: NativeDevice, native: NativeContext) {
    const { memoryBytes } = properties;
    this.ordinal = ordinal;
    this.properties = properties;
    this.name = properties.name;
    this.info = infoOf(driver, properties);
    this.limits = limitsOf(properties);
    this.#native = native;
    const pool = new MemoryPool(native, memoryBytes * KEPT_SHARE);
    this.#pool = pool;
    this.#kernels = new KernelCache(native);
    this.#graphs = new LaunchGraphs(native);
    this.#unreachable = new FinalizationRegistry((block) => giveBack(pool, block));
    abandoned.register(this, native, native);
  }

  /** Sequences of launches that were submitted as one graph. */
  get graphLaunches(): number {
    return this.#graphs.launched;
  }

  get state(): Device['state'] {
    return this.#state;
  }

  /** Throws when the device is gone. */
  #live(): void {
    if (this.#state === 'destroyed') throw runtimeError('LAC0707', `${this.name} was destroyed`);
    if (this.#state === 'lost') throw this.#lostError();
  }

  #lostError(): unknown {
    return runtimeError('LAC0705', this.#lostBecause, 'open a new device with openDevice(), or start a new process');
  }

  /** The error to throw for what was caught. A fault that ended the context ends the device too. */
  #failed(e: unknown, doing: string): unknown {
    if (this.#state === 'lost') return this.#lostError();
    if (!isFatal(e) || this.#state !== 'open') return cudaError(e, doing);
    const kernels = [...this.#running].slice(-MAX_NAMED).join(', ') || 'nothing';
    const met = `${this.name}: ${fatalText(e)}; launched before: ${kernels}`;
    const earlier = faultMet(met);
    this.#lostBecause = earlier === null ? met : `${met}; the first fault of this process: ${earlier}`;
    this.#state = 'lost';
    contextEndsAfter(this.#underWay);
    this.#close();
    return this.#lostError();
  }

  #close(): void {
    this.#pool.close();
    abandoned.unregister(this.#native);
    this.#native.destroy();
  }

  #try<T>(doing: string, work: () => T): T {
    this.#live();
    try {
      return work();
    } catch (e) {
      throw this.#failed(e, doing);
    }
  }

  async #wait<T>(doing: string, work: () => Promise<T>): Promise<T> {
    this.#live();
    let done: Promise<T> | null = null;
    try {
      done = work();
      this.#underWay.add(done);
      return await done;
    } catch (e) {
      throw this.#failed(e, doing);
    } finally {
      if (done !== null) this.#underWay.delete(done);
    }
  }

  empty<const D extends TensorDType, const S extends readonly number[]>(
    dtype: D,
    shape: S,
    options: AllocationOptions = {},
  ): Tensor<D, S> {
    return Tensor.allocate(this, dtype, shape, options);
  }

  allocate(dtype: TensorDType, elements: number): CudaStorage {
    const bytes = elements * bytesOf(dtype);
    if (bytes > this.limits.maxBufferBytes)
      throw runtimeError('LAC0614', `${bytes} bytes; ${this.name} has ${this.limits.maxBufferBytes}`);
    const block = this.#try(`${bytes} bytes`, () => this.#pool.acquire(bytes));
    const storage = new CudaStorage(this, dtype, elements, block);
    this.#unreachable.register(storage, block, storage);
    return storage;
  }

  /** Memory of a storage that is freed; nothing is left to do once the device is gone. */
  release(storage: CudaStorage, block: Block): void {
    this.#unreachable.unregister(storage);
    giveBack(this.#pool, block);
  }

  write(address: number, data: Raw): void {
    this.#try('write', () => this.#native.write(address, data));
  }

  /** `count` elements of `width` bytes, each with these bits. */
  fill(address: number, bits: number, width: 2 | 4, count: number): void {
    this.#try('fill', () => this.#native.fill(address, bits, width, count));
  }

  /** Throws what went wrong before, as `synchronize` does. */
  async readBytes(address: number, bytes: number): Promise<ArrayBuffer> {
    const into = hostBytes(bytes);
    await this.#after(() => this.#wait('read', () => this.#native.read(address, into)));
    return into.buffer;
  }

  async prepare(variant: AnyVariant): Promise<void> {
    await this.#load(cudaVariant(variant));
  }

  #load(variant: CudaVariant): Promise<LoadedKernel> {
    return this.#wait(`load ${variant.entry}`, () => this.#kernels.get(variant));
  }

  async attributes(variant: AnyVariant): Promise<KernelAttributes> {
    const own = cudaVariant(variant);
    const { kernel } = await this.#load(own);
    const { registers, localBytes, maxThreads, programsPerSm, log } = kernel;
    const sharedBytes = kernel.staticSharedBytes + own.sharedBytes;
    return { registers, localBytes, sharedBytes, maxThreads, programsPerSm, log };
  }

  /** Launches take effect in the order of the calls, also where an earlier one still waits for its program. */
  async launch(plan: LaunchPlan): Promise<void> {
    const variant = cudaVariant(plan.variant);
    if (this.#behind === null && (plan.programs === 0 || this.#kernels.ready(variant))) this.#submit(plan);
    else await this.#after(() => this.#loadAndSubmit(plan, variant));
  }

  async #loadAndSubmit(plan: LaunchPlan, variant: CudaVariant): Promise<void> {
    await this.#load(variant);
    this.#submit(plan);
  }

  /** Sequences of a key that came before are one submission. */
  async launchAll({ key, launches }: LaunchSequence): Promise<void> {
    const waiting = launches.filter((plan) => plan.programs > 0);
    const variants = waiting.map((plan) => cudaVariant(plan.variant));
    const submit = (): void => this.#submitAll(key, waiting);
    if (this.#behind === null && variants.every((v) => this.#kernels.ready(v))) submit();
    else
      await this.#after(async () => {
        for (const variant of variants) await this.#load(variant);
        submit();
      });
  }

  #submitAll(key: object, launches: readonly LaunchPlan[]): void {
    this.#live();
    const ready = launches.map((plan) => this.#ready(plan));
    for (const { kernel } of launches) this.#running.add(kernel);
    if (this.#try('launch a plan', () => this.#graphs.submit(key, ready))) return;
    for (const one of ready) this.#launch(one);
  }

  /** Does something behind what is under way, and before later launches; earlier failures do not keep it from that. */
  async #after(work: () => Promise<void>): Promise<void> {
    const earlier = this.#behind;
    const done = earlier === null ? work() : earlier.then(work);
    const settled = done.then(
      () => {},
      () => {},
    );
    this.#behind = settled;
    try {
      await done;
    } finally {
      if (this.#behind === settled) this.#behind = null;
    }
  }

  /** Fills the parameter block and queues the launch. Tensors are looked at again: they may have been freed since. */
  #submit(plan: LaunchPlan): void {
    this.#live();
    if (plan.programs > 0) this.#launch(this.#ready(plan));
  }

  #ready(plan: LaunchPlan): Ready {
    const variant = cudaVariant(plan.variant);
    const loaded = this.#kernels.ready(variant);
    if (loaded === undefined) throw new Bug(`${plan.kernel} was submitted before it was loaded`);
    return { plan, loaded, addresses: variant.bindings.map(({ arg }) => addressOf(plan, arg)) };
  }

  #launch({ plan, loaded, addresses }: Ready): void {
    const { words, block, paramsAt, kernel } = loaded;
    writeAddresses(words, addresses);
    block.set(plan.paramBytes, paramsAt);
    this.#running.add(plan.kernel);
    try {
      kernel.launch(plan.programs);
    } catch (e) {
      throw this.#failed(e, `launch ${plan.kernel}`);
    }
  }

  async synchronize(): Promise<void> {
    if (this.#behind !== null) await this.#behind;
    await this.#wait('synchronize', () => this.#native.synchronize());
    this.#running.clear();
  }

  async time(plan: TimedPlans, options: TimeOptions = {}): Promise<Timing> {
    const sequences = sequencesOf(plan);
    for (const one of sequences.flat()) await this.prepare(one.variant);
    const submit = (one: LaunchPlan): void => this.#submit(one);
    const synchronize = (): Promise<void> => this.synchronize();
    return this.#wait('time', () => timePlans({ native: this.#native, submit, synchronize }, sequences, options));
  }

  destroy(): void {
    if (this.#state === 'open') this.#close();
    this.#state = 'destroyed';
  }
}

/** Fails where a kernel has ended the context; whoever waits for that kernel is told, not whoever frees a tensor. */
function giveBack(pool: MemoryPool, block: Block): void {
  try {
    pool.release(block);
  } catch (e) {
    if (!isFatal(e)) throw e;
  }
}

function cudaVariant(variant: AnyVariant): CudaVariant {
  if (variant.target !== 'cuda') throw new Bug(`a variant for ${variant.target} on a CUDA device`);
  return variant;
}

/** Of the tensor's element 0. */
function addressOf(plan: LaunchPlan, arg: string): number {
  const tensor = plan.tensors[arg];
  const storage = tensor?.storage;
  if (!(storage instanceof CudaStorage)) throw new Bug(`binding ${arg} of ${plan.kernel} has no tensor`);
  if (storage.address === null) throw runtimeError('LAC0609', `${plan.kernel}: ${arg} was freed after it was bound`);
  return storage.address + (tensor?.offset ?? 0) * bytesOf(storage.dtype);
}

function hostBytes(bytes: number): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(bytes);
  } catch (e) {
    throw runtimeError(
      'LAC0706',
      `${bytes} bytes for the host: ${messageOf(e)}`,
      'read a view of a part of the tensor',
    );
  }
}

const infoOf = (driver: NativeDriver, { sm, warpLanes, multiprocessors, l2Bytes }: NativeDevice): DeviceInfo => ({
  kind: 'gpu',
  vendor: 'nvidia',
  architecture: `sm_${sm}`,
  driver: `CUDA ${Math.floor(driver.version / 1000)}.${(driver.version % 1000) / 10}`,
  subgroup: [warpLanes, warpLanes],
  sm,
  multiprocessors,
  cacheBytes: l2Bytes,
});

const limitsOf = (p: NativeDevice): DeviceLimits => ({
  maxWorkgroupBytes: p.maxSharedBytes,
  maxInvocations: p.maxThreads,
  maxStorageBindings: MAX_BINDINGS,
  maxBindingBytes: p.memoryBytes,
  maxBufferBytes: p.memoryBytes,
  maxGridAxis: p.maxGrid,
});
