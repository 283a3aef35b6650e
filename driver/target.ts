import { ptxPipeline } from '../backends/ptx/pipeline.js';
import { type PtxTarget, THREADS_PER_BLOCK, targetFor } from '../backends/ptx/target.js';
import { WGSL_PIPELINE } from '../backends/wgsl/pipeline.js';
import { TIER1, type WgslLimits } from '../backends/wgsl/target.js';
import type { ArgFacts } from '../compiler/artifact.js';
import type { Pass } from '../compiler/passes/pass.js';
import { PIPELINE } from '../compiler/passes/pipeline.js';
import type { Device } from '../runtime/device.js';
import type { DeviceNames } from './configurations.js';

/**
 * What to compile for: a WebGPU device by its limits, an NVIDIA GPU by its generation, or the interpreter, which takes
 * the IR as it comes from the source.
 */
export type Target =
  | { readonly kind: 'webgpu'; readonly limits: WgslLimits; readonly processors?: number }
  | { readonly kind: 'cuda'; readonly target: PtxTarget; readonly processors?: number }
  | { readonly kind: 'interpret' };

/** Multiprocessors of a GPU that is not at hand, or does not tell. Many: a device in part idle costs more than short programs. */
const USUAL_PROCESSORS = 128;

/** What `prefer` of a kernel is told of the device. */
export function deviceNames(target: Target): DeviceNames {
  if (target.kind === 'interpret') return {};
  const { processors = USUAL_PROCESSORS } = target;
  const sharedBytes = target.kind === 'cuda' ? target.target.sharedBytesPerBlock : target.limits.workgroupBytes;
  return { processors, sharedBytes };
}

/** Elements that offsets can tell apart: the runtime refuses tensors that reach further. */
const MAX_ELEMENTS = 2 ** 31;
const LEAST_ELEMENT_BYTES = 2;

/** Every WebGPU device: the limits that the standard guarantees. */
export const ANY_WEBGPU: Target = { kind: 'webgpu', limits: TIER1 };

/** What `lac compile` assumes where no device is at hand: desktop GPUs and the software drivers all allow it. */
export const COMMON_WEBGPU: Target = { kind: 'webgpu', limits: { ...TIER1, workgroupBytes: 32768 } };

export function targetOf(device: Pick<Device, 'backend' | 'limits' | 'info'>): Target {
  const { backend, info } = device;
  if (backend === 'interpret') return { kind: 'interpret' };
  // The emulator stands for a GPU.
  const count = info.multiprocessors ?? (info.kind === 'gpu' || backend === 'emulate' ? undefined : 1);
  const processors = count === undefined ? {} : { processors: count };
  if (backend !== 'webgpu') {
    const sharedBytesPerBlock = device.limits.maxWorkgroupBytes;
    return { kind: 'cuda', target: { ...targetFor(info.sm ?? 0), sharedBytesPerBlock }, ...processors };
  }
  const { maxWorkgroupBytes, maxInvocations, maxStorageBindings, maxBindingBytes } = device.limits;
  return {
    kind: 'webgpu',
    ...processors,
    limits: {
      workgroupBytes: maxWorkgroupBytes,
      invocations: maxInvocations,
      storageBuffers: maxStorageBindings,
      bindingBytes: maxBindingBytes,
    },
  };
}

/**
 * The target that a person names: `webgpu`, or `sm_80`, `sm_90` ... for NVIDIA GPUs of that compute capability and later.
 * Null: there is none of that name. Throws LacError LAC0520 for GPUs that are too old.
 */
export function targetNamed(name: string): Target | null {
  if (name === 'webgpu' || name === 'wgsl') return COMMON_WEBGPU;
  const [, sm] = /^sm_(\d{2,3})a?$/.exec(name) ?? [];
  return sm === undefined ? null : { kind: 'cuda', target: targetFor(Number(sm)) };
}

/** All passes on the way to the target, in order. A backend may leave out one of its own where memory is short. */
export function passesOf(target: Target, facts: Readonly<Record<string, ArgFacts>> = {}): readonly Pass[] {
  if (target.kind === 'webgpu') return [...PIPELINE, ...WGSL_PIPELINE];
  return target.kind === 'cuda' ? [...PIPELINE, ...ptxPipeline({ target: target.target, facts })] : PIPELINE;
}

export function maxInvocations(target: Target): number {
  if (target.kind === 'webgpu') return target.limits.invocations;
  return target.kind === 'cuda' ? THREADS_PER_BLOCK : Number.POSITIVE_INFINITY;
}

/** Offsets on CUDA have 64 bits: this is far more than any memory, and every product with it is exact. */
const MAX_CUDA_ELEMENTS = 2 ** 44;

export function maxStorageElements(target: Target): number {
  if (target.kind === 'cuda') return MAX_CUDA_ELEMENTS;
  if (target.kind === 'interpret') return MAX_ELEMENTS;
  return Math.min(MAX_ELEMENTS, Math.floor(target.limits.bindingBytes / LEAST_ELEMENT_BYTES));
}

/** Nothing is assumed: right for every tensor. */
export const GENERIC: ArgFacts = { contiguous: false, align: 1 };
/** Rows of a multiple of 4 elements without gaps, that begin at such multiples: what tensors of even sizes are. */
const ALIGNED: ArgFacts = { contiguous: true, align: 4 };
/** Of 8 elements: 16 bytes of the narrowest dtype, what asynchronous copies move. */
const ALIGNED_16_BYTES: ArgFacts = { contiguous: true, align: 8 };

/** What tensors of even sizes fulfil, as the target makes use of it. */
export const alignedFacts = (target: Target): ArgFacts => (target.kind === 'cuda' ? ALIGNED_16_BYTES : ALIGNED);
