import { readFileSync } from 'node:fs';
import { relative, sep } from 'node:path';
import { CODES } from '../compiler/diag/codes.js';
import type { Diagnostic, Span } from '../compiler/diag/diagnostic.js';
import { countText, renderDiagnostic } from '../compiler/diag/render.js';
import { positionAt } from '../compiler/diag/source-text.js';

export type Format = 'pretty' | 'json';
export type ColorChoice = 'auto' | 'always' | 'never';

export interface OutputOptions {
  readonly format: Format;
  readonly color: ColorChoice;
  readonly quiet: boolean;
  readonly verbose: boolean;
}

/** Minimal stream: what process.stdout and process.stderr are to us. */
export interface Sink {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

/**
 * Everything that lac prints. stdout carries results only; progress and notes go to stderr, and only to a terminal.
 * As JSON, stdout holds one event a line, diagnostics included.
 */
export class Output {
  readonly options: OutputOptions;
  readonly stdout: Sink;
  readonly stderr: Sink;
  #texts = new Map<string, string | undefined>();

  constructor(options: OutputOptions, stdout: Sink = process.stdout, stderr: Sink = process.stderr) {
    this.options = options;
    this.stdout = stdout;
    this.stderr = stderr;
  }

  /** A result: `text` for people, `fields` for programs. */
  result(text: string, fields: Readonly<Record<string, unknown>>): void {
    if (this.options.format === 'json') this.event('result', fields);
    else if (text !== '') this.stdout.write(`${text}\n`);
  }

  event(name: string, fields: Readonly<Record<string, unknown>>): void {
    if (this.options.format !== 'json') return;
    this.stdout.write(`${JSON.stringify({ v: 1, event: name, ...fields }, jsonNumber)}\n`);
  }

  /** What is going on, for somebody who waits. */
  progress(text: string): void {
    this.event('progress', { text });
    if (this.options.format === 'pretty' && !this.options.quiet && this.stderr.isTTY === true)
      this.stderr.write(`${text}\n`);
  }

  /** What somebody has to know who did not ask for it, wherever stderr goes. */
  warn(text: string): void {
    this.event('warning', { text });
    if (this.options.format === 'pretty') this.stderr.write(`${text}\n`);
  }

  /** More than the result; shown with -v, wherever stderr goes. */
  detail(text: string): void {
    if (this.options.verbose && this.options.format === 'pretty') this.stderr.write(`${text}\n`);
  }

  /** Findings. `where`: stdout for a verb whose result they are (check), else stderr. */
  diagnostics(list: readonly Diagnostic[], where: 'stdout' | 'stderr' = 'stderr'): void {
    const sink = this[where];
    for (const d of list) {
      if (this.options.format === 'json') this.event('diagnostic', this.#fields(d));
      else sink.write(`${renderDiagnostic(d, this.#render(sink))}\n\n`);
    }
    if (list.length > 0 && this.options.format === 'pretty' && !this.options.quiet) {
      const codes = new Set(list.filter((d) => d.severity === 'error').map((d) => d.code));
      const [code] = codes;
      const hint = code === undefined ? '' : `; \`lac explain ${code}\` says more`;
      sink.write(`${countText(list)}${hint}\n`);
    }
  }

  error(text: string): void {
    this.event('error', { text });
    if (this.options.format === 'pretty') this.stderr.write(`${text}\n`);
  }

  colorOn(sink: Sink): boolean {
    if (this.options.color !== 'auto') return this.options.color === 'always';
    const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
    if (NO_COLOR !== undefined && NO_COLOR !== '') return false;
    if (FORCE_COLOR !== undefined && FORCE_COLOR !== '' && FORCE_COLOR !== '0') return true;
    return sink.isTTY === true && TERM !== 'dumb';
  }

  /** Sources are read again at every use in watch mode. */
  forgetSources(): void {
    this.#texts.clear();
  }

  /** Text that is in no file: IR from stdin, or as it was when it was compiled. */
  rememberSource(file: string, text: string): void {
    this.#texts.set(file, text);
  }

  #render(sink: Sink) {
    return { text: (file: string) => this.#text(file), fileName: displayName, color: this.colorOn(sink) };
  }

  #text(file: string): string | undefined {
    if (!this.#texts.has(file)) this.#texts.set(file, readText(file));
    return this.#texts.get(file);
  }

  #fields(d: Diagnostic): Readonly<Record<string, unknown>> {
    return {
      code: d.code,
      title: CODES[d.code].title,
      severity: d.severity,
      message: d.message,
      span: d.span && this.#place(d.span),
      labels: d.labels.map((l) => ({ text: l.text, span: this.#place(l.span) })),
      help: d.help.map((h) => (h.edit ? { ...h, edit: { ...h.edit, span: this.#place(h.edit.span) } } : h)),
    };
  }

  #place(span: Span): Readonly<Record<string, unknown>> {
    const text = this.#text(span.file);
    const offsets = { file: displayName(span.file), start: span.start, end: span.end };
    if (text === undefined) return offsets;
    return { ...offsets, from: positionAt(text, span.start), to: positionAt(text, span.end) };
  }
}

/** JSON has no infinities and no NaN: they are written as strings. */
const jsonNumber = (_key: string, value: unknown): unknown =>
  typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;

/** What a terminal would obey; the text keeps its length, so that spans keep their places. */
const CONTROL = /[^\P{Cc}\n\r\t]/gu;

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').replace(CONTROL, '\ufffd');
  } catch {
    return undefined;
  }
}

/** Relative to the working directory where it lies below it. */
export function displayName(file: string): string {
  const short = relative(process.cwd(), file);
  return short === '' || short === '..' || short.startsWith(`..${sep}`) ? file : short;
}
