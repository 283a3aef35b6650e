import type { ExitCode } from './exit.js';
import type { Output } from './output.js';

/** What every verb is given beside its own arguments. */
export interface Context {
  readonly output: Output;
  /** Aborted by Ctrl-C: watches end, a device is given back. */
  readonly signal: AbortSignal;
}

export type Verb<A, O> = (args: A, options: O, context: Context) => Promise<ExitCode>;
