import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import type { SourcePosition } from '../backends/ptx/isa/print.js';
import type { Span } from '../compiler/diag/diagnostic.js';
import { lineStarts, positionAt } from '../compiler/diag/source-text.js';

/**
 * Where spans lie, for the line table of a program: files as seen from the working directory, so that the same sources
 * give the same text wherever they are. Each file is read once; null for what is not (or no longer) a file.
 */
export function sourcePosition(): (span: Span) => SourcePosition | null {
  const sources = new Map<string, Source | null>();
  return ({ file, start }) => {
    if (!sources.has(file)) sources.set(file, read(file));
    const source = sources.get(file) ?? null;
    return source === null ? null : { file: source.name, ...positionAt(source.text, start, source.lines) };
  };
}

interface Source {
  readonly name: string;
  readonly text: string;
  readonly lines: ReturnType<typeof lineStarts>;
}

function read(file: string): Source | null {
  try {
    const text = readFileSync(file, 'utf8');
    return { name: relative(process.cwd(), file), text, lines: lineStarts(text) };
  } catch {
    return null;
  }
}
