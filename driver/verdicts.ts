import type { DType } from '../compiler/ir/types.js';
import { canonical } from '../store/digest.js';
import type { TuningKey } from '../store/types.js';
import type { Config } from './configurations.js';
import type { Described } from './device-key.js';
import type { Dims } from './reference.js';
import type { KernelDecl, PlanDecl } from './source.js';
import { keyOf } from './tuning-key.js';
import { tuningStore } from './tuning-store.js';

/** A configuration of a kernel on a device. */
export interface Tried {
  readonly decl: KernelDecl | PlanDecl;
  readonly device: Described;
  readonly dtypes: Readonly<Record<string, DType>>;
  readonly dims: Dims;
  readonly config: Config;
}

/** What came of it here. `untold`: nothing could be found out, as without a reference. */
export type Verdict = 'right' | 'wrong' | 'untold';

/** Of this process: there may be no cache. */
const verdicts = new Map<string, Verdict>();

/** What is known of a configuration from elsewhere; null: it was not tried on this device. */
export function verdictOf(tried: Tried): Verdict | null {
  const key = programKey(tried);
  const known = verdicts.get(canonical([key, tried.config]));
  if (known !== undefined) return known;
  const stored = tuningStore()?.checked(key, tried.config);
  return stored === undefined ? null : stored ? 'right' : 'wrong';
}

/** Kept for other processes too, where there is a cache and something was found out. */
export function setVerdict(tried: Tried, verdict: Verdict): void {
  const key = programKey(tried);
  verdicts.set(canonical([key, tried.config]), verdict);
  if (verdict !== 'untold') tuningStore()?.remember(key, tried.config, verdict === 'right');
}

/** Sizes at run time are not what a program is made for. */
function programKey({ decl, dims, dtypes, device }: Tried): TuningKey {
  return { ...keyOf(decl, { dims, dtypes, device }), sizes: {} };
}
