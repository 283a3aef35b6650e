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

/** Tries what nobody has tried on this device, and binds again, which leaves out what is wrong, until nothing is left. */
export async function afterTrials<B extends Bound>(device: Device, first: B, bind: () => B): Promise<B> {
  let bound = first;
  while (bound.untried.length > 0) {
    await inTurn(device, bound.untried);
    bound = bind();
  }
  return bound;
}

async function inTurn(device: Device, untried: readonly Untried[]): Promise<void> {
  const trial = tryAll(untried);
  trials.set(
    device,
    trial.catch(() => {}),
  );
  try {
    await trial;
  } finally {
    trials.delete(device);
  }
}

async function tryAll(untried: readonly Untried[]): Promise<void> {
  for (const tried of untried) await tryChoice(tried);
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
