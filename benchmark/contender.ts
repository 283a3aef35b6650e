import { diagnostic, LacError } from '../compiler/diag/diagnostic.js';
import { walk } from '../compiler/ir/module.js';
import { bytesOf } from '../compiler/ir/types.js';
import { compare, toleranceFor } from '../driver/compare.js';
import { inputDtypes } from '../driver/compile.js';
import type { Config } from '../driver/configurations.js';
import { drawInputs, isTensorArg } from '../driver/inputs.js';
import { checkDeviceMemory, type Settled, settle } from '../driver/preflight.js';
import { type Prepared, prepare } from '../driver/prepare.js';
import { elementsOf, reducedDims } from '../driver/reduced-dims.js';
import type { Dims, OptionValue, Reference } from '../driver/reference.js';
import { runKernel } from '../driver/run.js';
import type { KernelDecl, PlanDecl } from '../driver/source.js';
import { type PlacedTensors, placeTensors } from '../driver/tensors.js';
import type { Device } from '../runtime/device.js';
import { setsWanted } from '../tuner/measure.js';
import type { Entry, Role } from './types.js';
import { neverWritten, windowsOf } from './windows.js';

/** A kernel that takes part, before it has sizes. */
export interface Candidate {
  readonly role: Exclude<Role, 'peer'>;
  readonly name: string;
  readonly decl: KernelDecl | PlanDecl;
  /** Sizes, inputs, and what is right. */
  readonly reference: Reference | null;
  /** Whether its results are compared with the reference. */
  readonly checked: boolean;
  readonly config: Config;
}

/** What is asked of every candidate at one point. */
export interface PointRequest {
  readonly dims: Dims;
  readonly dtypes: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, OptionValue>>;
  readonly seed: number;
  /** Elements of all arguments up to which results are compared at full sizes. */
  readonly affordable: number;
}

type Facts = Pick<Entry, 'config' | 'chosen' | 'rmse' | 'checkedAt'>;

/** A candidate at one point: compiled, on tensors of its own, and its results looked at. */
export class Contender {
  readonly candidate: Candidate;
  readonly settled: Settled;
  readonly #device: Device;
  readonly #sets: PlacedTensors[] = [];
  readonly #prepared: Prepared[] = [];
  /** Outputs whose terms cancel: two right results may differ by more than their size says. */
  readonly #cancelling = new Set<string>();
  #facts: Facts = {};
  #first: Readonly<Record<string, Float64Array>> = {};

  private constructor(candidate: Candidate, settled: Settled, device: Device) {
    this.candidate = candidate;
    this.settled = settled;
    this.#device = device;
  }

  /**
   * Compiles, compares with the reference, places as many sets of tensors as caches cannot hold, and launches once.
   * Throws LacError for what is refused, and `WrongResult` where a result is wrong.
   */
  static async open(candidate: Candidate, request: PointRequest, device: Device): Promise<Contender> {
    const settled = settle({ ...candidate, ...request, check: false, values: false });
    const made = new Contender(candidate, settled, device);
    try {
      made.#place(request.seed);
      await made.#check(request);
      await made.#launch();
    } catch (error) {
      made.free();
      throw error;
    }
    return made;
  }

  /** One sample each, on tensors of its own. */
  get sets(): readonly Prepared['launches']['launches'][] {
    return this.#prepared.map(({ launches }) => launches.launches);
  }

  get touched(): ReadonlySet<string> {
    return this.#prepared[0]?.touched ?? new Set();
  }

  /** Whether there are matrix products in it: what its arithmetic is measured against. */
  get hasProducts(): boolean {
    const programs = this.#prepared[0]?.programs() ?? [];
    return programs.some(({ body }) => [...walk(body)].some((op) => op.name === 'dot'));
  }

  get facts(): Facts {
    return this.#facts;
  }

