import type { Code } from '../../compiler/diag/codes.js';
import { type Diagnostic, LacError } from '../../compiler/diag/diagnostic.js';

/** What a configuration may exceed where another may fit; of a plan's kernel, that none of its own does. */
const LIMITS: ReadonlySet<Code> = new Set(['LAC0501', 'LAC0502', 'LAC0503', 'LAC0506', 'LAC0906']);

/** The limit that an error says is exceeded; other errors are the source's, and thrown on. */
export function limitOf(error: unknown): Diagnostic {
  const [why] = error instanceof LacError ? error.diagnostics : [];
  if (why === undefined || !LIMITS.has(why.code)) throw error;
  return why;
}
