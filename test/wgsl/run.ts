import { emitWgsl } from '../../backends/wgsl/emit.js';
import type { WgslLimits } from '../../backends/wgsl/target.js';
import { type Device, openDevice } from '../../runtime/index.js';
import { runBoth as differential, type Outcome, type RunSpec } from '../ir/differential.js';

export { type Outcome, worst } from '../ir/differential.js';

let device: Promise<Device> | null = null;
/** One software device for a test file. */
export const software = (): Promise<Device> => {
  device ??= openDevice('webgpu:software');
  return device;
};

export const ROOMY: WgslLimits = { workgroupBytes: 32768, invocations: 256, storageBuffers: 8, bindingBytes: 2 ** 27 };

/** Runs one kernel in the interpreter (as built) and on WebGPU (after the pipeline), on the same inputs. */
export const runBoth = (spec: RunSpec & { readonly limits?: WgslLimits; readonly slabs?: boolean }): Promise<Outcome> =>
  differential(spec, {
    device: software,
    context: { target: 'webgpu', maxStorageElements: 2 ** 30 },
    compile: (kernel, facts) => ({
      target: 'webgpu',
      ...emitWgsl(kernel, { limits: spec.limits ?? ROOMY, facts, slabs: spec.slabs ?? false }),
    }),
  });
