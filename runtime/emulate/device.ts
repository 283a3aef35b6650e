import {
  type BufferUse,
  type Checks,
  type Counters,
  emulate,
  GlobalMemory,
  type PtxProgram,
  parsePtx,
  prepareEntry,
} from '../../backends/ptx/emulator/index.js';
import { targetFor } from '../../backends/ptx/target.js';
import type { CudaVariant } from '../../compiler/artifact.js';
import { Bug } from '../../compiler/diag/diagnostic.js';
import { bytesOf } from '../../compiler/ir/types.js';
import type { TensorDType } from '../codec.js';
import {
  type AnyVariant,
  type Device,
  type DeviceInfo,
  type DeviceLimits,
  sequencesOf,
  type TimedPlans,
  type TimeOptions,
  type Timing,
} from '../device.js';
import { runtimeError } from '../errors.js';
import type { LaunchPlan, LaunchSequence } from '../launch.js';
import { overdueIn } from '../overdue.js';
import { type AllocationOptions, Tensor } from '../tensor.js';
import { summarize } from '../timing.js';
import { EmulateStorage } from './storage.js';

export interface EmulateOptions extends Checks {
  /** Races in global memory: between programs, between threads of one, and stores to inputs. Default true. */
  readonly programs?: boolean;
}

/** Bytes of one buffer: the emulator gives each so much room. */
const MAX_BUFFER_BYTES = 2 ** 31;
const MAX_BINDINGS = 256;

/**
 * Runs PTX in this thread, program after program, as a GPU of compute capability `sm` / 10 would, and traps what a GPU
 * leaves unspecified (see `emulate`). The first tool where no GPU is at hand, and the strictest where one is.
 */
export class EmulateDevice implements Device {
  readonly backend = 'emulate';
  readonly name: string;
  readonly info: DeviceInfo;
  readonly limits: DeviceLimits;
  readonly features: ReadonlySet<string> = new Set();
  readonly notes: readonly string[] = [];
  limitMs = Number.POSITIVE_INFINITY;
  readonly #options: EmulateOptions;
  readonly #programs = new WeakMap<CudaVariant, PtxProgram>();
  #state: Device['state'] = 'open';

  /** Throws LacError LAC0520 for compute capabilities below 8.0. */
  constructor(sm = 90, options: EmulateOptions = {}) {
    const target = targetFor(sm);
    this.name = `PTX emulator (sm_${sm})`;
    this.info = { kind: 'software', vendor: 'lac', architecture: `sm_${sm}`, driver: '', subgroup: [32, 32], sm };
    this.limits = {
      maxWorkgroupBytes: target.sharedBytesPerBlock,
      maxInvocations: 1024,
      maxStorageBindings: MAX_BINDINGS,
      maxBindingBytes: MAX_BUFFER_BYTES,
      maxBufferBytes: MAX_BUFFER_BYTES,
      maxGridAxis: 2 ** 31 - 1,
    };
    this.#options = options;
  }

  get state(): Device['state'] {
    return this.#state;
  }

  empty<const D extends TensorDType, const S extends readonly number[]>(
    dtype: D,
    shape: S,
    options: AllocationOptions = {},
  ): Tensor<D, S> {
    return Tensor.allocate(this, dtype, shape, options);
  }

  allocate(dtype: TensorDType, elements: number): EmulateStorage {
    this.#live();
    const bytes = elements * bytesOf(dtype);
    if (bytes > MAX_BUFFER_BYTES)
      throw runtimeError('LAC0614', `${bytes} bytes; ${this.name} has ${MAX_BUFFER_BYTES} for one tensor`);
    return new EmulateStorage(dtype, elements);
  }

  /** Throws LacError LAC0421 for PTX that the emulator does not run. */
  async prepare(variant: AnyVariant): Promise<void> {
    this.#live();
    this.#load(cudaVariant(variant));
  }

  async launch(plan: LaunchPlan): Promise<void> {
    this.#run(plan, this.#options);
  }

