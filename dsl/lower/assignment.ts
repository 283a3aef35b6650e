import type { ts as TS } from 'ts-morph';
import { spanOf } from '../read/diagnostics.js';
import { ts } from '../read/typescript.js';
import { binary, isBinaryOperator } from './arithmetic.js';
import { languageValue } from './builtins/table.js';
import { bare, type Evaluator, textOf } from './evaluator.js';
import { evaluate, operand } from './expression.js';
import type { Scope } from './scope.js';
import { type Cell, describe, NONE, num, POISON, type Val } from './value.js';

export function expressionStatement(ev: Evaluator, node: TS.Expression, scope: Scope): void {
  const e = bare(node);
  if (ts.isBinaryExpression(e) && assignmentOperator(e) !== null) assignment(ev, e, scope);
  else if (isStep(e)) step(ev, e, scope);
  else if (evaluate(ev, e, scope).kind === 'tile' && isLanguageCall(e, scope)) unused(ev, e);
}

const isLanguageCall = (e: TS.Expression, scope: Scope): e is TS.CallExpression =>
  ts.isCallExpression(e) &&
  ts.isIdentifier(e.expression) &&
  scope.find(e.expression.text) === undefined &&
  languageValue(e.expression.text) !== undefined;

/** `insert(x, [0], part);` as if it changed x. */
function unused(ev: Evaluator, e: TS.CallExpression): void {
  const text = textOf(e.expression);
  ev.warn('LAC0313', e, `nothing uses what ${text} gives: tiles are values, and none of them changes in place`, {
    help: [`name it: const next = ${text}(...), or assign it to a let variable`],
  });
}

function assignmentOperator(e: TS.BinaryExpression): string | null {
  const { kind } = e.operatorToken;
  if (kind < ts.SyntaxKind.FirstAssignment || kind > ts.SyntaxKind.LastAssignment) return null;
  return (ts.tokenToString(kind) ?? '=').slice(0, -1);
}

type Step = TS.PrefixUnaryExpression | TS.PostfixUnaryExpression;
const isStep = (e: TS.Expression): e is Step =>
  (ts.isPrefixUnaryExpression(e) || ts.isPostfixUnaryExpression(e)) &&
  (e.operator === ts.SyntaxKind.PlusPlusToken || e.operator === ts.SyntaxKind.MinusMinusToken);

function step(ev: Evaluator, e: Step, scope: Scope): void {
  const op = e.operator === ts.SyntaxKind.PlusPlusToken ? '+' : '-';
  const val = binary(ev, e, op, operand(ev, e.operand, scope), { val: num(1), node: e });
  assign(ev, bare(e.operand), val, scope, e);
}

function assignment(ev: Evaluator, e: TS.BinaryExpression, scope: Scope): void {
  const op = assignmentOperator(e) ?? '';
  if (op === '') {
    assign(ev, bare(e.left), evaluate(ev, e.right, scope), scope, e);
    return;
  }
  if (!isBinaryOperator(op)) {
    ev.error('LAC0103', e, `kernels have no operator ${op}=`, { help: ['write the condition out with if or where()'] });
    return;
  }
  const target = bare(e.left);
  // What has no subscripts can be neither read nor written there: one report.
  const val = ts.isElementAccessExpression(target)
    ? POISON
    : binary(ev, e, op, operand(ev, e.left, scope), operand(ev, e.right, scope));
  if (val.kind === 'poison' && isView(target, scope)) return;
  assign(ev, target, val, scope, e);
}

const isView = (target: TS.Expression, scope: Scope): boolean =>
  ts.isIdentifier(target) && scope.find(target.text)?.cell.value.kind === 'view';

