import type { Context } from '../../cli/context.js';

/** A context of a verb that runs within a test. Whoever ends the process ends the test. */
export function contextFor({ output, signal }: Pick<Context, 'output' | 'signal'>): Context {
  function endAtOnce<T>(work?: () => T): T | undefined {
    return work?.();
  }
  const leave = (code: number): never => {
    throw new Error(`the process would have ended with ${code}`);
  };
  return { output, signal, endAtOnce: endAtOnce as Context['endAtOnce'], leave };
}
