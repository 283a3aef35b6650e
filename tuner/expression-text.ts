import type { Expr } from '../compiler/expr.js';

/** How tightly operators bind, as in TypeScript; those that are not here are written as calls. */
const BINDING: Readonly<Record<string, number>> = {
  '||': 1,
  '&&': 2,
  '==': 3,
  '!=': 3,
  '<': 4,
  '<=': 4,
  '>': 4,
  '>=': 4,
  '+': 5,
  '-': 5,
  '*': 6,
  '/': 6,
  '%': 6,
  '**': 7,
};
/** -a ** b is no TypeScript. */
const BINDING_OF_POWER = 7;
const SPELLED: Readonly<Record<string, string>> = { '==': '===', '!=': '!==' };

/** An expression as its author would write it, for people. `around`: how tightly what it stands in binds. */
export function expressionText(e: Expr, around = 0): string {
  if (typeof e !== 'object') return String(e);
  const [op, ...args] = e;
  const [a = 0, b = 0, c = 0] = args;
  const binding = BINDING[op];
  if (binding !== undefined) {
    const text = `${expressionText(a, binding)} ${SPELLED[op] ?? op} ${expressionText(b, binding + 1)}`;
    return binding < around ? `(${text})` : text;
  }
  if (op === '!') return `!${expressionText(a, 9)}`;
  if (op === 'neg') return around >= BINDING_OF_POWER ? `(-${expressionText(a, 9)})` : `-${expressionText(a, 9)}`;
  if (op === '?:') return `(${expressionText(a, 1)} ? ${expressionText(b)} : ${expressionText(c)})`;
  return `${op}(${args.map((x) => expressionText(x)).join(', ')})`;
}
