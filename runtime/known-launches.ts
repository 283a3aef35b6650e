/**
 * Launches that were bound before. A loop launches the same kernel thousands of times with tensors that differ in nothing
 * but where they lie: all that `bindLaunch` finds then follows from a comparison, which takes a microsecond.
 */
import type { DType } from '../compiler/ir/types.js';
import { isTensorSpec, type LaunchArgs, type LaunchSpec } from './arguments.js';
import type { Device } from './device.js';
import { bindLaunch, type LaunchPlan } from './launch.js';
import { Tensor } from './tensor.js';

/** Shapes of arguments that are remembered for a device; the least recently used goes first. */
const MAX_KEPT = 64;

/** Everything about a tensor that a check before a launch looks at, but whether it was freed and with whom it shares memory. */
interface Geometry {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly offset: number;
  /** Of the whole allocation. */
  readonly elements: number;
}

/** In the order of the declaration. */
type TensorArgs = readonly (Tensor | null)[];

export class KnownLaunches {
  readonly #spec: LaunchSpec;
  readonly #tensorNames: readonly string[];
  readonly #scalarNames: readonly string[];
  /** Most recently used first. */
  readonly #bound = new WeakMap<Device, BoundLaunch[]>();

  constructor(spec: LaunchSpec) {
    this.#spec = spec;
    this.#tensorNames = spec.args.filter(isTensorSpec).map((a) => a.name);
    this.#scalarNames = spec.args.filter((a) => !isTensorSpec(a)).map((a) => a.name);
  }

  /** The plan for these arguments, by `bind` where they are not known. */
  plan(device: Device, args: LaunchArgs, bind: () => LaunchPlan): LaunchPlan {
    const known = this.#again(device, args);
    if (known !== null) return known;
    const plan = bind();
    this.#keep(plan, args);
    return plan;
  }

  /** Arguments that the variant never touches are compared too: they are checked like the others. */
  #keep(plan: LaunchPlan, args: LaunchArgs): void {
    const tensors = this.#tensorsIn(plan.device, args);
    if (tensors === null) return;
    const list = this.#bound.get(plan.device) ?? [];
    this.#bound.set(plan.device, list);
    list.unshift(new BoundLaunch(plan, this.#tensorNames, tensors));
    if (list.length > MAX_KEPT) list.pop();
  }

  /** Null where the arguments were not met before, or something is wrong with them. */
  #again(device: Device, args: LaunchArgs): LaunchPlan | null {
    const list = this.#bound.get(device);
    const tensors = list === undefined ? null : this.#tensorsIn(device, args);
    if (list === undefined || tensors === null) return null;
    const at = list.findIndex((b) => b.isFor(tensors));
    const found = list[at];
    if (found === undefined) return null;
    if (at > 0) list.unshift(...list.splice(at, 1));
    if (this.#scalarNames.every((name) => Object.is(args[name], found.plan.scalars[name]))) return found.with(tensors);
    const plan = bindLaunch(device, this.#spec, found.plan.variant, { ...args, ...found.with(tensors).tensors });
    list[0] = new BoundLaunch(plan, this.#tensorNames, tensors);
    return plan;
  }

  /** The tensors among the arguments; null unless they are the declared ones, on the device, and none was freed. */
  #tensorsIn(device: Device, args: LaunchArgs): TensorArgs | null {
    const tensors: (Tensor | null)[] = [];
    for (const name of this.#tensorNames) {
      const value = args[name];
      if (value !== null && !(value instanceof Tensor && value.device === device && !value.freed)) return null;
      tensors.push(value);
    }
    return Object.keys(args).length === this.#spec.args.length ? tensors : null;
  }
}

/** A plan without its tensors, so that their memory can go. */
class BoundLaunch {
  readonly plan: Omit<LaunchPlan, 'tensors'>;
  /** All tensor arguments. */
  readonly #names: readonly string[];
  /** Whether the plan has a tensor for each. */
  readonly #touched: readonly boolean[];
  readonly #geometries: readonly (Geometry | null)[];
  readonly #neighbours: readonly number[];

  constructor({ tensors, ...plan }: LaunchPlan, names: readonly string[], all: TensorArgs) {
    this.plan = plan;
    this.#names = names;
    this.#touched = names.map((name) => tensors[name] !== null);
    this.#geometries = all.map(geometryOf);
    this.#neighbours = all.map((_, i) => neighbourOf(all, i));
  }

  /** Whether the plan holds for these tensors: overlaps follow from the offsets and from who lies in one allocation. */
  isFor(tensors: TensorArgs): boolean {
    for (let i = 0; i < tensors.length; i++)
      if (!isLike(tensors[i] ?? null, this.#geometries[i] ?? null) || neighbourOf(tensors, i) !== this.#neighbours[i])
        return false;
    return true;
  }

  with(all: TensorArgs): LaunchPlan {
    const { device, kernel, variant, scalars, dims, grid, programs, words, paramBytes } = this.plan;
    const tensors: Record<string, Tensor | null> = {};
    for (let i = 0; i < all.length; i++) tensors[this.#names[i] as string] = this.#touched[i] ? (all[i] ?? null) : null;
    return { device, kernel, variant, tensors, scalars, dims, grid, programs, words, paramBytes };
  }
}

/** The first of the tensors that lies in the same allocation. */
function neighbourOf(all: TensorArgs, i: number): number {
  const storage = all[i]?.storage;
  for (let k = 0; k < i; k++) if (storage !== undefined && all[k]?.storage === storage) return k;
  return i;
}

function geometryOf(tensor: Tensor | null): Geometry | null {
  if (tensor === null) return null;
  const { dtype, shape, strides, offset, storage } = tensor;
  return { dtype, shape, strides, offset, elements: storage.elements };
}

function isLike(tensor: Tensor | null, geometry: Geometry | null): boolean {
  if (tensor === null || geometry === null) return tensor === geometry;
  const { dtype, shape, strides, offset, elements } = geometry;
  return (
    tensor.dtype === dtype &&
    tensor.offset === offset &&
    tensor.storage.elements === elements &&
    sameNumbers(tensor.shape, shape) &&
    sameNumbers(tensor.strides, strides)
  );
}

function sameNumbers(a: readonly number[], b: readonly number[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
