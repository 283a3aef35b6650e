import { createColors } from 'picocolors';
import type { Diagnostic, Help, Span } from './diagnostic.js';
import { lineStarts, lineText, positionAt } from './source-text.js';

export interface RenderOptions {
  /** Text of a file, or undefined where it cannot be had: then only its name and offset are shown. */
  readonly text: (file: string) => string | undefined;
  readonly color?: boolean;
  /** How a file is named, for instance relative to the working directory. */
  readonly fileName?: (file: string) => string;
}

interface Mark {
  readonly span: Span;
  readonly text: string;
  readonly primary: boolean;
}
/** A mark on one line: columns from 0, after tabs are widened; `width` at least 1. */
interface PlacedMark {
  readonly line: number;
  readonly column: number;
  readonly width: number;
  readonly text: string;
  readonly primary: boolean;
}
type Colors = ReturnType<typeof createColors>;

const TAB = '    ';
/** Escape sequences of a hostile source must not reach the terminal. */
const CONTROL = /[\p{Cc}\p{Cf}]/gu;
const printable = (line: string): string => line.replaceAll('\t', TAB).replace(CONTROL, '\ufffd');

/** One finding as text: headline, source lines with underlined spans and their labels, help. Ends without a newline. */
export function renderDiagnostic(d: Diagnostic, options: RenderOptions): string {
  const colors = createColors(options.color ?? false);
  const tint = d.severity === 'error' ? colors.red : colors.yellow;
  const headline = `${colors.bold(tint(`${d.severity}[${d.code}]`))}${colors.bold(`: ${printable(d.message)}`)}`;
  const blocks = groupByFile(d).map(([file, marks], i) => renderFile(file, marks, i === 0, options, colors, tint));
  return [headline, ...blocks, ...d.help.map((h) => renderHelp(h, options, colors))].join('\n');
}

/** Marks of each file, the file of the finding itself first. */
function groupByFile(d: Diagnostic): [string, Mark[]][] {
  const marks: Mark[] = d.labels.map((l) => ({ ...l, primary: false }));
  if (d.span !== null) {
    const { span } = d;
    const own = marks.findIndex(
      (m) => m.span.start === span.start && m.span.end === span.end && m.span.file === span.file,
    );
    const text = own < 0 ? '' : (marks.splice(own, 1)[0]?.text ?? '');
    marks.unshift({ span, text, primary: true });
  }
  const files = new Map<string, Mark[]>();
  for (const mark of marks) files.set(mark.span.file, [...(files.get(mark.span.file) ?? []), mark]);
  return [...files];
}

function renderFile(
  file: string,
  marks: readonly Mark[],
  first: boolean,
  options: RenderOptions,
  colors: Colors,
  tint: (s: string) => string,
): string {
  const name = printable(options.fileName?.(file) ?? file);
  const text = options.text(file);
  const arrow = colors.blue(first ? '-->' : ':::');
  if (text === undefined) return `  ${arrow} ${name}`;
  const starts = lineStarts(text);
  const placed = marks.map((m) => place(m, text, starts)).sort((a, b) => a.line - b.line || a.column - b.column);
  const head = marks[0] as Mark;
  const at = positionAt(text, head.span.start, starts);
  const gutter = String(placed.at(-1)?.line ?? 1).length;
  const bar = colors.blue(`${' '.repeat(gutter)} |`);
  const lines = [`${' '.repeat(gutter)} ${arrow} ${name}:${at.line}:${at.column}`, bar];
  let previous = 0;
  for (const line of new Set(placed.map((p) => p.line))) {
    if (previous > 0 && line > previous + 1) lines.push(colors.blue('...'));
    lines.push(`${colors.blue(`${String(line).padStart(gutter)} |`)} ${printable(lineText(text, line, starts))}`);
    const here = placed.filter((p) => p.line === line);
    for (const row of underline(here, colors, tint)) lines.push(`${bar} ${row}`);
    previous = line;
  }
  return lines.join('\n');
}

/** A span over several lines is marked on its first line, to the end of it. */
function place(mark: Mark, text: string, starts: number[]): PlacedMark {
  const { line, column } = positionAt(text, mark.span.start, starts);
  const source = lineText(text, line, starts);
  const from = Math.min(column - 1, source.length);
  const to = Math.max(from, Math.min(source.length, from + mark.span.end - mark.span.start));
  const columns = (s: string): number => s.replaceAll('\t', TAB).length;
  const begin = columns(source.slice(0, from));
  const width = Math.max(1, columns(source.slice(0, to)) - begin);
  return { line, column: begin, width, text: printable(mark.text), primary: mark.primary };
}

/** Rows below a source line: the underlines with the text of the last mark, then the other texts, right to left. */
function underline(marks: readonly PlacedMark[], colors: Colors, tint: (s: string) => string): string[] {
  const paint = (p: PlacedMark, s: string): string => (p.primary ? tint(s) : colors.blue(s));
  const cells: string[] = [];
  for (const mark of [...marks].sort((a, b) => Number(a.primary) - Number(b.primary))) {
    for (let i = 0; i < mark.width; i++) cells[mark.column + i] = paint(mark, mark.primary ? '^' : '-');
  }
  const row = Array.from(cells, (cell) => cell ?? ' ').join('');
  const last = marks.at(-1);
  const inline = last !== undefined && marks.every((m) => m === last || m.column + m.width <= last.column + last.width);
  const rows = [inline && last.text !== '' ? `${row} ${paint(last, last.text)}` : row];
  const below = marks.filter((m) => m.text !== '' && !(inline && m === last));
  for (let i = below.length - 1; i >= 0; i--) {
    const mark = below[i] as PlacedMark;
    rows.push(`${stems(below.slice(0, i), mark.column, paint)}${paint(mark, mark.text)}`);
  }
  return rows;
}

/** `|` under every mark whose text comes further down, padded to `width` columns. */
function stems(marks: readonly PlacedMark[], width: number, paint: (p: PlacedMark, s: string) => string): string {
  const cells = Array.from({ length: width }, () => ' ');
  for (const mark of marks) if (mark.column < width) cells[mark.column] = paint(mark, '|');
  return cells.join('');
}

function renderHelp(help: Help, options: RenderOptions, colors: Colors): string {
  const line = `  ${colors.cyan('= help:')} ${printable(help.text)}`;
  const after = help.edit && editedLine(help.edit, options);
  return after === undefined ? line : `${line}\n${colors.green(`  + ${after}`)}`;
}

/** The first line of the source as it would be with the edit, where the edit stays within a line. */
function editedLine(edit: NonNullable<Help['edit']>, options: RenderOptions): string | undefined {
  const text = options.text(edit.span.file);
  if (text === undefined || edit.newText.includes('\n')) return undefined;
  const starts = lineStarts(text);
  const { line } = positionAt(text, edit.span.start, starts);
  if (positionAt(text, edit.span.end, starts).line !== line) return undefined;
  const begin = starts[line - 1] as number;
  const source = lineText(text, line, starts);
  const edited = source.slice(0, edit.span.start - begin) + edit.newText + source.slice(edit.span.end - begin);
  return printable(edited.trim());
}

/** `2 errors, 1 warning`; empty when there is nothing. */
export function countText(diagnostics: readonly Diagnostic[]): string {
  const errors = diagnostics.filter((d) => d.severity === 'error').length;
  const warnings = diagnostics.length - errors;
  const part = (n: number, word: string): string[] => (n === 0 ? [] : [`${n} ${word}${n === 1 ? '' : 's'}`]);
  return [...part(errors, 'error'), ...part(warnings, 'warning')].join(', ');
}
