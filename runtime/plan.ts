/** Calls of plans: everything is checked, and every program found, before the first launch. */
import type { PlanSpec, StepArg, StepSpec, StepTensor, TempSpec } from '../compiler/artifact.js';
import { LacError } from '../compiler/diag/diagnostic.js';
import { type Expr, evaluateExpr, namesOf } from '../compiler/expr.js';
import { Findings, type LaunchArgs, readArguments, type Signature } from './arguments.js';
import { encode, type TensorDType } from './codec.js';
import type { Device } from './device.js';
import { checkSignature, type LaunchPlan, type LaunchSequence } from './launch.js';
import { NoView, type Window, windowOf } from './plan-views.js';
import type { Tensor } from './tensor.js';

/** Knobs that a step has from its plan. */
type StepConfig = Readonly<Record<string, number>>;

/** The launch of one step with these arguments. Throws LacError for what is wrong with them. */
export type BindStep = (step: StepSpec, args: LaunchArgs, config: StepConfig) => LaunchPlan;

interface Temp {
  readonly name: string;
  readonly dtype: TensorDType;
  readonly shape: readonly number[];
  /** Bits of every element; null: whatever the memory held. */
  readonly fill: number | null;
}

interface BoundStep {
  readonly launch: Omit<LaunchPlan, 'tensors'>;
  /** Tensors of the program; null for those that it does not touch. */
  readonly passed: readonly (readonly [arg: string, tensor: Passed | null])[];
}

/** What the plan calls a tensor, and the part of it that a step sees; null: all of it. */
interface Passed {
  readonly name: string;
  readonly window: Window | null;
}

type Tensors = Readonly<Record<string, Tensor | null>>;

/** Launches with temporaries of their own. */
export interface HeldPlan extends LaunchSequence {
  /** Gives the temporaries back. Launches that are submitted are not disturbed. */
  free(): void;
}

/** A call of a plan, without the tensors, so that their memory can go. */
export class BoundPlan {
  readonly device: Device;
  readonly scalars: Readonly<Record<string, number>>;
  readonly #temps: readonly Temp[];
  readonly #steps: readonly BoundStep[];

  constructor(
    device: Device,
    scalars: Readonly<Record<string, number>>,
    temps: readonly Temp[],
    steps: readonly BoundStep[],
  ) {
    this.device = device;
    this.scalars = scalars;
    this.#temps = temps;
    this.#steps = steps;
  }

  /** The launches for tensors like those that it was bound with. */
  hold(tensors: Tensors): HeldPlan {
    const temps = allocate(this.device, this.#temps);
    const all: Tensors = { ...tensors, ...temps.tensors };
    const launches = this.#steps.map(({ launch, passed }): LaunchPlan => {
      const own = passed.map(([arg, from]) => [arg, from === null ? null : seen(all[from.name], from.window)] as const);
      return { ...launch, tensors: Object.fromEntries(own) };
    });
    return { key: this, launches, free: temps.free };
  }

  async launch(tensors: Tensors): Promise<void> {
    const held = this.hold(tensors);
    try {
      await this.device.launchAll(held);
    } finally {
      held.free();
    }
  }
}

function seen(tensor: Tensor | null | undefined, window: Window | null): Tensor | null {
  if (tensor === null || tensor === undefined || window === null) return tensor ?? null;
  return tensor.view(window.shape, window.strides, window.offset);
}

interface Allocated {
  readonly tensors: Readonly<Record<string, Tensor>>;
  readonly free: () => void;
}

/** Memory that is given back behind work that uses it is not given to work before that. */
function allocate(device: Device, temps: readonly Temp[]): Allocated {
  const tensors: Record<string, Tensor> = {};
  // Pools give what came last: the next call finds each temporary where it was.
  const free = (): void => {
    for (const t of Object.values(tensors).reverse()) t.free();
  };
  try {
    for (const { name, dtype, shape, fill } of temps) {
      const tensor = device.empty(dtype, shape);
      tensors[name] = tensor;
      if (fill !== null) tensor.storage.fillAll(fill);
      // New memory of the interpreter traps by itself.
      else if (device.backend === 'emulate') tensor.poison();
    }
  } catch (error) {
    free();
    throw error;
  }
  return { tensors, free };
}

/**
 * Checks the arguments, the temporaries and every step that these sizes need. Throws LacError: LAC06xx for what is wrong
 * with the arguments or follows from them, and what `bindStep` throws, with the number of the step.
 */