/** Gives a variable a new value: tiles are values, so nothing else changes. `[a, b] = ...` assigns each. */
function assign(ev: Evaluator, target: TS.Expression, val: Val, scope: Scope, at: TS.Node): void {
  if (ts.isArrayLiteralExpression(target)) {
    assignItems(ev, target, val, scope, at);
    return;
  }
  if (!ts.isIdentifier(target)) {
    const { kind } = ts.isElementAccessExpression(target) ? evaluate(ev, target.expression, scope) : NONE;
    if (kind === 'poison') return;
    const text = ts.isElementAccessExpression(target) ? textOf(target.expression) : '';
    const help =
      kind === 'view'
        ? `${text}.store(origin, tile) writes a tile of it`
        : kind === 'tile'
          ? `choose lanes by a mask of positions: where(iota(C) === 0, value, ${text})`
          : kind === 'arr'
            ? `assign the whole of a let array: ${text} = ${text}.map((x, i) => (i === 0 ? value : x))`
            : 'tiles, arrays and objects are values: assign a let variable';
    ev.error('LAC0107', target, `${textOf(target)} cannot be assigned`, { help: [help] });
    return;
  }
  const found = scope.find(target.text);
  if (found === undefined) {
    const known = scope.module.bindings.has(target.text);
    if (known)
      ev.error('LAC0106', target, `${target.text} belongs to the module and cannot be assigned in a kernel`, {
        help: ['declare a let in the kernel'],
      });
    else evaluate(ev, target, scope);
    return;
  }
  if (found.cell.kind === 'const') {
    const { as } = found.cell;
    const what = as === undefined ? 'a const' : as === 'index' ? 'the index of a loop' : 'an argument of the kernel';
    ev.error('LAC0107', target, `${target.text} is ${what}`, {
      labels: [{ span: found.cell.declared, text: 'declared here' }],
      help: [
        found.cell.value.kind === 'view'
          ? `${target.text}.store(origin, tile) writes a tile of it`
          : as === undefined
            ? 'declare it with let'
            : `let own = ${target.text}; and assign that`,
      ],
    });
    return;
  }
  if (found.frame !== ev.frame) {
    ev.error('LAC0106', target, `this function assigns the variable ${target.text} of the code around it`, {
      help: ['return the new value, and assign it at the call'],
    });
    return;
  }
  if (val.kind === 'tile') val.v.hint ??= target.text;
  found.cell.value = val;
  found.cell.assigned = spanOf(at);
}

function assignItems(ev: Evaluator, target: TS.ArrayLiteralExpression, val: Val, scope: Scope, at: TS.Node): void {
  if (val.kind !== 'arr') {
    if (val.kind !== 'poison') ev.error('LAC0222', at, `${describe(val)} cannot be taken apart like this`);
    for (const e of target.elements) assign(ev, bare(e), POISON, scope, at);
    return;
  }
  for (const [i, e] of target.elements.entries())
    if (!ts.isOmittedExpression(e)) assign(ev, bare(e), val.items[i] ?? POISON, scope, at);
}

/** Variables of this function, declared outside `nodes`, that these may assign. */
export function assignedCells(ev: Evaluator, nodes: readonly TS.Node[], scope: Scope): Cell[] {
  const cells = new Set<Cell>();
  const visit = (n: TS.Node): void => {
    if (ts.isFunctionLike(n)) return;
    for (const target of targetsOf(n)) {
      const found = scope.find(target.text);
      if (found !== undefined && found.frame === ev.frame && found.cell.kind !== 'const') cells.add(found.cell);
    }
    ts.forEachChild(n, visit);
  };
  for (const node of nodes) visit(node);
  return [...cells];
}

function targetsOf(n: TS.Node): TS.Identifier[] {
  if (ts.isBinaryExpression(n) && assignmentOperator(n) !== null) return targetNames(bare(n.left));
  return ts.isExpression(n) && isStep(n) ? targetNames(bare(n.operand)) : [];
}

function targetNames(target: TS.Expression): TS.Identifier[] {
  if (ts.isIdentifier(target)) return [target];
  return ts.isArrayLiteralExpression(target) ? target.elements.flatMap((e) => targetNames(bare(e))) : [];
}
