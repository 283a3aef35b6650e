import type { Device, LaunchArgs } from '../runtime/index.js';

/** A kernel or plan, whatever its arguments: they are checked when it is launched. */
export type Launchable = (device: Device, args: LaunchArgs) => Promise<void>;

/** Options by name; false is what a kernel has anyway. */
export type Options = Readonly<Record<string, boolean>>;

interface Derivable {
  with(options: never): unknown;
}

const made = new WeakMap<Derivable, Map<string, Launchable>>();

/** The kernel with these options: made once, so that what was compiled and bound for it is found again. */
export function variantOf(kernel: Derivable, options: Options): Launchable {
  const chosen = Object.entries(options).filter(([, on]) => on);
  if (chosen.length === 0) return kernel as unknown as Launchable;
  const known = made.get(kernel) ?? new Map<string, Launchable>();
  made.set(kernel, known);
  const key = chosen.map(([name]) => name).join();
  const variant = known.get(key) ?? (kernel.with(Object.fromEntries(chosen) as never) as Launchable);
  known.set(key, variant);
  return variant;
}