export function bindPlan(device: Device, spec: PlanSpec, args: LaunchArgs, bindStep: BindStep): BoundPlan {
  const signature = readArguments(spec, args, device);
  checkSignature(device, spec, signature);
  const found = new Findings(spec.kernel);
  const values = new Values({ ...signature.dims, ...spec.config, ...signature.scalars }, found);
  const steps = spec.steps
    .map((step, i) => ({ step, number: i + 1 }))
    .filter(({ step, number }) => step.when === null || values.of(step.when, `step ${number}`) !== 0);
  const used = new Set(steps.flatMap(({ step }) => Object.values(step.args).map((arg) => tensorIn(arg)?.tensor)));
  const temps = spec.temps.filter((t) => used.has(t.name)).map((t) => tempOf(t, signature, values, found));
  found.raise();
  const memory = allocate(device, temps);
  try {
    const tensors: Tensors = { ...signature.tensors, ...memory.tensors };
    const windows = steps.map(({ step, number }) => windowsOf(step, `step ${number}`, tensors, values, found));
    found.raise();
    const bound = steps.map(({ step, number }, i) =>
      stepOf(step, number, spec, tensors, windows[i] ?? {}, values, bindStep),
    );
    found.raise();
    return new BoundPlan(device, signature.scalars, temps, bound);
  } finally {
    memory.free();
  }
}

/** The argument or temporary that a step passes on, if it is one. */
const tensorIn = (arg: StepArg): StepTensor | null => (arg !== null && 'tensor' in arg ? arg : null);

/** By argument: what a step sees of tensors that it does not see whole. */
type Windows = Readonly<Record<string, Window>>;

function windowsOf(step: StepSpec, what: string, tensors: Tensors, values: Values, found: Findings): Windows {
  const windows: Record<string, Window> = {};
  for (const [name, arg] of Object.entries(step.args)) {
    const from = tensorIn(arg);
    const tensor = from === null ? null : tensors[from.tensor];
    if (!(tensor && from?.view)) continue;
    const window = windowOf(tensor, from.view, (e) => values.of(e, `${name} of ${what}`));
    if (!(window instanceof NoView)) windows[name] = window;
    else found.add('LAC0627', `${what}: ${from.tensor}, given as ${name}: ${window.why}`);
  }
  return windows;
}

/** Values of expressions; a name without one is a finding. */
class Values {
  readonly #names: Readonly<Record<string, number>>;
  readonly #found: Findings;

  constructor(names: Readonly<Record<string, number>>, found: Findings) {
    this.#names = names;
    this.#found = found;
  }

  of(e: Expr, what: string): number {
    const unknown = [...namesOf(e)].filter((n) => !Object.hasOwn(this.#names, n));
    for (const n of unknown) this.#found.add('LAC0619', `${what} needs ${n}, which no argument that is given has`);
    return unknown.length > 0 ? 0 : evaluateExpr(e, this.#names);
  }
}

function tempOf({ name, dtype, shape, fill }: TempSpec, s: Signature, values: Values, found: Findings): Temp {
  const own = (s.dtypes[dtype] ?? dtype) as TensorDType;
  const extents = shape.map((e) => values.of(e, `the temporary ${name}`));
  if (!extents.every((n) => Number.isSafeInteger(n) && n >= 0))
    found.add('LAC0620', `the temporary ${name} would have the shape [${extents.join(', ')}]`);
  const bits = fill === null ? null : (encode(own, [evaluateExpr(fill, {})])[0] ?? 0);
  return { name, dtype: own, shape: extents, fill: bits };
}

function stepOf(
  step: StepSpec,
  number: number,
  { kernel }: PlanSpec,
  tensors: Tensors,
  windows: Windows,
  values: Values,
  bindStep: BindStep,
): BoundStep {
  const what = `step ${number}`;
  const args = mapValues(step.args, (a, name) => {
    if (a === null) return null;
    return 'tensor' in a ? seen(tensors[a.tensor], windows[name] ?? null) : values.of(a.number, what);
  });
  const config = mapValues(step.config, (e) => values.of(e, what));
  const { tensors: touched, ...launch } = withStep(`${kernel}, ${what}`, () => bindStep(step, args, config));
  const passed = Object.entries(touched).map(([arg, tensor]) => {
    const from = tensor === null ? null : tensorIn(step.args[arg] ?? null);
    return [arg, from === null ? null : { name: from.tensor, window: windows[arg] ?? null }] as const;
  });
  return { launch, passed };
}

const mapValues = <T, U>(record: Readonly<Record<string, T>>, f: (value: T, name: string) => U): Record<string, U> =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, f(value, name)]));

/** Says in what is thrown where it happened. */
function withStep<T>(where: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof LacError)) throw error;
    throw new LacError(error.diagnostics.map((d) => ({ ...d, message: `${where}: ${d.message}` })));
  }
}
