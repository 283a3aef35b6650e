import type { Code } from '../compiler/diag/codes.js';
import { Bug, type Diagnostic, LacError } from '../compiler/diag/diagnostic.js';

/** Exit codes, as language-and-cli.md and the README list them. */
export const EXIT = { ok: 0, failed: 1, usage: 2, noDevice: 3, bug: 4, interrupted: 130 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Findings about the command line itself, not about a file. */
const USAGE: ReadonlySet<Code> = new Set([
  'LAC0901',
  'LAC0904',
  'LAC0907',
  'LAC0909',
  'LAC0910',
  'LAC0914',
  'LAC0930',
  'LAC0410',
]);
/** No device of the kind asked for could be opened, or it is none that lac compiles for. */
const NO_DEVICE: ReadonlySet<Code> = new Set([
  'LAC0520',
  'LAC0701',
  'LAC0702',
  'LAC0703',
  'LAC0704',
  'LAC0710',
  'LAC0711',
]);

export function exitCodeOf(diagnostics: readonly Diagnostic[]): ExitCode {
  const errors = diagnostics.filter((d) => d.severity === 'error');
  if (errors.length === 0) return EXIT.ok;
  if (errors.every((d) => NO_DEVICE.has(d.code))) return EXIT.noDevice;
  return errors.every((d) => USAGE.has(d.code)) ? EXIT.usage : EXIT.failed;
}

/** What a thrown value means for the caller of lac. Anything that is not a LacError is our own mistake. */
export const exitCodeOfError = (error: unknown): ExitCode =>
  error instanceof LacError ? exitCodeOf(error.diagnostics) : EXIT.bug;

export function bugText(error: unknown, verbose: boolean): string {
  const message = error instanceof Error ? error.message : String(error);
  const stack = error instanceof Error && error.stack !== undefined ? error.stack : message;
  const ir = error instanceof Bug && error.ir !== undefined ? `\n${error.ir}` : '';
  const headline = error instanceof Bug ? message : `internal error: ${message}`;
  return verbose
    ? `${headline}\n${stack}${ir}`
    : `${headline}\nThis is a mistake in lac, not in your kernel. Run again with -v for the stack and the IR, and report both.`;
}
