import type { WgslVariant } from '../../compiler/artifact.js';
import { Bug, LacError } from '../../compiler/diag/diagnostic.js';
import { bytesOf } from '../../compiler/ir/types.js';
import type { Raw, TensorDType } from '../codec.js';
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
import { messageOf, runtimeError } from '../errors.js';
import { GRID_WIDTH, type LaunchPlan, type LaunchSequence } from '../launch.js';
import { type AllocationOptions, Tensor } from '../tensor.js';
import { BufferPool } from './buffers.js';
import { ErrorScopes } from './error-scopes.js';
import { MAP_READ } from './flags.js';
import { ParamRing } from './param-ring.js';
import { Patterns } from './patterns.js';
import { type Pipeline, PipelineCache } from './pipelines.js';
import { patiently } from './polling.js';
import { WebGpuStorage } from './storage.js';
import { timePlans } from './timing.js';

/** A launch with everything that the device needs resolved. */
export interface Dispatch {
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly groups: readonly [number, number];
}

/** Less than the parameter blocks that the ring holds: a pass reads what was written last. */
const LAUNCHES_OF_PASS = 32;

/** Bytes read back in one piece. */
const READ_CHUNK = 64 * 2 ** 20;

/** A WebGPU device, of Dawn in Node or of a browser: it takes any open GPUDevice. */
export class WebGpuDevice implements Device {
  readonly backend = 'webgpu';
  readonly name: string;
  readonly info: DeviceInfo;
  readonly limits: DeviceLimits;
  readonly features: ReadonlySet<string>;
  readonly notes: readonly string[];
  readonly gpu: GPUDevice;
  readonly #pool: BufferPool;
  readonly #patterns: Patterns;
  readonly #pipelines: PipelineCache;
  readonly #params: ParamRing;
  readonly #errors: ErrorScopes;
  #state: Device['state'] = 'open';
  #lostBecause = '';

