import { type Expr, evaluateExpr, namesOf } from '../compiler/expr.js';
import type { DType } from '../compiler/ir/types.js';
import type { TuningKey } from '../store/types.js';
import { comptimeOf } from './choices.js';
import { type Described, deviceKey } from './device-key.js';
import type { Dims, OptionValue } from './reference.js';
import { fingerprint, type KernelDecl, optionValues, type PlanDecl } from './source.js';
import { version } from './version.js';

/** What a kernel or plan is tuned for. */
export interface TuningProblem {
  /** All comptime dimensions, and what is known of the others. */
  readonly dims: Dims;
  readonly dtypes: Readonly<Record<string, DType>>;
  /** In the place of the declaration's own. */
  readonly options?: Readonly<Record<string, OptionValue>>;
  readonly device: Described;
}

/**
 * Where the tuning cache files what is measured. Sizes that are known at run time only count by powers of two, or as the
 * kernel's `tuneKey` says; those that are not known are left out, and fit every row.
 */
export function keyOf(decl: KernelDecl | PlanDecl, { dims, dtypes, options, device }: TuningProblem): TuningKey {
  return {
    kernel: decl.name,
    hash: `${fingerprint(decl)} ${version()}`,
    ...deviceKey(device),
    dtypes,
    comptime: comptimeOf(decl, dims),
    options: { ...optionValues(decl), ...options },
    sizes: Object.fromEntries(
      countedSizes(decl).flatMap(([name, e]) => {
        const known = [...namesOf(e)].every((dim) => dims[dim] !== undefined);
        return known ? [[name, bucketOf(evaluateExpr(e, dims))] as const] : [];
      }),
    ),
  };
}

/** Rounded up to a power of two; 0 stays 0. */
export const bucketOf = (size: number): number => (size <= 1 ? Math.ceil(size) : 2 ** Math.ceil(Math.log2(size)));

/** Every dimension that is known at run time only, or what the author says: values of `tuneKey` have no names. */
function countedSizes({ dims, comptime, tuneKey }: KernelDecl | PlanDecl): (readonly [name: string, size: Expr])[] {
  if (tuneKey !== null) return tuneKey.map((e, i) => [`key${i}`, e] as const);
  return dims.filter((name) => !comptime.includes(name)).map((name) => [name, name] as const);
}
