import type { Device, LaunchArgs, Tensor, TensorDType } from '../runtime/index.js';
import { asKernels, type Declarations, dimsOf, exclusive, type Order, readTensors, refuse } from './arguments.js';

/** A call of the operator whose arguments are checked: its sizes, and its tensors as the caller gave them. */
export class Call {
  readonly what: string;
  readonly device: Device;
  readonly order: Order;
  readonly dims: Readonly<Record<string, number>>;
  readonly tensors: Readonly<Record<string, Tensor | null>>;
  readonly #declared: Declarations;
  readonly #dtype: TensorDType;
  readonly #made: Tensor[] = [];

  /** Throws LacError LAC0601 to LAC0605, LAC0609, LAC0610, LAC0623, LAC0626. */
  constructor(what: string, device: Device, order: Order, declared: Declarations, args: LaunchArgs) {
    exclusive(what, args, ['slope', 'g'], 'a decay is one number a head, or one a token and head');
    const { dims, tensors, dtypes } = readTensors(what, device, order, declared, args);
    this.what = what;
    this.device = device;
    this.order = order;
    this.#declared = declared;
    this.#dtype = (dtypes.T ?? 'f32') as TensorDType;
    this.dims = order === 'packed' ? { ...dims, S: sequencesOf(what, dims) } : dims;
    this.tensors = tensors;
  }

  has(name: string): boolean {
    return this.tensors[name] !== undefined && this.tensors[name] !== null;
  }

  /** The tensor that was given, or a new one, in the caller's order of axes. */
  output(name: string): Tensor {
    const given = this.tensors[name];
    if (given !== undefined && given !== null) return given;
    const { dtype, axes } = this.#declared[name] as Declarations[string];
    const shape = dimsOf(axes, this.order).map((dim) => this.dims[dim] ?? 0);
    const made = this.device.empty(dtype === 'T' ? this.#dtype : dtype, shape);
    this.#made.push(made);
    return made;
  }

  /** Arguments as the kernels take them, the outputs among them: axes in their order, null for what is absent. */
  passing(names: readonly string[], outputs: Readonly<Record<string, Tensor | null>>): LaunchArgs {
    const as = (name: string): Tensor | null => {
      const { axes } = this.#declared[name] as Declarations[string];
      const tensor = outputs[name] ?? this.tensors[name] ?? null;
      return tensor === null ? null : asKernels(tensor, axes, this.order);
    };
    return Object.fromEntries(names.map((name) => [name, as(name)]));
  }

  /** Gives new outputs back where the work fails. */
  async run(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      for (const tensor of this.#made) tensor.free();
      throw error;
    }
  }
}

/** Packed sequences are one fewer than their offsets. */
function sequencesOf(what: string, { S1 = 0, S = S1 - 1 }: Readonly<Record<string, number>>): number {
  if (S !== S1 - 1 || S < 0)
    refuse(
      'LAC0605',
      what,
      `offset has ${S1} entries, the states are of ${S} sequences`,
      'offset is [S + 1], h0 [S, H, D, E]',
    );
  return S;
}

/** Options of the kernels that say where the decay comes from: from `slope` where none of them is true. */
export const decayOptions = (call: Call): { readonly tokenDecay: boolean; readonly noDecay: boolean } => ({
  tokenDecay: call.has('g'),
  noDecay: !call.has('g') && !call.has('slope'),
});
