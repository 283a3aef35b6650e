/**
 * The package `lac`: the language for authors of kernels, and the runtime that launches them. Importing it installs the
 * host, so that a kernel can be called: `await lightningFwd(device, { q, k, v, slope, o })`.
 */
import { installHost } from './driver/host.js';
import type { DType } from './dsl/index.js';
import type { Device, Tensor, TensorDType } from './runtime/index.js';

export {
  type AttentionInputs,
  type BackwardArgs,
  type BackwardResult,
  type FloatDType,
  type ForwardArgs,
  type ForwardResult,
  type Layout,
  type LightningAttention,
  lightningAttention,
  type Placement,
  type StepArgs,
  type Wanted,
} from './attention/index.js';
export { CODES, type Code } from './compiler/diag/codes.js';
export { Bug, type Diagnostic, LacError } from './compiler/diag/diagnostic.js';
export type { InputContext, Reference, ReferenceContext, Tolerance } from './driver/reference.js';
export * from './dsl/index.js';
export {
  ArtifactKernel,
  ArtifactPlan,
  type Device,
  type DeviceInfo,
  type DeviceLimits,
  loadManifest,
  openDevice,
  type Tensor,
  type TensorDType,
} from './runtime/index.js';

installHost(async () => (await import('./tuner/from-host.js')).tuneFromHost);

/** An uninitialised tensor, row-major without gaps; shape in elements. Throws LacError LAC0620, LAC0706. */
export function empty<D extends TensorDType, const S extends readonly number[]>(
  device: Device,
  dtype: DType<D>,
  shape: S,
): Tensor<D, S> {
  return device.empty<D, S>(dtype.name, shape);
}
