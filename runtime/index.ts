/** The runtime: devices, tensors on them, and launches of compiled kernels. */
export {
  type LaunchArgs,
  type LaunchSpec,
  readArguments,
  type Signature,
} from './arguments.js';
export { ArtifactKernel } from './artifact-kernel.js';
export { ArtifactPlan, loadManifest } from './artifact-plan.js';
export { decode, encode, type Raw, rawOf, roundValue, type TensorDType } from './codec.js';
export type { CudaDevice } from './cuda/device.js';
export type {
  AnyVariant,
  Backend,
  Device,
  DeviceInfo,
  DeviceLimits,
  KernelAttributes,
  TimeOptions,
  Timing,
} from './device.js';
export { factsHold, factsOf } from './facts.js';
export type { GuardDamage } from './guards.js';
export type { InterpretVariant } from './interpret/variant.js';
export { type DeviceEntry, type DeviceList, type DoctorFact, doctorFacts, listDevices } from './inventory.js';
export { KnownLaunches } from './known-launches.js';
export { KnownPlans, launchPlan } from './known-plans.js';
export { bindLaunch, GRID_WIDTH, type LaunchPlan, type LaunchSequence } from './launch.js';
export { type LaunchLimit, limitLaunches } from './launch-limit.js';
export { type OpenOptions, openDevice, openedAs } from './open.js';
export { type BoundPlan, bindPlan, type HeldPlan } from './plan.js';
export type { AllocationOptions, HostData } from './tensor.js';
export { Tensor } from './tensor.js';
