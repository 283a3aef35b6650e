import type { Diagnostic } from '../compiler/diag/diagnostic.js';
import type { Device } from '../runtime/index.js';
import type { Untried } from './bind.js';
import { tryChoice } from './try-choice.js';

/** What was bound, and the configurations from elsewhere in it. */
interface Bound {
  readonly untried: readonly Untried[];
}

const trials = new WeakMap<Device, Promise<void>>();

/** The trial that runs on a device: launches that come after the one that needs it wait with it. */
export const trialOn = (device: Device): Promise<void> | undefined => trials.get(device);

/**
 * Tries what nobody has tried on this device, binds again, which leaves out what is wrong, until nothing is left, and
 * launches. Launches that others ask for meanwhile come after that one.
 */
export async function launchAfterTrials<B extends Bound>(
  device: Device,
  first: B,
  bind: () => B,
  launch: (bound: B) => Promise<void>,
): Promise<void> {
  const launched = tryAll(first, bind)
    .then(launch)
    .finally(() => trials.delete(device));
  trials.set(
    device,
    launched.catch(() => {}),
  );
  await launched;
}

async function tryAll<B extends Bound>(first: B, bind: () => B): Promise<B> {
  let bound = first;
  while (bound.untried.length > 0) {
    for (const tried of bound.untried) await tryChoice(tried);
    bound = bind();
  }
  return bound;
}

const told = new Set<string>();

/** A program that launches kernels reads no diagnostics: what it should know of the cache comes as warnings of Node do. */
export function warnOnce(diagnostics: readonly Diagnostic[]): void {
  for (const { code, message } of diagnostics) {
    if ((code !== 'LAC0918' && code !== 'LAC0919') || told.has(message)) continue;
    told.add(message);
    process.emitWarning(message, { code });
  }
}
