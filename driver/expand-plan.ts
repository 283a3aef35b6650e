import {
  mapView,
  type PlanSpec,
  type StepArg,
  type StepSpec,
  type StepTensor,
  type TempSpec,
} from '../compiler/artifact.js';
import { type Expr, substitute } from '../compiler/expr.js';
import type { Config } from './configurations.js';
import { isPlan, type KernelDecl, type PlanDecl, type RunDecl } from './source.js';

/** How a step uses its kernel; expressions are over the dimensions and knobs of the plan that is expanded. */
export interface StepUse {
  readonly decl: KernelDecl;
  readonly when: Expr | null;
  readonly dims: ReadonlyMap<string, Expr>;
  /** Dtype, or dtype parameter of the plan, of each dtype parameter of the kernel. */
  readonly dtypes: ReadonlyMap<string, string>;
  readonly config: Readonly<Record<string, Expr>>;
}

/** A plan in one configuration, its plans dissolved. */
export interface ExpandedPlan {
  readonly spec: PlanSpec;
  /** By step. */
  readonly uses: readonly StepUse[];
}

/** The configuration of a plan that a plan runs; what it is given, and its dimensions, are expressions of the outer one. */
export type ChooseInner = (
  inner: PlanDecl,
  given: Readonly<Record<string, Expr>>,
  dims: ReadonlyMap<string, Expr>,
  dtypes: ReadonlyMap<string, string>,
) => Config;

/** The steps of a plan as data. Kernels are called by their names; of several with one name, the later ones get a number. */
export function expandPlan(decl: PlanDecl, config: Config, choose: ChooseInner): ExpandedPlan {
  const expander = new Expander(choose);
  expander.expand(decl, {
    names: new Map(),
    tensors: new Map([...decl.args, ...decl.temps].map(({ name }) => [name, { tensor: name }])),
    dtypes: new Map(),
    when: null,
  });
  const { steps, temps, uses } = expander;
  const { name, args, dtypes } = decl;
  return { spec: { kernel: name, args, dtypes, config, temps: [...decl.temps, ...temps], steps }, uses };
}

/** What the names of a plan stand for in the outermost one. */
interface Inside {
  readonly names: ReadonlyMap<string, Expr>;
  readonly tensors: ReadonlyMap<string, StepTensor | null>;
  readonly dtypes: ReadonlyMap<string, string>;
  readonly when: Expr | null;
}

class Expander {
  readonly steps: StepSpec[] = [];
  readonly uses: StepUse[] = [];
  /** Of inner plans. */
  readonly temps: TempSpec[] = [];
  readonly #choose: ChooseInner;
  readonly #keys = new Map<string, string>();
  readonly #ids = new Map<KernelDecl, number>();
  #inner = 0;

  constructor(choose: ChooseInner) {
    this.#choose = choose;
  }

  expand(plan: PlanDecl, inside: Inside): void {
    for (const run of plan.runs) this.#run(run, inside);
  }

  #run(run: RunDecl, { names, tensors, dtypes, when }: Inside): void {
    const out = (e: Expr): Expr => substitute(e, names);
    const own = run.when === null ? null : out(run.when);
    const use = {
      when: when === null || own === null ? (when ?? own) : (['&&', when, own] as const),
      dims: new Map([...run.dims].map(([name, e]) => [name, out(e)])),
      dtypes: new Map([...run.dtypes].map(([name, dtype]) => [name, dtypes.get(dtype) ?? dtype])),
      config: Object.fromEntries(Object.entries(run.config).map(([name, e]) => [name, out(e)])),
    };
    const args = Object.fromEntries(
      Object.entries(run.args).map(([name, arg]) => [name, passedOn(arg, out, tensors)] as const),
    );
    if (isPlan(run.kernel)) this.#plan(run.kernel, args, use);
    else {
      const { kernel: decl } = run;
      this.steps.push({ kernel: this.#key(decl, use.config), when: use.when, args, config: use.config });
      this.uses.push({ ...use, decl });
    }
  }

  #plan(plan: PlanDecl, args: Readonly<Record<string, StepArg>>, use: Omit<StepUse, 'decl'>): void {
    const prefix = `${plan.name}${++this.#inner}.`;
    const config = this.#choose(plan, use.config, use.dims, use.dtypes);
    // A dimension that only a null argument has gets a name that nothing has.
    const names = new Map<string, Expr>(plan.dims.map((dim) => [dim, use.dims.get(dim) ?? prefix + dim]));
    for (const [knob, value] of Object.entries(config)) names.set(knob, value);
    const tensors = new Map<string, StepTensor | null>();
    for (const [name, arg] of Object.entries(args))
      if (arg !== null && 'number' in arg) names.set(name, arg.number);
      else tensors.set(name, arg);
    for (const t of plan.temps) {
      const [name, dtype] = [prefix + t.name, use.dtypes.get(t.dtype) ?? t.dtype];
      tensors.set(t.name, { tensor: name });
      this.temps.push({ ...t, name, dtype, shape: t.shape.map((e) => substitute(e, names)) });
    }
    this.expand(plan, { names, tensors, dtypes: use.dtypes, when: use.when });
  }

  /** One key for a kernel in one configuration. */
  #key(decl: KernelDecl, config: Readonly<Record<string, Expr>>): string {
    const id = this.#ids.get(decl) ?? this.#ids.size;
    this.#ids.set(decl, id);
    const what = JSON.stringify([id, config]);
    const known = this.#keys.get(what);
    if (known !== undefined) return known;
    const taken = new Set(this.#keys.values());
    let key = decl.name;
    for (let i = 2; taken.has(key); i++) key = `${decl.name}${i}`;
    this.#keys.set(what, key);
    return key;
  }
}

function passedOn(arg: StepArg, out: (e: Expr) => Expr, tensors: Inside['tensors']): StepArg {
  if (arg === null) return null;
  if ('number' in arg) return { number: out(arg.number) };
  const given = tensors.get(arg.tensor) ?? null;
  if (given === null || arg.view === undefined) return given;
  return { tensor: given.tensor, view: [...(given.view ?? []), ...arg.view.map((step) => mapView(step, out))] };
}
