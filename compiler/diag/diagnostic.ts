import type { Code } from './codes.js';

/** A piece of a source file: UTF-16 offsets, `end` exclusive. */
export interface Span {
  readonly file: string;
  readonly start: number;
  readonly end: number;
}

export interface Label {
  readonly span: Span;
  readonly text: string;
}

/** What to do about it; `edit`, where present, can be applied as it is. */
export interface Help {
  readonly text: string;
  readonly edit?: { readonly span: Span; readonly newText: string };
}

/** One finding, as data. `span` is null for findings that lie in no file (a device, an argument of the command line). */
export interface Diagnostic {
  readonly code: Code;
  readonly severity: 'error' | 'warning';
  readonly message: string;
  readonly span: Span | null;
  readonly labels: readonly Label[];
  readonly help: readonly Help[];
  /** Where a limit of the target is exceeded: what is needed and what there is, in the unit of the message. */
  readonly exceeds?: Excess;
}

export interface Excess {
  readonly need: number;
  readonly limit: number;
}

interface More {
  readonly labels?: readonly Label[];
  readonly help?: readonly (Help | string)[];
  readonly severity?: 'error' | 'warning';
  readonly exceeds?: Excess;
}

export function diagnostic(code: Code, message: string, span: Span | null = null, more: More = {}): Diagnostic {
  const { labels = [], severity = 'error', exceeds } = more;
  const help = (more.help ?? []).map((h) => (typeof h === 'string' ? { text: h } : h));
  return { code, severity, message, span, labels, help, ...(exceeds === undefined ? {} : { exceeds }) };
}

/** A user's mistake, or a fault of the device, thrown where there is no list to add it to. */
export class LacError extends Error {
  readonly diagnostics: readonly Diagnostic[];
  constructor(diagnostics: Diagnostic | readonly Diagnostic[]) {
    const list: readonly Diagnostic[] = Array.isArray(diagnostics) ? diagnostics : [diagnostics as Diagnostic];
    super(list.map((d) => `${d.code}: ${d.message}${d.help.map((h) => `\n  help: ${h.text}`).join('')}`).join('\n'));
    this.name = 'LacError';
    this.diagnostics = list;
  }
}

/** Our own mistake. Exit code 4. `ir` is the text of the IR at hand, where there was one. */
export class Bug extends Error {
  readonly ir: string | undefined;
  constructor(message: string, ir?: string) {
    super(`compiler bug: ${message}`);
    this.name = 'Bug';
    this.ir = ir;
  }
}
