import type { ts as TS } from 'ts-morph';
import type { Span } from '../compiler/diag/diagnostic.js';
import { ts } from '../dsl/read/typescript.js';
import type { View } from './view.js';

export interface Hint {
  /** Behind this offset of the present text. */
  readonly at: number;
  readonly label: string;
}

/** Shapes and dtypes behind the names of variables and of helper functions' parameters, where nobody wrote them. */
export function hintsIn(view: View, { start, end }: Span): Hint[] {
  const hints: Hint[] = [];
  const visit = (node: TS.Node): void => {
    const name = declaredName(node);
    const hint = name === null ? null : hintOf(view, name);
    const at = name === null || hint === null ? null : view.spanOf(name);
    if (at !== null && hint !== null && at.end >= start && at.end <= end) hints.push({ at: at.end, label: hint });
    ts.forEachChild(node, visit);
  };
  visit(view.module.source);
  return hints;
}

/** A name that is declared alone and without a type; the index of a loop is always i32. */
function declaredName(node: TS.Node): TS.Identifier | null {
  if (!ts.isVariableDeclaration(node) && !ts.isParameter(node)) return null;
  if (!ts.isIdentifier(node.name) || node.type !== undefined) return null;
  const isIndex = ts.isVariableDeclaration(node) && ts.isForOfStatement(node.parent.parent);
  return isIndex ? null : node.name;
}

function hintOf(view: View, name: TS.Identifier): string | null {
  const hints = (view.factOf(name)?.values ?? []).flatMap((v) => (v.hint === null ? [] : [v.hint]));
  return hints.length === 0 ? null : `: ${[...new Set(hints)].join(' | ')}`;
}
