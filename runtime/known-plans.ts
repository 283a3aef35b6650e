import type { PlanSpec } from '../compiler/artifact.js';
import { ArgumentNames, ArgumentPattern, type TensorArgs } from './argument-pattern.js';
import type { LaunchArgs } from './arguments.js';
import type { Device } from './device.js';
import type { BoundPlan } from './plan.js';
import type { Tensor } from './tensor.js';

/** Shapes of arguments that are remembered for a device; the least recently used goes first. */
const MAX_KEPT = 64;

interface Known {
  readonly pattern: ArgumentPattern;
  readonly plan: BoundPlan;
}

/** Calls of a plan that were bound before: another one with tensors like theirs is bound by comparing them. */
export class KnownPlans {
  readonly #names: ArgumentNames;
  /** Most recently used first. */
  readonly #bound = new WeakMap<Device, Known[]>();

  constructor(spec: Pick<PlanSpec, 'args'>) {
    this.#names = new ArgumentNames(spec);
  }

  /** Launches the plan, bound by `bind` where the arguments are not known. */
  async launch(device: Device, args: LaunchArgs, bind: () => BoundPlan): Promise<void> {
    await launchPlan(this.known(device, args) ?? this.keep(device, args, bind()), args);
  }

  /** Remembers a plan for such arguments. */
  keep(device: Device, args: LaunchArgs, plan: BoundPlan): BoundPlan {
    const tensors = this.#names.tensorsIn(device, args);
    if (tensors === null) return plan;
    const list = (this.#bound.get(device) ?? []).filter((known) => !known.pattern.fits(tensors));
    list.unshift({ pattern: new ArgumentPattern(tensors), plan });
    if (list.length > MAX_KEPT) list.pop();
    this.#bound.set(device, list);
    return plan;
  }

  /** Null where the arguments were not met before, or something is wrong with them. */
  known(device: Device, args: LaunchArgs): BoundPlan | null {
    const list = this.#bound.get(device);
    const tensors: TensorArgs | null = list === undefined ? null : this.#names.tensorsIn(device, args);
    if (list === undefined || tensors === null) return null;
    const at = list.findIndex((known) => known.pattern.fits(tensors));
    const found = list[at];
    if (found === undefined || !this.#names.sameScalars(args, found.plan.scalars)) return null;
    if (at > 0) list.unshift(...list.splice(at, 1));
    return found.plan;
  }
}

export const launchPlan = (plan: BoundPlan, args: LaunchArgs): Promise<void> =>
  plan.launch(args as Readonly<Record<string, Tensor | null>>);
