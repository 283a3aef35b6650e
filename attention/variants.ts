import { LacError } from '../compiler/diag/diagnostic.js';
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

/** What a device had no room for: kernels, at sizes. */
const refusals = new WeakMap<Device, Map<Launchable, Set<string>>>();

/** Every configuration exceeds a limit of the device. */
const isRefusal = (error: unknown): boolean =>
  error instanceof LacError &&
  error.diagnostics.length > 0 &&
  error.diagnostics.every((d) => d.code.startsWith('LAC05'));

/**
 * Launches the first of them that the device has room for. What was refused at these sizes is not tried again; the last one
 * says why, if it is refused too.
 */
export async function launchFirst(
  device: Device,
  [first, ...others]: readonly [Launchable, ...Launchable[]],
  args: LaunchArgs,
  sizes: string,
): Promise<void> {
  const [second, ...rest] = others;
  if (second === undefined) return first(device, args);
  const ofDevice = refusals.get(device) ?? new Map<Launchable, Set<string>>();
  refusals.set(device, ofDevice);
  const refused = ofDevice.get(first) ?? new Set();
  ofDevice.set(first, refused);
  if (!refused.has(sizes)) {
    try {
      return await first(device, args);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      refused.add(sizes);
    }
  }
  return launchFirst(device, [second, ...rest], args, sizes);
}
