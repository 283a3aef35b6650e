import { Bug } from '../../compiler/diag/diagnostic.js';
import { interpretKernel } from '../../compiler/interp/interpret.js';
import type { TensorArg } from '../../compiler/interp/machine.js';
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
import { InterpretStorage } from './storage.js';

const NO_LIMITS: DeviceLimits = {
  maxWorkgroupBytes: Infinity,
  maxInvocations: Infinity,
  maxStorageBindings: Infinity,
  maxBindingBytes: Infinity,
  maxBufferBytes: Infinity,
  maxGridAxis: Infinity,
};

/** Runs tile IR in this thread, program after program. `f64`: float arithmetic is exact to f64; `round`: to each dtype. */
export class InterpretDevice implements Device {
  readonly backend = 'interpret';
  readonly name: string;
  readonly mode: 'f64' | 'round';
  readonly info: DeviceInfo = {
    kind: 'interpret',
    vendor: 'lac',
    architecture: 'interpreter',
    driver: '',
    subgroup: [1, 1],
  };
  readonly limits = NO_LIMITS;
  readonly features: ReadonlySet<string> = new Set();
  limitMs = Number.POSITIVE_INFINITY;
  readonly notes: readonly string[];
  #state: Device['state'] = 'open';

  constructor(mode: 'f64' | 'round', notes: readonly string[] = []) {
    this.mode = mode;
    this.name = `interpreter (${mode === 'f64' ? 'f64' : 'rounding'})`;
    this.notes = notes;
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

  allocate(dtype: TensorDType, elements: number): InterpretStorage {
    this.#live();
    return new InterpretStorage(dtype, elements);
  }

  prepare(variant: AnyVariant): Promise<void> {
    if (variant.target !== 'interpret') throw new Bug(`a variant for ${variant.target} on the interpreter`);
    return Promise.resolve();
  }

  /** Throws LacError LAC08xx for what semantics.md says traps. */
  async launch(plan: LaunchPlan): Promise<void> {
    this.#run(plan);
  }

  #run(plan: LaunchPlan): void {
    this.#live();
    const { variant, grid, dims } = plan;
    if (variant.target !== 'interpret') throw new Bug(`a variant for ${variant.target} on the interpreter`);
    if (plan.programs === 0) return;
    interpretKernel(variant.ir, argsOf(plan), {
      ...{ mode: this.mode, grid, dims },
      overdue: overdueIn(plan, this.limitMs),
    });
  }

  async launchAll({ launches }: LaunchSequence): Promise<void> {
    for (const plan of launches) this.#run(plan);
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
}

function argsOf(plan: LaunchPlan): Record<string, TensorArg | number> {
  const args: Record<string, TensorArg | number> = { ...plan.scalars };
  for (const [name, tensor] of Object.entries(plan.tensors)) {
    if (tensor === null) continue;
    const { storage, dtype, shape, strides, offset } = tensor;
    if (!(storage instanceof InterpretStorage)) throw new Bug(`${name} of ${plan.kernel} is not in the interpreter`);
    if (storage.freed) throw runtimeError('LAC0609', `${plan.kernel}: ${name} was freed after it was bound`);
    args[name] = { data: storage.data, written: storage.written, dtype, shape, strides, offset };
  }
  return args;
}
