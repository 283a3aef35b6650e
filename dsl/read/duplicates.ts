import type { ts as TS } from 'ts-morph';
import { type Diagnostic, diagnostic } from '../../compiler/diag/diagnostic.js';
import { spanOf } from './diagnostics.js';
import { boundNames } from './module.js';
import { ts } from './typescript.js';

/** Names declared twice in one block. JavaScript refuses the file; TypeScript's parser alone does not see it. */
export function duplicateNames(source: TS.SourceFile): Diagnostic | null {
  const stack: TS.Node[] = [source];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if (ts.isSourceFile(node) || ts.isBlock(node)) {
      const found = duplicateIn(node);
      if (found !== null) return found;
    }
    ts.forEachChild(node, (child) => {
      stack.push(child);
    });
  }
  return null;
}

function duplicateIn(block: TS.SourceFile | TS.Block): Diagnostic | null {
  const seen = new Map<string, TS.Node>();
  for (const name of parameterNames(block)) seen.set(name, block.parent);
  for (const statement of block.statements)
    for (const [name, node] of declared(statement)) {
      const first = seen.get(name);
      if (first !== undefined) return twice(name, node, first);
      seen.set(name, node);
    }
  return null;
}

/** The parameters of a function whose body the block is: `const` and `let` there may not repeat them. */
function parameterNames(block: TS.SourceFile | TS.Block): string[] {
  if (ts.isSourceFile(block) || !ts.isFunctionLike(block.parent)) return [];
  return block.parent.parameters.flatMap((p) => boundNames(p.name));
}

/** Names that a statement declares for good: `var`, overloads, types and what is only declared may come again. */
function declared(s: TS.Statement): [string, TS.Node][] {
  if (ts.isVariableStatement(s)) {
    const isLexical = (s.declarationList.flags & ts.NodeFlags.BlockScoped) !== 0;
    if (!isLexical || isAmbient(s)) return [];
    return s.declarationList.declarations.flatMap((d) => boundNames(d.name).map((n): [string, TS.Node] => [n, d.name]));
  }
  const isFunction = ts.isFunctionDeclaration(s) && s.body !== undefined && !ts.isFunctionLike(s.parent.parent);
  return isFunction && s.name !== undefined && !isAmbient(s) ? [[s.name.text, s.name]] : [];
}

const isAmbient = (s: TS.Statement): boolean =>
  ts.canHaveModifiers(s) && (ts.getModifiers(s) ?? []).some((m) => m.kind === ts.SyntaxKind.DeclareKeyword);

function twice(name: string, node: TS.Node, first: TS.Node): Diagnostic {
  const at = ts.isFunctionLike(first) ? first.parameters.find((p) => boundNames(p.name).includes(name)) : first;
  return diagnostic('LAC0101', `${name} is declared twice`, spanOf(node), {
    labels: [{ span: spanOf(at ?? first), text: 'first declared here' }],
    help: ['rename one of them; a variable that changes is declared once, with let'],
  });
}
