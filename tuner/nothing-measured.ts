import { diagnostic, LacError } from '../compiler/diag/diagnostic.js';
import type { Outcome } from './types.js';

/** A tune without a winner: LAC0921. `early`: because its budget ended before anything was measured. */
export function nothingMeasured(
  { problem, ended, rows }: Outcome,
  help: (early: boolean) => readonly string[],
): LacError {
  const early = ended === 'budget' && rows.some((row) => row.state === 'open');
  const message = early
    ? `the budget ended before a configuration of ${problem.kernel} was measured`
    : `no configuration of ${problem.kernel} works here`;
  return new LacError(diagnostic('LAC0921', message, null, { help: [...help(early)] }));
}
