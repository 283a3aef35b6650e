import { createContext, Script } from 'node:vm';

const context = createContext({ run: () => undefined });
const call = new Script('run()');

/** Runs `work`, and ends it, as an error, when it takes longer than that. */
export function within<T>(milliseconds: number, work: () => T): T {
  context.run = work;
  return call.runInContext(context, { timeout: milliseconds }) as T;
}
