import { LacError } from '../compiler/diag/diagnostic.js';
import type { DType } from '../compiler/ir/types.js';
import { elementBytes } from '../driver/compile.js';
import { type Config, candidates } from '../driver/configurations.js';
import type { Dims } from '../driver/reference.js';
import type { KernelDecl, PlanDecl } from '../driver/source.js';
import { deviceNames, maxInvocations, type Target } from '../driver/target.js';
import { tunedFor } from '../driver/tuned.js';
import type { Estimator } from './model/estimate.js';
import type { OpenBench } from './worker/pool.js';

interface Call {
  readonly dims: Dims;
  readonly dtypes: Readonly<Record<string, DType>>;
  readonly target: Target;
}

/**
 * What a call takes that nothing was tuned for: the first candidate that is within the limits of the device, and whose
 * registers suffice; without one, the first of those whose may. Asked before others are estimated: none is then the same
 * before it.
 */
export function usualOf(
  decl: KernelDecl | PlanDecl,
  { dims, dtypes, target }: Call,
  estimate: Estimator,
): Config | null {
  const names = { ...deviceNames(target), ...elementBytes(decl, dtypes) };
  let tight: Config | null = null;
  for (const config of candidates(decl, dims, {}, maxInvocations(target), names)) {
    const found = estimate(config);
    if (!isRefused(found) && !isTight(found)) return config;
    if (isTight(found)) tight ??= config;
  }
  return tight;
}

type Found = ReturnType<Estimator>;

const isRefused = (found: Found): boolean => 'state' in found && found.state === 'limit';
const isTight = (found: Found): boolean => !('state' in found) && found.isTight;

/**
 * What a call takes as of now, from the file beside the source or the cache: the first that is within the limits of the
 * device. Null where nothing was tuned for it.
 */
export function tunedBefore(
  decl: KernelDecl | PlanDecl,
  call: Call,
  device: OpenBench['device'],
  estimate: Estimator,
): Config | null {
  try {
    const { choices } = tunedFor(decl, { ...call, config: {}, device });
    const fits = choices.find(({ config, isMeasured }) => {
      const found = estimate(config);
      return !isRefused(found) && (isMeasured || !isTight(found));
    });
    return fits?.config ?? null;
  } catch (error) {
    // A file that nobody can read is none.
    if (error instanceof LacError) return null;
    throw error;
  }
}
