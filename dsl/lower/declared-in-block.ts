import type { ts as TS } from 'ts-morph';
import { boundNames } from '../read/module.js';
import { ts } from '../read/typescript.js';

/** Where the function around a name declares it, in a block before, which has ended. Null: it does not. */
export function declaredInBlock(name: TS.Identifier): TS.Node | null {
  let around: TS.Node = name;
  while (!ts.isFunctionLike(around) && !ts.isSourceFile(around)) around = around.parent;
  const visit = (node: TS.Node): TS.Node | undefined => {
    if (node !== around && ts.isFunctionLike(node)) return undefined;
    if (ts.isVariableDeclaration(node) && node.end <= name.pos && boundNames(node.name).includes(name.text))
      return node.name;
    return ts.forEachChild(node, visit);
  };
  return (ts.isSourceFile(around) ? undefined : visit(around)) ?? null;
}
