import { Bug } from '../../compiler/diag/diagnostic.js';
import type { TensorDType } from '../../runtime/codec.js';
import type { Device, Timing } from '../../runtime/device.js';
import type { Storage } from '../../runtime/storage.js';
import { type AllocationOptions, Tensor } from '../../runtime/tensor.js';
import type { DeviceDescription } from './protocol.js';

/** A device that is elsewhere: arguments can be bound here as there. Tensors have no memory, and nothing runs. */
export class UnbackedDevice implements Device {
  readonly backend: Device['backend'];
  readonly name: string;
  readonly info: Device['info'];
  readonly limits: Device['limits'];
  readonly features: Device['features'];
  readonly notes: Device['notes'];
  readonly state = 'open';

  constructor({ backend, name, info, limits, features, notes }: DeviceDescription) {
    this.backend = backend;
    this.name = name;
    this.info = info;
    this.limits = limits;
    this.features = new Set(features);
    this.notes = notes;
  }

  empty<const D extends TensorDType, const S extends readonly number[]>(
    dtype: D,
    shape: S,
    options: AllocationOptions = {},
  ): Tensor<D, S> {
    return Tensor.allocate(this, dtype, shape, options);
  }

  allocate(dtype: TensorDType, elements: number): Storage {
    return new NoMemory(dtype, elements);
  }

  prepare = (): Promise<void> => nothingRuns();
  launch = (): Promise<void> => nothingRuns();
  launchAll = (): Promise<void> => nothingRuns();
  synchronize = (): Promise<void> => nothingRuns();
  time = (): Promise<Timing> => nothingRuns();

  destroy(): void {}
}

const nothingRuns = (): never => {
  throw new Bug('nothing runs on a device that is elsewhere');
};

/** Writes are for nothing. */
class NoMemory implements Storage {
  readonly dtype: TensorDType;
  readonly elements: number;
  freed = false;

  constructor(dtype: TensorDType, elements: number) {
    this.dtype = dtype;
    this.elements = elements;
  }

  writeRaw(): void {}
  writeValues(): void {}
  readRaw = (): Promise<never> => nothingRuns();
  readValues = (): Promise<never> => nothingRuns();
  poison(): void {}
  fillAll(): void {}

  free(): void {
    this.freed = true;
  }
}