  free(): void {
    for (const { launches } of this.#prepared.splice(0)) launches.free();
    for (const set of this.#sets.splice(0)) set.free();
  }

  #place(seed: number): void {
    const { decl, dims, dtypes, scalars } = this.settled;
    const device = this.#device;
    checkDeviceMemory(device, decl.args, dims, dtypes, false);
    const inputs = drawInputs(decl.args, dtypes, dims, this.candidate.reference ?? {}, seed);
    for (let wanted = 1; this.#sets.length < wanted; ) {
      const set = placeTensors(device, decl.args, dtypes, dims, inputs, {});
      this.#sets.push(set);
      const { config } = this.candidate;
      const one = prepare({ decl, device, tensors: set.tensors, scalars, config, how: {} });
      this.#prepared.push(one);
      wanted = setsWanted(device, bytesOfSet(set), 'cold');
      this.#facts = { config: one.config, chosen: one.chosen };
    }
  }

  /** The same program against the reference, at full sizes where that is affordable. */
  async #check(request: PointRequest): Promise<void> {
    const { decl, reference, checked } = this.candidate;
    if (reference === null || !checked) return;
    const { dims: full } = this.settled;
    const { affordable } = request;
    const dims = elementsOf(decl, full) <= affordable ? full : reducedDims(decl, full, reference, affordable);
    const { config = {} } = this.#facts;
    const watched: Reference = {
      ...reference,
      run: (context) => {
        const cancels = (output: string, size: number): void => {
          this.#cancelling.add(output);
          context.cancels?.(output, size);
        };
        return reference.run({ ...context, cancels });
      },
    };
    const { steps = new Map() } = this.#prepared[0] ?? {};
    const report = await runKernel({ ...request, decl, reference: watched, device: this.#device, dims, config, steps });
    const rmse = Math.max(0, ...report.outputs.map((o) => o.rmse));
    this.#facts = { ...this.#facts, checkedAt: report.dims, ...(Number.isFinite(rmse) ? { rmse } : {}) };
    const [damaged] = report.damaged;
    if (damaged !== undefined) throw new WrongResult(`it writes outside of ${damaged.output}`, this.#facts);
    const wrong = report.outputs.find((o) => !o.ok);
    if (wrong !== undefined) throw new WrongResult(`${wrong.output} differs from the reference`, this.#facts);
  }

  /** Every set once, so that what was poisoned is written; then the first is looked at. */
  async #launch(): Promise<void> {
    for (const { launches } of this.#prepared) {
      await this.#device.launchAll(launches);
      await this.#device.synchronize();
    }
    this.#first = await this.look();
  }

  /** Parts of the outputs of the first set. Throws `WrongResult` where they were never written, or what is beside them was. */
  async look(): Promise<Readonly<Record<string, Float64Array>>> {
    const seen: Record<string, Float64Array> = {};
    for (const { name } of this.#outputs()) {
      const tensor = this.#sets[0]?.tensors[name];
      if (tensor === undefined) continue;
      const values = await windowsOf(tensor);
      const missing = neverWritten(tensor, values);
      if (missing > 0)
        throw new WrongResult(
          `${missing} of ${values.length} elements of ${name} are not written, or NaN`,
          this.#facts,
        );
      if ((await tensor.checkGuards()) !== null) throw new WrongResult(`it writes outside of ${name}`, this.#facts);
      seen[name] = values;
    }
    return seen;
  }

  /** After timing: what every launch computes anew is still what it was. */
  async recheck(): Promise<void> {
    const now = await this.look();
    const stays = this.settled.decl.args.every((arg) => arg.dir !== 'inout');
    const changed = stays ? this.#differing(now, this.#first) : undefined;
    if (changed !== undefined) throw new WrongResult(`${changed} changed while it was timed`, this.#facts);
  }

  /** The first output of which the other has clearly other elements, after one launch of each on equal inputs. */
  differsFrom(other: Contender): string | undefined {
    const doubtful = [...this.#cancelling, ...other.#cancelling];
    return this.#differing(this.#first, other.#first, doubtful);
  }

  #differing(got: Seen, want: Seen, doubtful: readonly string[] = [...this.#cancelling]): string | undefined {
    const { decl, dtypes } = this.settled;
    const inputs = inputDtypes(decl, dtypes);
    const { backend } = this.#device;
    return Object.keys(got).find((name) => {
      const dtype = this.#sets[0]?.tensors[name]?.dtype;
      const [is, was] = [got[name], want[name]];
      if (doubtful.includes(name) || dtype === undefined || is === undefined || was === undefined) return false;
      const tolerance = toleranceFor(dtype, inputs, this.candidate.reference?.tolerance);
      // Each of the two may be off by as much as is allowed.
      const both = { rmse: 2 * tolerance.rmse, element: 2 * tolerance.element };
      return !compare(name, is, was, [was.length], both, backend === 'webgpu' ? { extreme: 3e38 } : {}).ok;
    });
  }

  #outputs() {
    return this.settled.decl.args.filter(isTensorArg).filter((arg) => arg.dir !== 'in' && this.touched.has(arg.name));
  }
}

type Seen = Readonly<Record<string, Float64Array>>;

const bytesOfSet = ({ tensors }: PlacedTensors): number =>
  Object.values(tensors).reduce((n, tensor) => n + tensor.size * bytesOf(tensor.dtype), 0);

/** A result that is not what it should be; `facts` are what is known of it all the same. */
export class WrongResult extends Error {
  readonly facts: Facts;

  constructor(message: string, facts: Facts) {
    super(message);
    this.facts = facts;
  }
}

/** Throws LacError LAC0933 where a baseline takes other arguments than the kernel. */
export function checkSameArguments(kernel: Candidate['decl'], baseline: Candidate['decl']): void {
  const signature = ({ args }: Candidate['decl']): string =>
    args.map((a) => `${a.name}: ${a.dir} ${a.dtype}${isTensorArg(a) ? ` [${a.dims.join(', ')}]` : ''}`).join('; ');
  const [a, b] = [signature(kernel), signature(baseline)];
  if (a === b) return;
  const help = [`${kernel.name} has ${a}`, `the baseline ${baseline.name} has ${b}`];
  const message = `${baseline.name} is no baseline of ${kernel.name}: their arguments differ`;
  throw new LacError(diagnostic('LAC0933', message, null, { help }));
}
