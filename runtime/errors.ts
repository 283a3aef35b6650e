import type { Code } from '../compiler/diag/codes.js';
import { diagnostic, LacError } from '../compiler/diag/diagnostic.js';

/** An error of the runtime: it lies in no source file, so that it has no span. */
export const runtimeError = (code: Code, message: string, ...help: string[]): LacError =>
  new LacError(diagnostic(code, message, null, { help }));

/** Message of anything that was thrown. */
export const messageOf = (e: unknown): string => (e instanceof Error ? e.message : String(e));
