import type { ts } from 'ts-morph';
import type { Diagnostic, Span } from '../../compiler/diag/diagnostic.js';

/** Findings in the order they were made; one code at one place is one finding. */
export class Findings {
  readonly list: Diagnostic[] = [];
  readonly #seen = new Set<string>();

  add(d: Diagnostic): void {
    const key = `${d.code} ${d.span?.file ?? ''} ${d.span?.start ?? -1} ${d.span?.end ?? -1}`;
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    this.list.push(d);
  }

  addAll(all: Iterable<Diagnostic>): void {
    for (const d of all) this.add(d);
  }

  get hasErrors(): boolean {
    return this.list.some((d) => d.severity === 'error');
  }
}

/** Asked for again in every variant; the way to the file goes through all nodes around. */
const spans = new WeakMap<ts.Node, Span>();

export function spanOf(node: ts.Node): Span {
  const known = spans.get(node);
  if (known !== undefined) return known;
  const source = node.getSourceFile();
  const span: Span = { file: source.fileName, start: node.getStart(source), end: node.getEnd() };
  spans.set(node, span);
  return span;
}
