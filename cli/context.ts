import type { ExitCode } from './exit.js';
import type { Output } from './output.js';

/** What every verb is given beside its own arguments. */
export interface Context {
  readonly output: Output;
  /** Aborted by Ctrl-C: watches end, a device is given back. */
  readonly signal: AbortSignal;
  /**
   * From here on Ctrl-C ends the process at once, by the signal itself (130 to a shell): for work that holds nothing and
   * computes for long without giving the event loop a turn, so that no handler would run. With `work`: while that runs.
   */
  readonly endAtOnce: {
    (): void;
    <T>(work: () => T): T;
  };
  /** Ends the process where something is under way that nobody can stop. */
  readonly leave: (code: ExitCode) => never;
}

export type Verb<A, O> = (args: A, options: O, context: Context) => Promise<ExitCode>;
