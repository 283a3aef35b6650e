import type { ArgFacts } from '../compiler/artifact.js';
import { type Expr, evaluateExpr, namesOf } from '../compiler/expr.js';
import type { DType } from '../compiler/ir/types.js';
import { type Config, combinations, keeps } from '../driver/configurations.js';
import type { Dims } from '../driver/reference.js';
import type { Declaration } from '../driver/source.js';
import { maxInvocations, type Target } from '../driver/target.js';
import { expressionText } from './expression-text.js';
import type { Row } from './types.js';

/** Invocations that the knob `warps` counts in units of. */
const WARP = 32;

/** What configurations are wanted for. */
export interface SpaceContext {
  /** Every dimension of the arguments. */
  readonly dims: Dims;
  readonly dtypes: Readonly<Record<string, DType>>;
  readonly target: Target;
  /** What may be assumed of each tensor; default: what contiguous tensors of these sizes fulfil. */
  readonly facts?: Readonly<Record<string, ArgFacts>>;
}

/**
 * Every combination of the knobs of a kernel or plan, once, in order of declaration: `open`, or out with the reason.
 * Nothing is compiled: what that shows, the cost model says (`model/estimate.ts`).
 */
export function enumerateSpace(decl: Declaration, ctx: SpaceContext): readonly Row[] {
  const most = maxInvocations(ctx.target);
  return [...combinations(decl.tune)].map((config): Row => {
    const { prune } = decl;
    if (prune !== null && !keeps(decl, config, ctx.dims))
      return { config, state: 'pruned', why: whyPruned(prune, config, ctx.dims) };
    const invocations = (config.warps ?? 0) * WARP;
    if (invocations > most)
      return { config, state: 'limit', why: `${invocations} invocations, the device has ${most}`, code: 'LAC0502' };
    return { config, state: 'open' };
  });
}

/** The first part of the author's condition that does not hold, with the values of its names. */
function whyPruned(prune: Expr, config: Config, dims: Dims): string {
  const names = { ...dims, ...config };
  const broken = conjuncts(prune).find((e) => evaluateExpr(e, names) === 0) ?? prune;
  const values = [...namesOf(broken)].map((name) => `${name}=${names[name]}`);
  return `prune: ${expressionText(broken)} does not hold${values.length > 0 ? ` for ${values.join(' ')}` : ''}`;
}

const conjuncts = (e: Expr): readonly Expr[] =>
  typeof e === 'object' && e[0] === '&&' ? e.slice(1).flatMap((x) => conjuncts(x as Expr)) : [e];
