import { relative } from 'node:path';
import type { Diagnostic, Span } from '../../compiler/diag/diagnostic.js';
import type { SourceProject } from '../../dsl/source.js';

/** Where a span lies, counting from 1, and the text there. */
function place(project: SourceProject, span: Span) {
  const text = project.text(span.file) ?? '';
  const before = text.slice(0, span.start).split('\n');
  return { at: `${before.length}:${(before.at(-1)?.length ?? 0) + 1}`, text: text.slice(span.start, span.end) };
}

/** Diagnostics as golden files hold them: positions instead of offsets, no path of this machine. */
export function golden(project: SourceProject, root: string, diagnostics: readonly Diagnostic[]): string {
  const clean = (s: string): string => s.replaceAll(root, '.');
  const list = diagnostics.map((d) => ({
    code: d.code,
    severity: d.severity,
    message: clean(d.message),
    ...(d.span === null ? {} : { file: relative(root, d.span.file), ...place(project, d.span) }),
    labels: d.labels.map((l) => ({ ...place(project, l.span), label: l.text })),
    help: d.help.map((h) =>
      h.edit ? { ...place(project, h.edit.span), help: h.text, write: h.edit.newText } : h.text,
    ),
  }));
  return `${JSON.stringify(list, null, 2)}\n`;
}
