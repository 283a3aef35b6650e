import type { Variant } from '../compiler/artifact.js';
import type { TensorDType } from './codec.js';
import type { InterpretVariant } from './interpret/variant.js';
import type { LaunchPlan, LaunchSequence } from './launch.js';
import type { Storage } from './storage.js';
import type { AllocationOptions, Tensor } from './tensor.js';

/** What a device allows. `Infinity` where it sets no limit. */
export interface DeviceLimits {
  /** Workgroup (shared) memory of one program, bytes. */
  readonly maxWorkgroupBytes: number;
  /** Invocations of a workgroup. */
  readonly maxInvocations: number;
  /** Storage buffers of a launch. */
  readonly maxStorageBindings: number;
  /** Bytes of one storage binding. */
  readonly maxBindingBytes: number;
  /** Bytes of one allocation. */
  readonly maxBufferBytes: number;
  /** Workgroups along one axis of a dispatch; CUDA has one axis only. */
  readonly maxGridAxis: number;
}

export interface DeviceInfo {
  readonly kind: 'gpu' | 'software' | 'interpret';
  readonly vendor: string;
  readonly architecture: string;
  /** Name and version of the driver, as it reports them. */
  readonly driver: string;
  /** Lanes of a subgroup: least and most. */
  readonly subgroup: readonly [number, number];
  /** Compute capability times ten (90 is sm_90); devices that run PTX have one. */
  readonly sm?: number;
  /** Multiprocessors, each of which runs programs of its own; absent where the device does not tell. */
  readonly multiprocessors?: number;
  /** Bytes of the last cache before memory; absent where the device does not tell. */
  readonly cacheBytes?: number;
}

export interface Timing {
  /** Milliseconds of one launch. */
  readonly medianMs: number;
  readonly p10: number;
  readonly p90: number;
  /** Every sample, in order of measurement, milliseconds. */
  readonly samples: readonly number[];
  /** `timestamp`: GPU timestamps around the pass. `host`: submit to completion, the queue's latency included. */
  readonly how: 'timestamp' | 'host';
}

export interface TimeOptions {
  /** Launches before the first sample. Default 3. */
  readonly warmup?: number;
  /** Milliseconds that the warm-up lasts at least (clocks of a GPU rise for about 250 ms). Default 0. */
  readonly warmupMs?: number;
  /** Samples. Default 20. */
  readonly repeat?: number;
}

/** What one call measures; see `Device.time`. */
export type TimedPlans = LaunchPlan | readonly LaunchPlan[] | readonly (readonly LaunchPlan[])[];

/** The samples in turn: each a sequence of launches. */
export const sequencesOf = (plans: TimedPlans): readonly (readonly LaunchPlan[])[] =>
  'kernel' in plans ? [[plans]] : plans.map((p) => ('kernel' in p ? [p] : p));

/** What the driver's compiler made of a program. */
export interface KernelAttributes {
  /** Of a thread. */
  readonly registers: number;
  /** Local memory of a thread, bytes: spilled registers among it. */
  readonly localBytes: number;
  /** Shared memory of a program, bytes: declared in the text and asked for at launch. */
  readonly sharedBytes: number;
  /** Threads that a program may have with so many registers. */
  readonly maxThreads: number;
  /** Programs that a multiprocessor runs at once. */
  readonly programsPerSm: number;
  /** The compiler's own words; empty where the driver had the program in its cache. */
  readonly log: string;
}

export type AnyVariant = Variant | InterpretVariant;

/** What runs kernels. `emulate` runs variants for `cuda` on the CPU. */
export type Backend = 'webgpu' | 'cuda' | 'emulate' | 'interpret';

/** What a variant has to be compiled for, to run on a backend. */
export const variantTarget = (backend: Backend): AnyVariant['target'] => (backend === 'emulate' ? 'cuda' : backend);

/**
 * A device and the memory on it. Methods throw LacError: LAC0705 after the device was lost, LAC0707 after `destroy`,
 * LAC0706 out of memory, LAC0708 what the driver refused.
 */
export interface Device {
  readonly backend: Backend;
  /** What a person calls it: "NVIDIA H100", "SwiftShader Device (Subzero)", "interpreter (f64)". */
  readonly name: string;
  readonly info: DeviceInfo;
  readonly limits: DeviceLimits;
  /** WebGPU features that kernels may use here. */
  readonly features: ReadonlySet<string>;
  /** What the choice of this device left out, and the command that would change it; for people. */
  readonly notes: readonly string[];
  readonly state: 'open' | 'lost' | 'destroyed';
  /** Milliseconds after which a launch ends with LAC0714. Of devices that compute in this thread; others do not stop. */
  limitMs?: number;

  /** Uninitialised memory: what it holds is unspecified. Extents >= 0. */
  empty<const D extends TensorDType, const S extends readonly number[]>(
    dtype: D,
    shape: S,
    options?: AllocationOptions,
  ): Tensor<D, S>;
  /** Memory for so many elements; `empty` is what callers use. */
  allocate(dtype: TensorDType, elements: number): Storage;
  /** Compile ahead of the first launch. A WGSL error is a Bug with the text attached. */
  prepare(variant: AnyVariant): Promise<void>;
  /** What the driver made of a program, where it tells; compiles the variant where that is yet to do. */
  attributes?(variant: AnyVariant): Promise<KernelAttributes>;
  /** Resolves when the work is submitted; later launches and reads come after it. */
  launch(plan: LaunchPlan): Promise<void>;
  /** As `launch`; programs that are yet to be compiled are compiled before the first launch. */
  launchAll(sequence: LaunchSequence): Promise<void>;
  /** Waits for everything submitted, and throws what went wrong meanwhile. */
  synchronize(): Promise<void>;
  /**
   * Launches the plan many times; of a list, the plans in turn, so that each finds cold caches; of a list of lists, each
   * inner one as one sample, in its order. Inout arguments change with every launch.
   */
  time(plan: TimedPlans, options?: TimeOptions): Promise<Timing>;
  /** Gives everything back. Idempotent; every tensor of the device is gone. */
  destroy(): void;
}