  constructor(gpu: GPUDevice, info: GPUAdapterInfo, notes: readonly string[] = []) {
    this.gpu = gpu;
    this.info = infoOf(info);
    this.name = nameOf(info);
    this.notes = notes;
    this.limits = limitsOf(gpu.limits);
    this.features = new Set(gpu.features);
    this.#errors = new ErrorScopes(gpu);
    this.#pool = new BufferPool(gpu, this.limits.maxBufferBytes);
    this.#patterns = new Patterns(gpu, this.#pool);
    this.#pipelines = new PipelineCache(gpu);
    this.#params = new ParamRing(gpu);
    void gpu.lost.then((lost) => this.#onLost(lost));
  }

  get state(): Device['state'] {
    return this.#state;
  }

  #onLost(lost: GPUDeviceLostInfo): void {
    if (this.#state === 'destroyed') return;
    this.#state = 'lost';
    this.#lostBecause = lost.message;
  }

  /** Throws when the device is gone. */
  #live(): void {
    if (this.#state === 'destroyed') throw runtimeError('LAC0707', `${this.name} was destroyed`);
    if (this.#state === 'lost')
      throw runtimeError('LAC0705', `${this.name}: ${this.#lostBecause}`, 'open a new device with openDevice()');
  }

  empty<const D extends TensorDType, const S extends readonly number[]>(
    dtype: D,
    shape: S,
    options: AllocationOptions = {},
  ): Tensor<D, S> {
    return Tensor.allocate(this, dtype, shape, options);
  }

  allocate(dtype: TensorDType, elements: number): WebGpuStorage {
    this.#live();
    const bytes = elements * bytesOf(dtype);
    if (bytes > this.limits.maxBufferBytes)
      throw runtimeError('LAC0614', `${bytes} bytes; ${this.name} allocates at most ${this.limits.maxBufferBytes}`);
    return new WebGpuStorage(this, dtype, elements);
  }

  acquire(bytes: number): GPUBuffer {
    return this.#pool.acquire(bytes, 'storage');
  }

  release(buffer: GPUBuffer): void {
    if (this.#state === 'open') this.#pool.release(buffer, 'storage');
  }

  /** All bytes to 0. */
  clear(buffer: GPUBuffer): void {
    this.#live();
    const encoder = this.gpu.createCommandEncoder();
    encoder.clearBuffer(buffer);
    this.gpu.queue.submit([encoder.finish()]);
  }

  /** A 32-bit word again and again. Position and length in bytes are multiples of 4. */
  repeat(buffer: GPUBuffer, begin: number, bytes: number, word: number): void {
    this.#live();
    this.#patterns.write(buffer, begin, bytes, word);
  }

  write(buffer: GPUBuffer, byteOffset: number, data: Raw): void {
    this.#live();
    this.gpu.queue.writeBuffer(buffer, byteOffset, data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
  }

  /** Position and length are multiples of 4. Throws what went wrong before, as `synchronize` does. */
  async readBytes(buffer: GPUBuffer, begin: number, length: number): Promise<ArrayBuffer> {
    this.#live();
    const errors = this.#errors.collect();
    const out = new Uint8Array(length);
    for (let at = 0; at < length; at += READ_CHUNK)
      out.set(await this.#readChunk(buffer, begin + at, Math.min(READ_CHUNK, length - at)), at);
    const error = await errors;
    if (error) throw error;
    return out.buffer;
  }

  async #readChunk(buffer: GPUBuffer, begin: number, length: number): Promise<Uint8Array> {
    this.#live();
    const staging = this.#pool.acquire(length, 'staging');
    const encoder = this.gpu.createCommandEncoder();
    encoder.copyBufferToBuffer(buffer, begin, staging, 0, length);
    this.gpu.queue.submit([encoder.finish()]);
    await this.guard(patiently(() => staging.mapAsync(MAP_READ, 0, length)));
    const bytes = new Uint8Array(staging.getMappedRange(0, length).slice(0));
    staging.unmap();
    this.#pool.release(staging, 'staging');
    return bytes;
  }

  async prepare(variant: AnyVariant): Promise<void> {
    this.#live();
    await this.guard(this.#pipelines.get(webgpuVariant(variant)));
  }

  async launch(plan: LaunchPlan): Promise<void> {
    const dispatch = await this.dispatchOf(plan);
    if (!dispatch) return;
    const encoder = this.gpu.createCommandEncoder();
    encodeDispatches(encoder, [dispatch]);
    this.gpu.queue.submit([encoder.finish()]);
  }

  /** Programs first, then everything at once, in passes of few enough launches for the ring of parameter blocks. */
  async launchAll({ launches }: LaunchSequence): Promise<void> {
    this.#live();
    const waiting = launches.filter((plan) => plan.programs > 0);
    const pipelines: Pipeline[] = [];
    for (const { variant } of waiting) pipelines.push(await this.guard(this.#pipelines.get(webgpuVariant(variant))));
    this.#live();
    for (let first = 0; first < waiting.length; first += LAUNCHES_OF_PASS) {
      const some = waiting.slice(first, first + LAUNCHES_OF_PASS);
      const encoder = this.gpu.createCommandEncoder();
      encodeDispatches(
        encoder,
        some.map((plan, i) => this.#dispatch(plan, pipelines[first + i] as Pipeline)),
      );
      this.gpu.queue.submit([encoder.finish()]);
    }
  }

  /** Compiles, writes the parameter block and binds; null when the grid is empty. Tensors are looked at again: they may have been freed since. */
  async dispatchOf(plan: LaunchPlan): Promise<Dispatch | null> {
    this.#live();
    const variant = webgpuVariant(plan.variant);
    if (plan.programs === 0) return null;
    const pipeline = await this.guard(this.#pipelines.get(variant));
    this.#live();
    return this.#dispatch(plan, pipeline);
  }

  #dispatch(plan: LaunchPlan, { pipeline, layout }: Pipeline): Dispatch {
    const variant = webgpuVariant(plan.variant);
    const entries = variant.bindings.map((b) => ({ binding: b.index, resource: bindingOf(plan, b.arg) }));
    entries.push({ binding: variant.paramsBinding, resource: this.#params.write(plan.words) });
    const bindGroup = this.gpu.createBindGroup({ layout, entries });
    const groups = [Math.min(plan.programs, GRID_WIDTH), Math.ceil(plan.programs / GRID_WIDTH)] as const;
    return { pipeline, bindGroup, groups };
  }

  async synchronize(): Promise<void> {
    this.#live();
    const errors = this.#errors.collect();
    await this.guard(patiently(() => this.gpu.queue.onSubmittedWorkDone()));
    const error = await errors;
    if (error) throw error;
  }

  time(plan: TimedPlans, options: TimeOptions = {}): Promise<Timing> {
    this.#live();
    return timePlans(this, sequencesOf(plan), options);
  }

  destroy(): void {
    if (this.#state === 'destroyed') return;
    this.#state = 'destroyed';
    this.gpu.destroy();
  }

  /** Waits; what fails because the device went away is told as that. */
  async guard<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (e) {
      await new Promise((resolve) => setImmediate(resolve));
      this.#live();
      if (e instanceof LacError || e instanceof Bug) throw e;
      throw runtimeError('LAC0708', messageOf(e));
    }
  }
}

/** Dispatches of one pass run in order, and each sees what the earlier ones stored (WebGPU 16.1.2). */
export function encodeDispatches(
  encoder: GPUCommandEncoder,
  dispatches: readonly Dispatch[],
  timestampWrites?: GPUComputePassTimestampWrites,
): void {
  const pass = encoder.beginComputePass(timestampWrites ? { timestampWrites } : {});
  for (const d of dispatches) {
    pass.setPipeline(d.pipeline);
    pass.setBindGroup(0, d.bindGroup);
    pass.dispatchWorkgroups(...d.groups);
  }
  pass.end();
}

function webgpuVariant(variant: AnyVariant): WgslVariant {
  if (variant.target !== 'webgpu') throw new Bug(`a variant for ${variant.target} on a WebGPU device`);
  return variant;
}

/** The whole allocation: `offset` among the parameters finds element 0 in it. */
function bindingOf(plan: LaunchPlan, arg: string): GPUBufferBinding {
  const storage = plan.tensors[arg]?.storage;
  if (!(storage instanceof WebGpuStorage)) throw new Bug(`binding ${arg} of ${plan.kernel} has no tensor`);
  if (storage.buffer === null) throw runtimeError('LAC0609', `${plan.kernel}: ${arg} was freed after it was bound`);
  return { buffer: storage.buffer, offset: 0, size: storage.bytes };
}

function limitsOf(limits: GPUSupportedLimits): DeviceLimits {
  return {
    maxWorkgroupBytes: limits.maxComputeWorkgroupStorageSize,
    maxInvocations: Math.min(limits.maxComputeInvocationsPerWorkgroup, limits.maxComputeWorkgroupSizeX),
    maxStorageBindings: limits.maxStorageBuffersPerShaderStage,
    maxBindingBytes: Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize),
    maxBufferBytes: limits.maxBufferSize,
    maxGridAxis: Math.min(limits.maxComputeWorkgroupsPerDimension, GRID_WIDTH),
  };
}

const infoOf = (info: GPUAdapterInfo): DeviceInfo => ({
  kind: info.isFallbackAdapter ? 'software' : 'gpu',
  vendor: info.vendor,
  architecture: info.architecture,
  driver: info.description,
  subgroup: [info.subgroupMinSize, info.subgroupMaxSize],
});

/** "vendor device"; where a driver leaves the device out, its description or architecture serves. */
function nameOf(info: GPUAdapterInfo): string {
  if (info.architecture === 'swiftshader') return 'SwiftShader (CPU)';
  const device = info.device.replace(/-+$/, '') || info.architecture;
  return [info.vendor, device].filter((s) => s !== '').join(' ') || 'GPU';
}
