/**
 * Launches that were bound before. A loop launches the same kernel thousands of times with tensors that differ in nothing
 * but where they lie: all that `bindLaunch` finds then follows from a comparison, which takes a microsecond.
 */
import { ArgumentNames, ArgumentPattern, type TensorArgs } from './argument-pattern.js';
import type { LaunchArgs, LaunchSpec } from './arguments.js';
import type { Device } from './device.js';
import { bindLaunch, type LaunchPlan } from './launch.js';
import type { Tensor } from './tensor.js';

/** Shapes of arguments that are remembered for a device; the least recently used goes first. */
const MAX_KEPT = 64;

export class KnownLaunches {
  readonly #spec: LaunchSpec;
  readonly #names: ArgumentNames;
  /** Most recently used first. */
  readonly #bound = new WeakMap<Device, BoundLaunch[]>();

  constructor(spec: LaunchSpec) {
    this.#spec = spec;
    this.#names = new ArgumentNames(spec);
  }

  /** The plan for these arguments, by `bind` where they are not known. */
  plan(device: Device, args: LaunchArgs, bind: () => LaunchPlan): LaunchPlan {
    return this.known(device, args) ?? this.keep(bind(), args);
  }

  /** Remembers a plan. Arguments that the variant never touches are compared too: they are checked like the others. */
  keep(plan: LaunchPlan, args: LaunchArgs): LaunchPlan {
    const tensors = this.#names.tensorsIn(plan.device, args);
    if (tensors === null) return plan;
    const list = this.#bound.get(plan.device) ?? [];
    this.#bound.set(plan.device, list);
    list.unshift(new BoundLaunch(plan, this.#names, tensors));
    if (list.length > MAX_KEPT) list.pop();
    return plan;
  }

  /** Null where the arguments were not met before, or something is wrong with them. */
  known(device: Device, args: LaunchArgs): LaunchPlan | null {
    const list = this.#bound.get(device);
    const tensors = list === undefined ? null : this.#names.tensorsIn(device, args);
    if (list === undefined || tensors === null) return null;
    const at = list.findIndex((b) => b.pattern.fits(tensors));
    const found = list[at];
    if (found === undefined) return null;
    if (at > 0) list.unshift(...list.splice(at, 1));
    if (this.#names.sameScalars(args, found.plan.scalars)) return found.with(tensors);
    const plan = bindLaunch(device, this.#spec, found.plan.variant, { ...args, ...found.with(tensors).tensors });
    list[0] = new BoundLaunch(plan, this.#names, tensors);
    return plan;
  }
}

/** A plan without its tensors, so that their memory can go. */
class BoundLaunch {
  readonly plan: Omit<LaunchPlan, 'tensors'>;
  readonly pattern: ArgumentPattern;
  /** All tensor arguments. */
  readonly #names: readonly string[];
  /** Whether the plan has a tensor for each. */
  readonly #touched: readonly boolean[];

  constructor({ tensors, ...plan }: LaunchPlan, names: ArgumentNames, all: TensorArgs) {
    this.plan = plan;
    this.pattern = new ArgumentPattern(all);
    this.#names = names.tensors;
    this.#touched = names.tensors.map((name) => tensors[name] !== null);
  }

  with(all: TensorArgs): LaunchPlan {
    const { device, kernel, variant, scalars, dims, grid, programs, words, paramBytes } = this.plan;
    const tensors: Record<string, Tensor | null> = {};
    for (let i = 0; i < all.length; i++) tensors[this.#names[i] as string] = this.#touched[i] ? (all[i] ?? null) : null;
    return { device, kernel, variant, tensors, scalars, dims, grid, programs, words, paramBytes };
  }
}
