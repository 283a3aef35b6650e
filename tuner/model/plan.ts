import { evaluateExpr } from '../../compiler/expr.js';
import type { DType } from '../../compiler/ir/types.js';
import { configuredPlan, valuesOf } from '../../driver/bind.js';
import { compileKernel } from '../../driver/compile.js';
import type { Config } from '../../driver/configurations.js';
import type { StepUse } from '../../driver/expand-plan.js';
import type { KernelDecl, PlanDecl } from '../../driver/source.js';
import type { Resources } from '../types.js';
import type { Estimate, Estimator, ModelContext, NoEstimate } from './estimate.js';
import { contiguousFacts } from './facts.js';
import { limitOf } from './limits.js';

type KernelEstimator = (decl: KernelDecl, ctx: ModelContext) => Estimator;

/**
 * The cost model of a plan: the sum of the launches that its guards let run, each kernel in the configuration that a call
 * would take.
 */
export function planEstimator(plan: PlanDecl, ctx: ModelContext, ofKernel: KernelEstimator): Estimator {
  const known = new Map<string, Estimate | NoEstimate>();
  const estimateStep = (use: StepUse, names: Readonly<Record<string, number>>): Estimate | NoEstimate => {
    const dims = valuesOf(use.dims, names);
    const dtypes = Object.fromEntries([...use.dtypes].map(([name, d]) => [name, ctx.dtypes[d] ?? (d as DType)]));
    const given = valuesOf(Object.entries(use.config), names);
    const key = JSON.stringify([use.decl.name, use.decl.span, use.decl.options, dims, dtypes, given]);
    const made = known.get(key) ?? launched(use.decl, { ...ctx, dims, dtypes }, given, ofKernel);
    known.set(key, made);
    return made;
  };
  return (config) => {
    const { uses, choice } = configuredPlan(plan, { ...ctx, config });
    const names = { ...ctx.dims, ...choice.config };
    const steps = uses.filter(({ when }) => when === null || evaluateExpr(when, names) !== 0);
    const estimates = steps.map((use) => estimateStep(use, names));
    const without = estimates.find((e) => 'state' in e);
    return without ?? together(estimates as readonly Estimate[]);
  };
}

function launched(
  decl: KernelDecl,
  { facts: _ofPlan, ...ctx }: ModelContext,
  given: Config,
  ofKernel: KernelEstimator,
): Estimate | NoEstimate {
  const facts = contiguousFacts(decl.args, ctx.dims);
  try {
    const { config } = compileKernel(decl, { ...ctx, facts, config: given });
    return ofKernel(decl, { ...ctx, facts })(config);
  } catch (error) {
    const { message, code } = limitOf(error);
    return { state: 'limit', why: message, code };
  }
}

function together(steps: readonly Estimate[]): Estimate {
  const largest = (of: (r: Resources) => number): number => Math.max(0, ...steps.map((s) => of(s.resources)));
  const sum = (of: (s: Estimate) => number): number => steps.reduce((n, s) => n + of(s), 0);
  return {
    estimateMs: sum((s) => s.estimateMs),
    work: { flops: sum((s) => s.work.flops), bytes: sum((s) => s.work.bytes) },
    isTight: steps.some((s) => s.isTight),
    resources: {
      sharedBytes: largest((r) => r.sharedBytes),
      threads: largest((r) => r.threads),
      programs: sum((s) => s.resources.programs),
      registers: largest((r) => r.registers ?? 0),
    },
  };
}
