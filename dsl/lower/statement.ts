import type { ts as TS } from 'ts-morph';
import { spanOf } from '../read/diagnostics.js';
import { ts } from '../read/typescript.js';
import { binary, conditionHelp, isBinaryOperator } from './arithmetic.js';
import { typeLabels } from './convert.js';
import { bare, type Evaluator, textOf } from './evaluator.js';
import { evaluate, operand } from './expression.js';
import { branch } from './join.js';
import { forOf } from './loop.js';
import { bindPattern } from './pattern.js';
import type { Scope } from './scope.js';
import { type Cell, describe, NONE, num, POISON, rankOf, tileTypeOf, type Val } from './value.js';

/** What a statement leaves: null if execution goes on after it, else the value of the `return` that ended the function. */
export type Completion = Val | null;

/** Runs the body of a function; its value is what it returns. */
export const runBody = (ev: Evaluator, body: TS.Block, scope: Scope): Val =>
  runBlock(ev, body.statements, scope) ?? NONE;

function runBlock(ev: Evaluator, statements: readonly TS.Statement[], scope: Scope): Completion {
  for (const s of statements)
    if (ts.isFunctionDeclaration(s) && s.name !== undefined)
      bindPattern(ev, scope, s.name, { kind: 'fn', node: s, scope, name: s.name.text }, 'const', s);
  for (const s of statements) {
    const done = runStatement(ev, s, scope);
    if (done !== null) return done;
  }
  return null;
}

export function runStatement(ev: Evaluator, node: TS.Statement, scope: Scope): Completion {
  return ev.within(node, () => dispatch(ev, node, scope));
}

function dispatch(ev: Evaluator, node: TS.Statement, scope: Scope): Completion {
  if (ts.isVariableStatement(node)) return declare(ev, node.declarationList, scope);
  if (ts.isExpressionStatement(node)) return expressionStatement(ev, node.expression, scope);
  if (ts.isForOfStatement(node)) return forOf(ev, node, scope);
  if (ts.isIfStatement(node)) return ifStatement(ev, node, scope);
  if (ts.isBlock(node)) return runBlock(ev, node.statements, scope.child());
  if (ts.isReturnStatement(node)) return returned(ev, node, scope);
  const isSilent =
    ts.isEmptyStatement(node) ||
    ts.isFunctionDeclaration(node) ||
    ts.isTypeAliasDeclaration(node) ||
    ts.isInterfaceDeclaration(node);
  return isSilent ? null : noSuchStatement(ev, node);
}

const INSTEAD: Readonly<Partial<Record<TS.SyntaxKind, readonly [what: string, help: string]>>> = {
  [ts.SyntaxKind.DoStatement]: ['do ... while', 'write for (const i of range(n))'],
  [ts.SyntaxKind.BreakStatement]: ['break', 'say it in the bounds of the range, or select with where()'],
  [ts.SyntaxKind.SwitchStatement]: ['switch', 'write if ... else'],
  [ts.SyntaxKind.ThrowStatement]: ['throw', 'there are no exceptions on a device: mask what must not happen'],
  [ts.SyntaxKind.TryStatement]: ['try', 'there are no exceptions on a device'],
  [ts.SyntaxKind.ClassDeclaration]: ['classes', 'write functions'],
  [ts.SyntaxKind.LabeledStatement]: ['labels', 'write a loop with the right bounds'],
  [ts.SyntaxKind.EnumDeclaration]: ['enums', 'write const numbers'],
  [ts.SyntaxKind.DebuggerStatement]: ['debugger', 'run it with --device interpret'],
};

function noSuchStatement(ev: Evaluator, node: TS.Statement): Completion {
  if (ts.isWhileStatement(node) || ts.isContinueStatement(node)) {
    const what = ts.isWhileStatement(node) ? 'while' : 'continue';
    const help =
      what === 'while'
        ? 'write for (const i of range(n))'
        : 'put the rest of the loop in an if, or select with where()';
    ev.error('LAC0102', firstToken(node, what), `${what} is declared but not built yet`, { help: [help] });
    return null;
  }
  if (ts.isForStatement(node) || ts.isForInStatement(node)) {
    ev.error('LAC0108', firstToken(node, 'for'), 'a loop runs over range(...)', {
      help: ['write for (const i of range(begin, end, step))'],
    });
    return null;
  }
  const [what, help] = INSTEAD[node.kind] ?? ['such statements', 'use const, let, if, for of range() and calls'];
  ev.error('LAC0103', firstToken(node, ''), `kernels have no ${what}`, { help: [help] });
  return null;
}

