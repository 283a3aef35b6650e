/** From a declaration and tensors to launches: what calls from TypeScript, `lac run` and plans share. */
import { diagnostic, LacError } from '../compiler/diag/diagnostic.js';
import { type Expr, evaluateExpr, namesOf } from '../compiler/expr.js';
import type { DType } from '../compiler/ir/types.js';
import {
  type BoundPlan,
  bindLaunch,
  bindPlan,
  type Device,
  factsOf,
  type LaunchArgs,
  type LaunchPlan,
  readArguments,
} from '../runtime/index.js';
import { type Compiled, type CompileRequest, compileKernel, firstChoice } from './compile.js';
import type { Config } from './configurations.js';
import { type ExpandedPlan, expandPlan } from './expand-plan.js';
import { isTensorArg } from './inputs.js';
import type { KernelDecl, PlanDecl } from './source.js';
import { targetOf } from './target.js';
import type { TunedChoice } from './tuned.js';
import type { Tried } from './verdicts.js';

/** The part of a declaration that a launch reads. */
export const launchSpec = (decl: KernelDecl) => ({
  kernel: decl.name,
  args: decl.args,
  dtypes: decl.dtypes,
  grid: decl.grid,
});

type How = Pick<CompileRequest, 'passes' | 'verify'>;

export interface PlanHow extends How {
  /** Knobs of kernels that the plan runs, where it leaves them to the sizes. */
  readonly steps?: ReadonlyMap<KernelDecl, Config>;
}

export interface BoundKernel {
  readonly plan: LaunchPlan;
  readonly compiled: Compiled;
  /** Configurations from elsewhere that nobody has tried on this device. */
  readonly untried: readonly Untried[];
}

/** Sizes, dtypes and what may be assumed come from the tensors. Throws as `compileKernel` and `bindLaunch`. */
export function bindKernel(
  decl: KernelDecl,
  device: Device,
  args: LaunchArgs,
  config: Config,
  how: How = {},
): BoundKernel {
  const spec = launchSpec(decl);
  const { dims, dtypes, tensors } = readArguments(spec, args, device);
  const facts = Object.fromEntries(
    decl.args.filter(isTensorArg).flatMap(({ name }) => {
      const tensor = tensors[name];
      return tensor ? [[name, factsOf(tensor)] as const] : [];
    }),
  );
  const compiled = compileKernel(decl, { ...how, dims, dtypes, config, facts, target: targetOf(device), device });
  const untried = compiled.elsewhere === null ? [] : [{ decl, device, dims, dtypes, config: compiled.config }];
  return { plan: bindLaunch(device, spec, compiled.variant, args), compiled, untried };
}

/** A configuration from elsewhere, on a device that can try it. */
export type Untried = Tried & { readonly device: Device };

/** What a plan is expanded for; knobs that are missing are looked up in the tuned configurations, then the first that `prune` keeps. */
export interface PlanRequest extends Required<Pick<CompileRequest, 'dims' | 'dtypes' | 'config' | 'target'>> {
  readonly device?: Device;
  /** Knobs of the plans that it runs, by their names. */
  readonly inner?: Readonly<Record<string, Config>>;
}

export interface ConfiguredPlan extends ExpandedPlan {
  readonly choice: TunedChoice;
  /** Of this plan and those that it runs. */
  readonly untried: readonly Untried[];
}

/** A plan in its configuration for these sizes. Throws LacError: LAC0906, LAC0907, LAC0916. */
export function configuredPlan(decl: PlanDecl, request: PlanRequest): ConfiguredPlan {
  const untried: Untried[] = [];
  const choose = (plan: PlanDecl, wanted: PlanRequest): TunedChoice => {
    const choice = choiceFor(plan, wanted);
    const { device, dims, dtypes } = wanted;
    if (choice.elsewhere !== undefined && device !== undefined)
      untried.push({ decl: plan, device, dims, dtypes, config: choice.config });
    return choice;
  };
  const choice = choose(decl, request);
  const known = { ...request.dims, ...choice.config };
  const expanded = expandPlan(decl, choice.config, (inner, given, dims, dtypes) => {
    const config = { ...request.inner?.[inner.name], ...valuesOf(Object.entries(given), known) };
    const own = Object.fromEntries([...dtypes].map(([name, d]) => [name, request.dtypes[d] ?? (d as DType)]));
    return choose(inner, { ...request, config, dims: valuesOf(dims, known), dtypes: own }).config;
  });
  return { ...expanded, choice, untried };
}

function choiceFor(decl: PlanDecl, request: PlanRequest): TunedChoice {
  const choice = firstChoice(decl, request);
  if (choice !== null) return choice;
  const message = `prune of ${decl.name} rejects every configuration for these sizes`;
  const help = ['add other values to `tune`, or loosen `prune`'];
  throw new LacError(diagnostic('LAC0906', message, decl.span, { help }));
}

/** Values of those expressions whose names are known. */
export function valuesOf(
  expressions: Iterable<readonly [name: string, e: Expr]>,
  known: Readonly<Record<string, number>>,
): Record<string, number> {
  const values: Record<string, number> = {};
  for (const [name, e] of expressions)
    if ([...namesOf(e)].every((n) => known[n] !== undefined)) values[name] = evaluateExpr(e, known);
  return values;
}

/** The configuration that a plan was bound in, and what was compiled for its steps. */
export interface PlannedLaunch {
  readonly bound: BoundPlan;
  readonly choice: TunedChoice;
  readonly compiled: readonly Compiled[];
  readonly untried: readonly Untried[];
}

/** Everything about a call of a plan but its temporaries. Throws LacError before anything is launched. */
export function bindDeclaredPlan(
  decl: PlanDecl,
  device: Device,
  args: LaunchArgs,
  config: Config,
  { steps, ...how }: PlanHow = {},
): PlannedLaunch {
  const { dims, dtypes } = readArguments({ kernel: decl.name, ...decl }, args, device);
  const request = { dims, dtypes, config, target: targetOf(device), device };
  const { spec, uses, choice, untried: ofPlans } = configuredPlan(decl, request);
  const kernels = new Map(spec.steps.map((step, i) => [step.kernel, uses[i]?.decl]));
  const compiled = new Set<Compiled>();
  const untried = [...ofPlans];
  const bound = bindPlan(device, spec, args, (step, stepArgs, stepConfig) => {
    const kernel = kernels.get(step.kernel) as KernelDecl;
    const made = bindKernel(kernel, device, stepArgs, { ...steps?.get(kernel), ...stepConfig }, how);
    compiled.add(made.compiled);
    untried.push(...made.untried);
    return made.plan;
  });
  return { bound, choice, compiled: [...compiled], untried };
}
