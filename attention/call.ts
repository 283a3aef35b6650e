import type { Device, LaunchArgs, Tensor } from '../runtime/index.js';
import { asKernels, type Declarations, dimsOf, type Order } from './arguments.js';
import type { Operator, Reading } from './operator.js';

/** A call of the operator whose arguments are checked: its sizes, and its tensors as the caller gave them. */
export class Call {
  readonly device: Device;
  readonly order: Order;
  readonly dims: Readonly<Record<string, number>>;
  readonly #declared: Declarations;
  readonly #reading: Reading;
  readonly #made: Tensor[] = [];

  /** Throws as `Operator.read` does. */
  constructor(operator: Operator, device: Device, order: Order, args: LaunchArgs) {
    this.#reading = operator.read(device, order, args);
    this.#declared = operator.declared;
    this.device = device;
    this.order = order;
    this.dims = this.#reading.dims;
  }

  has(name: string): boolean {
    return (this.#reading.tensors[name] ?? null) !== null;
  }

  /** The tensor that was given, or a new one, in the caller's order of axes. */
  output(name: string): Tensor {
    const given = this.#reading.tensors[name] ?? null;
    if (given !== null) return given;
    const { dtype, axes } = this.#declared[name] as Declarations[string];
    const shape = dimsOf(axes, this.order).map((dim) => this.dims[dim] ?? 0);
    try {
      const made = this.device.empty(dtype === 'T' ? this.#reading.dtype : dtype, shape);
      this.#made.push(made);
      return made;
    } catch (error) {
      this.#free();
      throw error;
    }
  }

  /** Arguments as the kernels take them, the outputs among them: axes in their order, null for what is absent. */
  passing(names: readonly string[], outputs: Readonly<Record<string, Tensor | null>>): LaunchArgs {
    const all: Record<string, Tensor | null> = {};
    for (const name of names) {
      const { axes } = this.#declared[name] as Declarations[string];
      const tensor = outputs[name] ?? this.#reading.tensors[name] ?? null;
      all[name] = tensor === null ? null : asKernels(tensor, axes, this.order);
    }
    return all;
  }

  /** Gives new outputs back where the work fails. */
  async run(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#free();
      throw error;
    }
  }

  #free(): void {
    for (const tensor of this.#made) tensor.free();
  }
}

/** Options of the kernels that say where the decay comes from: from `slope` where none of them is true. */
export const decayOptions = (call: Call): { readonly tokenDecay: boolean; readonly noDecay: boolean } => ({
  tokenDecay: call.has('g'),
  noDecay: !call.has('g') && !call.has('slope'),
});
