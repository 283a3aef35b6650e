import type { ts as TS } from 'ts-morph';
import { ts } from '../dsl/read/typescript.js';

/**
 * The innermost node around an offset. Between two nodes that touch there, the one that begins; but a name or a number
 * that ends there comes before punctuation.
 */
export function nodeAt(source: TS.SourceFile, offset: number): TS.Node {
  let node: TS.Node = source;
  for (;;) {
    const inside = childrenAround(node, source, offset);
    const next = inside.find((c) => c.getStart(source) === offset) ?? inside.at(-1);
    if (next === undefined) return node;
    node = next;
  }
}

function childrenAround(node: TS.Node, source: TS.SourceFile, offset: number): TS.Node[] {
  const found: TS.Node[] = [];
  ts.forEachChild(node, (child) => {
    if (child.getStart(source) <= offset && offset <= child.getEnd()) found.push(child);
  });
  return found;
}

/** The nodes from this one outwards, itself first. */
export function* outwards(node: TS.Node): Generator<TS.Node> {
  for (let at: TS.Node | undefined = node; at !== undefined; at = at.parent) yield at;
}
