import type { PlanManifest } from '../compiler/artifact.js';
import type { LaunchArgs } from './arguments.js';
import { ArtifactKernel } from './artifact-kernel.js';
import type { Device } from './device.js';
import { runtimeError } from './errors.js';
import { KnownPlans } from './known-plans.js';
import { readManifest } from './manifest.js';
import { type BoundPlan, bindPlan } from './plan.js';

/**
 * A kernel or plan that `lac compile` made, ready to be launched; no compiler is needed, nor the source.
 *
 *     const lightning = loadManifest('artifacts/lightningFwd.json');
 *     await lightning.launch(device, { q, k, v, slope, o });
 *
 * Throws LacError LAC0625 where the manifest or a program beside it cannot be read.
 */
export function loadManifest(path: string): ArtifactKernel | ArtifactPlan {
  const manifest = readManifest(path);
  return 'steps' in manifest ? new ArtifactPlan(manifest) : new ArtifactKernel(manifest);
}

/** A plan that `lac compile` made, with the programs of its kernels. */
export class ArtifactPlan {
  readonly manifest: PlanManifest;
  readonly #kernels: ReadonlyMap<string, ArtifactKernel>;
  readonly #known: KnownPlans;

  constructor(manifest: PlanManifest) {
    this.manifest = manifest;
    this.#kernels = new Map(Object.entries(manifest.kernels).map(([key, kernel]) => [key, new ArtifactKernel(kernel)]));
    this.#known = new KnownPlans(manifest);
  }

  /** Checks the arguments and all steps, then launches those that the sizes need. Errors as `bind`. */
  async launch(device: Device, args: LaunchArgs): Promise<void> {
    await this.#known.launch(device, args, () => this.bind(device, args));
  }

  /** Throws LacError LAC0601 to LAC0623 for what is wrong with the arguments, LAC0624 where no program fits a step. */
  bind(device: Device, args: LaunchArgs): BoundPlan {
    return bindPlan(device, this.manifest, args, ({ kernel }, stepArgs) => {
      const found = this.#kernels.get(kernel);
      if (found !== undefined) return found.bind(device, stepArgs);
      throw runtimeError('LAC0625', `${this.manifest.kernel} has no kernel ${kernel}`);
    });
  }
}
