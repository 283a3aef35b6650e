import { WGSL_PIPELINE } from '../backends/wgsl/pipeline.js';
import { TIER1, type WgslLimits } from '../backends/wgsl/target.js';
import type { ArgFacts } from '../compiler/artifact.js';
import { diagnostic, LacError } from '../compiler/diag/diagnostic.js';
import type { Pass } from '../compiler/passes/pass.js';
import { PIPELINE } from '../compiler/passes/pipeline.js';
import type { Backend, DeviceLimits } from '../runtime/device.js';

/** What to compile for: a WebGPU device by its limits, or the interpreter, which takes the IR as it comes from the source. */
export type Target = { readonly kind: 'webgpu'; readonly limits: WgslLimits } | { readonly kind: 'interpret' };

/** Elements that offsets can tell apart: the runtime refuses tensors that reach further. */
const MAX_ELEMENTS = 2 ** 31;
const LEAST_ELEMENT_BYTES = 2;

/** Every WebGPU device: the limits that the standard guarantees. */
export const ANY_WEBGPU: Target = { kind: 'webgpu', limits: TIER1 };

/** What `lac compile` assumes where no device is at hand: desktop GPUs and the software drivers all allow it. */
export const COMMON_WEBGPU: Target = { kind: 'webgpu', limits: { ...TIER1, workgroupBytes: 32768 } };

export function targetOf(device: { readonly backend: Backend; readonly limits: DeviceLimits }): Target {
  const { backend } = device;
  if (backend === 'interpret') return { kind: 'interpret' };
  if (backend !== 'webgpu') throw new LacError(diagnostic('LAC0909', `kernels do not compile to ${backend} yet`));
  const { maxWorkgroupBytes, maxInvocations, maxStorageBindings, maxBindingBytes } = device.limits;
  return {
    kind: 'webgpu',
    limits: {
      workgroupBytes: maxWorkgroupBytes,
      invocations: maxInvocations,
      storageBuffers: maxStorageBindings,
      bindingBytes: maxBindingBytes,
    },
  };
}

/** All passes on the way to the target, in order. A backend may leave out one of its own where memory is short. */
export const passesOf = (target: Target): readonly Pass[] =>
  target.kind === 'webgpu' ? [...PIPELINE, ...WGSL_PIPELINE] : PIPELINE;

export const maxInvocations = (target: Target): number =>
  target.kind === 'webgpu' ? target.limits.invocations : Number.POSITIVE_INFINITY;

export const maxStorageElements = (target: Target): number =>
  target.kind === 'webgpu'
    ? Math.min(MAX_ELEMENTS, Math.floor(target.limits.bindingBytes / LEAST_ELEMENT_BYTES))
    : MAX_ELEMENTS;

/** Nothing is assumed: right for every tensor. */
export const GENERIC: ArgFacts = { contiguous: false, align: 1 };
/** Rows of a multiple of 4 elements without gaps, that begin at such multiples: what tensors of even sizes are. */
export const ALIGNED: ArgFacts = { contiguous: true, align: 4 };
