import type { DType } from '../compiler/ir/types.js';
import { isTensorSpec, type LaunchArgs, type LaunchSpec } from './arguments.js';
import type { Device } from './device.js';
import { Tensor } from './tensor.js';

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
export type TensorArgs = readonly (Tensor | null)[];

/** Names of the arguments of a declaration, and how the tensors of a call are taken out of it. */
export class ArgumentNames {
  readonly tensors: readonly string[];
  readonly scalars: readonly string[];
  readonly #optional: ReadonlySet<string>;

  constructor({ args }: Pick<LaunchSpec, 'args'>) {
    this.#optional = new Set(args.flatMap((a) => (isTensorSpec(a) && a.optional ? [a.name] : [])));
    this.tensors = args.filter(isTensorSpec).map((a) => a.name);
    this.scalars = args.filter((a) => !isTensorSpec(a)).map((a) => a.name);
  }

  /** The tensors among the arguments; null unless they are the declared ones, on the device, and none was freed. */
  tensorsIn(device: Device, args: LaunchArgs): TensorArgs | null {
    const tensors: (Tensor | null)[] = [];
    let left = 0;
    for (const name of this.tensors) {
      const value = args[name];
      if (value === undefined && this.#optional.has(name)) {
        if (!Object.hasOwn(args, name)) left++;
        tensors.push(null);
        continue;
      }
      if (value !== null && !(value instanceof Tensor && value.device === device && !value.freed)) return null;
      tensors.push(value);
    }
    return Object.keys(args).length + left === this.tensors.length + this.scalars.length ? tensors : null;
  }

  /** Whether the scalars of a call are these. */
  sameScalars(args: LaunchArgs, known: Readonly<Record<string, number>>): boolean {
    return this.scalars.every((name) => Object.is(args[name], known[name]));
  }
}

/** What tensors of a call are like, but for where they lie. It holds none of them, so that their memory can go. */
export class ArgumentPattern {
  readonly #geometries: readonly (Geometry | null)[];
  readonly #neighbours: readonly number[];

  constructor(tensors: TensorArgs) {
    this.#geometries = tensors.map(geometryOf);
    this.#neighbours = tensors.map((_, i) => neighbourOf(tensors, i));
  }

  /** Whether what was found for the pattern holds for these tensors: overlaps follow from the offsets and from who lies in one allocation. */
  fits(tensors: TensorArgs): boolean {
    for (let i = 0; i < tensors.length; i++)
      if (!isLike(tensors[i] ?? null, this.#geometries[i] ?? null) || neighbourOf(tensors, i) !== this.#neighbours[i])
        return false;
    return true;
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