  /** Launches the plan and counts what it does: instructions, wavefronts of shared memory, sectors of global memory. */
  async count(plan: LaunchPlan): Promise<Counters | null> {
    return this.#run(plan, { ...this.#options, counters: true });
  }

  async launchAll({ launches }: LaunchSequence): Promise<void> {
    for (const plan of launches) this.#run(plan, this.#options);
  }

  async synchronize(): Promise<void> {
    this.#live();
  }

  async time(plan: TimedPlans, options: TimeOptions = {}): Promise<Timing> {
    const sequences = sequencesOf(plan);
    const samples: number[] = [];
    for (let i = 0; i < (options.repeat ?? 1); i++) {
      const begin = performance.now();
      for (const one of sequences[i % sequences.length] ?? []) await this.launch(one);
      samples.push(performance.now() - begin);
    }
    return summarize(samples, 'host');
  }

  destroy(): void {
    this.#state = 'destroyed';
  }

  #live(): void {
    if (this.#state === 'destroyed') throw runtimeError('LAC0707', `${this.name} was destroyed`);
  }

  #load(variant: CudaVariant): PtxProgram {
    const known = this.#programs.get(variant);
    if (known !== undefined) return known;
    const program = parsePtx(variant.text);
    prepareEntry(program, variant.entry);
    this.#programs.set(variant, program);
    return program;
  }

  #run(plan: LaunchPlan, checks: EmulateOptions): Counters | null {
    this.#live();
    const variant = cudaVariant(plan.variant);
    const program = this.#load(variant);
    if (plan.programs === 0) return null;
    const memory = new GlobalMemory();
    return emulate(program, {
      entry: variant.entry,
      grid: [plan.programs, 1, 1],
      block: variant.block,
      sharedBytes: variant.sharedBytes,
      params: parametersOf(plan, variant, memory, checks.programs ?? true),
      memory,
      checks: { ...checks, overdue: overdueIn(plan, this.limitMs) },
    });
  }
}

function cudaVariant(variant: AnyVariant): CudaVariant {
  if (variant.target !== 'cuda') throw new Bug(`a variant for ${variant.target} on the PTX emulator`);
  return variant;
}

/** Addresses of the bindings, then the parameter block (compiler/artifact.ts, CudaVariant). */
function parametersOf(plan: LaunchPlan, variant: CudaVariant, memory: GlobalMemory, watch: boolean): Uint8Array {
  const pointers = 8 * variant.bindings.length;
  const bytes = new Uint8Array(pointers + plan.paramBytes.length);
  const view = new DataView(bytes.buffer);
  const addresses = new Map<EmulateStorage, bigint>();
  const written = new Set(
    variant.bindings.filter((x) => x.access !== 'read').map(({ arg }) => tensorOf(plan, arg).storage),
  );
  const useOf = (s: EmulateStorage): BufferUse => (watch ? (written.has(s) ? 'watched' : 'input') : 'free');
  variant.bindings.forEach(({ arg }, i) => {
    const { storage, offset } = tensorOf(plan, arg);
    const base = addresses.get(storage) ?? memory.add(arg, storage.memory, storage.bytes, useOf(storage));
    addresses.set(storage, base);
    view.setBigUint64(8 * i, base + BigInt(offset * bytesOf(storage.dtype)), true);
  });
  bytes.set(plan.paramBytes, pointers);
  return bytes;
}

function tensorOf(plan: LaunchPlan, arg: string): { storage: EmulateStorage; offset: number } {
  const tensor = plan.tensors[arg];
  const storage = tensor?.storage;
  if (!(storage instanceof EmulateStorage)) throw new Bug(`binding ${arg} of ${plan.kernel} is not in the emulator`);
  if (storage.freed) throw runtimeError('LAC0609', `${plan.kernel}: ${arg} was freed after it was bound`);
  return { storage, offset: tensor?.offset ?? 0 };
}
