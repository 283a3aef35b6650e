import type { ts as TS } from 'ts-morph';
import { propertyNode } from '../dsl/lower/builtins/arguments.js';
import { bare } from '../dsl/lower/evaluator.js';
import { ts } from '../dsl/read/typescript.js';
import { specOf } from './kernel-call.js';

export interface Item {
  readonly name: string;
  readonly what: 'kernel' | 'plan' | 'argument' | 'knob' | 'option';
  /** All of it, and its name alone. */
  readonly node: TS.Node;
  readonly nameNode: TS.Node;
  readonly inside: readonly Item[];
}

/** Kernels and plans of a file with what they declare, by the looks of the source. */
export function outline(source: TS.SourceFile): Item[] {
  return source.statements.flatMap((s) =>
    ts.isVariableStatement(s) ? s.declarationList.declarations.flatMap((d) => declared(d) ?? []) : [],
  );
}

function declared(d: TS.VariableDeclaration): Item | null {
  if (!ts.isIdentifier(d.name) || d.initializer === undefined) return null;
  const call = bare(d.initializer);
  if (!ts.isCallExpression(call)) return null;
  const item = { name: d.name.text, node: d, nameNode: d.name };
  const callee = bare(call.expression);
  if (ts.isPropertyAccessExpression(callee) && callee.name.text === 'with')
    return { ...item, what: 'kernel', inside: [] };
  const spec = specOf(call);
  if (spec === null) return null;
  const inside = (['args', 'tune', 'options'] as const).flatMap((key) => members(spec, key));
  return { ...item, what: /\bplan$/.test(callee.getText()) ? 'plan' : 'kernel', inside };
}

const WHAT = { args: 'argument', tune: 'knob', options: 'option' } as const;

function members(spec: TS.ObjectLiteralExpression, key: keyof typeof WHAT): Item[] {
  const object = propertyNode(spec, key);
  if (object === undefined || !ts.isObjectLiteralExpression(object)) return [];
  return object.properties.flatMap((node) =>
    node.name === undefined
      ? []
      : [{ name: node.name.getText(), what: WHAT[key], node, nameNode: node.name, inside: [] }],
  );
}
