import { bytesOf } from '../../compiler/ir/types.js';
import type { Config } from '../../driver/configurations.js';
import { type Prepared, prepare } from '../../driver/prepare.js';
import type { Dims } from '../../driver/reference.js';
import type { KernelDecl, PlanDecl } from '../../driver/source.js';
import { type PlacedTensors, placeTensors } from '../../driver/tensors.js';
import type { Device } from '../../runtime/device.js';
import { inputsAt, type Subject, scalarsAt } from './subject.js';

/** Tensors of a problem at one choice of sizes: inputs among NaN, outputs NaN between guard bands, in one set or several. */
export class Arena {
  readonly dims: Dims;
  readonly #device: Device;
  readonly #subject: Subject;
  readonly #wanted: (bytesOfSet: number) => number;
  #sets: PlacedTensors[] = [];

  constructor(device: Device, subject: Subject, dims: Dims, wanted: (bytesOfSet: number) => number = () => 1) {
    this.#device = device;
    this.#subject = subject;
    this.dims = dims;
    this.#wanted = wanted;
  }

  /** Allocates what is not there yet. */
  sets(): readonly PlacedTensors[] {
    if (this.#sets.length > 0) return this.#sets;
    const { decl, dtypes, windows } = this.#subject;
    const inputs = inputsAt(this.#subject, this.dims);
    const place = (): PlacedTensors => placeTensors(this.#device, decl.args, dtypes, this.dims, inputs, { windows });
    try {
      this.#sets.push(place());
      const wanted = this.#wanted(this.#bytes());
      while (this.#sets.length < wanted) this.#sets.push(place());
    } catch (error) {
      this.forget();
      throw error;
    }
    return this.#sets;
  }

  /** The set that outputs are looked at in. */
  first(): PlacedTensors {
    return this.sets()[0] as PlacedTensors;
  }

  #bytes(): number {
    const tensors = Object.values(this.#sets[0]?.tensors ?? {});
    return tensors.reduce((n, t) => n + t.size * bytesOf(t.dtype), 0);
  }

  /** Gives the memory back: a program that was wrong may have written anywhere. */
  forget(): void {
    for (const set of this.#sets) set.free();
    this.#sets = [];
  }

  /** Compiles what is not compiled yet, and binds it to a set. `steps`: of a plan, as `Prepared` has them. */
  bind(decl: KernelDecl | PlanDecl, config: Config, { tensors }: PlacedTensors, steps?: Prepared['steps']): Prepared {
    const scalars = scalarsAt(this.#subject, this.dims);
    const how = steps === undefined ? {} : { steps };
    return prepare({ decl, device: this.#device, tensors, scalars, config, how });
  }
}
