import { LacError } from '../../compiler/diag/diagnostic.js';

/** Codes of the diagnostics that a promise is rejected with; anything else that is thrown is thrown on. */
export const codesOf = async (promise: Promise<unknown>): Promise<readonly string[]> => {
  const error = await promise.then(
    () => null,
    (e: unknown) => e,
  );
  if (!(error instanceof LacError)) throw error ?? new Error('nothing was thrown');
  return error.diagnostics.map((d) => d.code);
};
