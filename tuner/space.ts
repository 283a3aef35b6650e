import type { ArgFacts } from '../compiler/artifact.js';
import type { DType } from '../compiler/ir/types.js';
import { combinations, keeps } from '../driver/configurations.js';
import type { Dims } from '../driver/reference.js';
import type { Declaration } from '../driver/source.js';
import { maxInvocations, type Target } from '../driver/target.js';
import type { Row } from './types.js';

/** What configurations are wanted for. */
export interface SpaceContext {
  /** Every dimension of the arguments. */
  readonly dims: Dims;
  readonly dtypes: Readonly<Record<string, DType>>;
  readonly target: Target;
  /** What may be assumed of each tensor; default: what contiguous tensors of these sizes fulfil. */
  readonly facts?: Readonly<Record<string, ArgFacts>>;
}

/** Every combination of the knobs, in order of declaration: `open`, or out with the reason. Nothing is compiled. */
export function enumerateSpace(decl: Declaration, ctx: SpaceContext): readonly Row[] {
  return [...combinations(decl.tune)].map((config): Row => {
    if (!keeps(decl, config, ctx.dims)) return { config, state: 'pruned', why: 'prune' };
    if ((config.warps ?? 0) * 32 > maxInvocations(ctx.target)) return { config, state: 'limit', why: 'warps' };
    return { config, state: 'open' };
  });
}