/** The keyword alone: a whole loop underlined says nothing. */
function firstToken(node: TS.Node, word: string) {
  const span = spanOf(node);
  const length = word.length || (/^\w+/.exec(node.getText())?.[0].length ?? 1);
  return { ...span, end: Math.min(span.end, span.start + length) };
}

function declare(ev: Evaluator, list: TS.VariableDeclarationList, scope: Scope): null {
  const isLexical = (list.flags & ts.NodeFlags.BlockScoped) !== 0;
  if (!isLexical)
    ev.error('LAC0103', firstToken(list, 'var'), 'kernels have no var', {
      help: [{ text: 'write let', edit: { span: firstToken(list, 'var'), newText: 'let' } }],
    });
  const kind = (list.flags & ts.NodeFlags.Const) !== 0 ? 'const' : 'let';
  for (const d of list.declarations) {
    const val = d.initializer === undefined ? NONE : evaluate(ev, d.initializer, scope);
    bindPattern(ev, scope, d.name, val, kind, d.initializer ?? d);
  }
  return null;
}

function returned(ev: Evaluator, node: TS.ReturnStatement, scope: Scope): Completion {
  const val = node.expression === undefined ? NONE : evaluate(ev, node.expression, scope);
  if (ev.runtimeDepth === 0) return val;
  ev.error('LAC0102', node, 'return inside a run-time if or loop is declared but not built yet', {
    help: ['assign a variable in the if, and return once at the end'],
  });
  return null;
}

function expressionStatement(ev: Evaluator, node: TS.Expression, scope: Scope): null {
  const e = bare(node);
  if (ts.isBinaryExpression(e) && assignmentOperator(e) !== null) assignment(ev, e, scope);
  else if (isStep(e)) step(ev, e, scope);
  else evaluate(ev, e, scope);
  return null;
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
  const val = binary(ev, e, op, operand(ev, e.left, scope), operand(ev, e.right, scope));
  assign(ev, bare(e.left), val, scope, e);
}

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
      help: [as === undefined ? 'declare it with let' : `let own = ${target.text}; and assign that`],
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

/** Variables of this function, declared outside `node`, that `node` may assign. */
export function assignedCells(ev: Evaluator, node: TS.Node, scope: Scope): Cell[] {
  const cells = new Set<Cell>();
  const visit = (n: TS.Node): void => {
    if (ts.isFunctionLike(n)) return;
    for (const target of targetsOf(n)) {
      const found = scope.find(target.text);
      if (found !== undefined && found.frame === ev.frame && found.cell.kind !== 'const') cells.add(found.cell);
    }
    ts.forEachChild(n, visit);
  };
  visit(node);
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

function ifStatement(ev: Evaluator, node: TS.IfStatement, scope: Scope): Completion {
  const m = operand(ev, node.expression, scope);
  if (m.val.kind === 'bool') {
    const taken = m.val.value ? node.thenStatement : node.elseStatement;
    return taken === undefined ? null : runStatement(ev, taken, scope.child());
  }
  const sides = [node.thenStatement, node.elseStatement] as const;
  const run = (side: TS.Statement | undefined) => () => {
    if (side !== undefined) runStatement(ev, side, scope.child());
    return NONE;
  };
  if (m.val.kind !== 'tile' || tileTypeOf(m.val).dtype !== 'i1' || rankOf(m.val) !== 0) {
    badCondition(ev, m);
    // What the sides assign is unknown now; whatever is wrong inside them is still worth saying.
    for (const side of sides) if (ev.block !== null) ev.conditionally(run(side));
    for (const cell of assignedCells(ev, node, scope)) cell.value = POISON;
    return null;
  }
  const arms = [
    { node: sides[0], run: run(sides[0]) },
    { node: sides[1] ?? node, run: run(sides[1]) },
  ] as const;
  branch(ev, node, m.val.v, assignedCells(ev, node, scope), arms);
  return null;
}

function badCondition(ev: Evaluator, m: { val: Val; node: TS.Node }): void {
  const { val, node } = m;
  if (val.kind === 'poison') return;
  const labels = typeLabels(m);
  if (val.kind === 'sym')
    ev.error('LAC0306', node, 'grids, prunes and tune keys have no if', { help: ['write condition ? a : b'] });
  else if (val.kind === 'tile' && rankOf(val) > 0)
    ev.error('LAC0208', node, `if branches the whole program, but this condition is ${describe(val)}`, {
      labels,
      help: ['select lane by lane: where(mask, a, b)', 'or fold the tile to one value: sum(), max()'],
    });
  else
    ev.error('LAC0209', node, `if takes a mask or an option, not ${describe(val)}`, {
      labels,
      help: [conditionHelp(val)],
    });
}
