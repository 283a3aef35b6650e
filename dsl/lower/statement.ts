import type { ts as TS } from 'ts-morph';
import type { Help } from '../../compiler/diag/diagnostic.js';
import { spanOf } from '../read/diagnostics.js';
import { ts } from '../read/typescript.js';
import { conditionHelp } from './arithmetic.js';
import { assignedCells, expressionStatement } from './assignment.js';
import { typeLabels } from './convert.js';
import type { Evaluator } from './evaluator.js';
import { alwaysExits } from './exits.js';
import { evaluate, operand } from './expression.js';
import { branch } from './join.js';
import { forOf } from './loop.js';
import { bindPattern } from './pattern.js';
import { resume, type Tail } from './resume.js';
import { whileLoop } from './run-time-loop.js';
import type { Scope } from './scope.js';
import { bool, describe, NONE, POISON, rankOf, type TileVal, tileTypeOf, type Val } from './value.js';

/** Runs the body of a function; its value is what it returns. */
export function runBody(ev: Evaluator, body: TS.Block, scope: Scope): Val {
  runStatements(ev, body.statements, scope);
  const { returned, result } = ev.exits;
  if (returned.value.kind !== 'tile' || result.value.kind === 'none' || result.value.kind === 'poison')
    return result.value;
  const end = { ...spanOf(body), start: spanOf(body).end - 1 };
  return ev.error('LAC0116', end, 'this function returns a value on some of its paths only', {
    help: ['return a value here too'],
  });
}

function runStatements(ev: Evaluator, statements: readonly TS.Statement[], scope: Scope): void {
  for (const s of statements)
    if (ts.isFunctionDeclaration(s) && s.name !== undefined)
      bindPattern(ev, scope, s.name, { kind: 'fn', node: s, scope, name: s.name.text }, 'const', s);
  runFrom(ev, statements, 0, scope);
}

function runFrom(ev: Evaluator, statements: readonly TS.Statement[], first: number, scope: Scope): void {
  for (const [i, s] of statements.entries()) {
    if (i < first) continue;
    const tail: Tail = { nodes: statements.slice(i + 1), scope, run: () => runFrom(ev, statements, i + 1, scope) };
    if (ts.isIfStatement(s)) {
      if (ev.within(s, () => ifStatement(ev, s, scope, tail)) === 'with the tail') return;
    } else runStatement(ev, s, scope);
    if (resume(ev, s, tail) === 'with the tail') return;
  }
}

export function runStatement(ev: Evaluator, node: TS.Statement, scope: Scope): void {
  ev.within(node, () => dispatch(ev, node, scope));
}

function dispatch(ev: Evaluator, node: TS.Statement, scope: Scope): void {
  if (ts.isVariableStatement(node)) declare(ev, node.declarationList, scope);
  else if (ts.isExpressionStatement(node)) expressionStatement(ev, node.expression, scope);
  else if (ts.isForOfStatement(node)) forOf(ev, node, scope);
  else if (ts.isWhileStatement(node)) whileLoop(ev, node, scope);
  else if (ts.isIfStatement(node)) ifStatement(ev, node, scope, null);
  else if (ts.isBlock(node)) runStatements(ev, node.statements, scope.child());
  else if (ts.isReturnStatement(node)) returned(ev, node, scope);
  else if (ts.isContinueStatement(node)) continued(ev, node);
  else if (!isSilent(node)) noSuchStatement(ev, node);
}

const isSilent = (node: TS.Statement): boolean =>
  ts.isEmptyStatement(node) ||
  ts.isFunctionDeclaration(node) ||
  ts.isTypeAliasDeclaration(node) ||
  ts.isInterfaceDeclaration(node);

const INSTEAD: Readonly<Partial<Record<TS.SyntaxKind, readonly [what: string, help: string]>>> = {
  [ts.SyntaxKind.DoStatement]: ['do ... while', 'write while (condition), or for (const i of range(n))'],
  [ts.SyntaxKind.SwitchStatement]: ['switch', 'write if ... else'],
  [ts.SyntaxKind.ThrowStatement]: ['throw', 'there are no exceptions on a device: mask what must not happen'],
  [ts.SyntaxKind.TryStatement]: ['try', 'there are no exceptions on a device'],
  [ts.SyntaxKind.ClassDeclaration]: ['classes', 'write functions'],
  [ts.SyntaxKind.LabeledStatement]: ['labels', 'continue goes on with the loop around it'],
  [ts.SyntaxKind.EnumDeclaration]: ['enums', 'write const numbers'],
  [ts.SyntaxKind.DebuggerStatement]: ['debugger', 'run it with --device interpret'],
};

function noSuchStatement(ev: Evaluator, node: TS.Statement): void {
  if (ts.isBreakStatement(node)) {
    ev.error('LAC0116', firstToken(node, 'break'), 'a loop ends by its range or its condition, not by break', {
      help: ['say it in a condition: while (i < n && !found)', 'or skip what is left: if (found) continue;'],
    });
    return;
  }
  if (ts.isForStatement(node) || ts.isForInStatement(node)) {
    ev.error('LAC0108', firstToken(node, 'for'), 'a loop runs over range(...)', {
      help: [countingLoop(node)],
    });
    return;
  }
  const [what, help] = INSTEAD[node.kind] ?? ['such statements', 'use const, let, if, for of range() and calls'];
  ev.error('LAC0103', firstToken(node, ''), `kernels have no ${what}`, { help: [help] });
}

/** `for (const i in range(n))`, and `for (let i = n; i >= 0; i--)`, in other words. */
function otherLoop(node: TS.ForStatement | TS.ForInStatement): string | Help {
  if (ts.isForInStatement(node)) {
    const span = {
      ...spanOf(node.initializer),
      start: spanOf(node.initializer).end,
      end: spanOf(node.expression).start,
    };
    return { text: 'write of, not in', edit: { span, newText: ' of ' } };
  }
  return /--|-=/.test(node.incrementor?.getText() ?? '')
    ? 'the same indices, last first: for (const i of range(begin, end, step, { reverse: true }))'
    : 'write for (const i of range(begin, end, step))';
}

/** `for (let i = a; i < b; i++)` as `for (const i of range(a, b))`; words alone for every other loop. */
function countingLoop(node: TS.ForStatement | TS.ForInStatement): string | Help {
  const head =
    /^for\s*\(\s*let\s+(\w+)\s*=([^;=]+);\s*\1\s*<([^;=]+);\s*(?:\1\s*\+\+|\+\+\s*\1|\1\s*\+=([^;=]+))\)\s*$/;
  const span = { ...spanOf(node), end: node.statement.getFullStart() };
  const [, name, begin = '', end = '', step] = head.exec(node.getText().slice(0, span.end - span.start)) ?? [];
  if (name === undefined) return otherLoop(node);
  const text = 'write for (const i of range(begin, end, step))';
  const bounds = [begin, end, ...(step === undefined ? [] : [step])].map((b) => b.trim()).join(', ');
  return { text, edit: { span, newText: `for (const ${name} of range(${bounds}))` } };
}

/** The keyword alone: a whole loop underlined says nothing. */
function firstToken(node: TS.Node, word: string) {
  const span = spanOf(node);
  const length = word.length || (/^\w+/.exec(node.getText())?.[0].length ?? 1);
  return { ...span, end: Math.min(span.end, span.start + length) };
}

function declare(ev: Evaluator, list: TS.VariableDeclarationList, scope: Scope): void {
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
}

function returned(ev: Evaluator, node: TS.ReturnStatement, scope: Scope): void {
  const val = node.expression === undefined ? NONE : evaluate(ev, node.expression, scope);
  const { returned, result, isInLoop } = ev.exits;
  result.value = isInLoop ? POISON : val;
  if (isInLoop)
    ev.error('LAC0116', firstToken(node, 'return'), 'return cannot leave a loop that runs on the device', {
      help: [
        'assign a variable and say it in a condition: while (i < n && !found)',
        'or skip what is left: if (found) continue;',
      ],
    });
  else returned.value = bool(true);
}

function continued(ev: Evaluator, node: TS.ContinueStatement): void {
  const flag = ev.exits.continued;
  if (node.label !== undefined)
    ev.error('LAC0103', node.label, 'kernels have no labels', { help: ['continue goes on with the loop around it'] });
  else if (flag !== null) flag.value = bool(true);
  else
    ev.error('LAC0116', firstToken(node, 'continue'), 'there is no loop around this continue', {
      help: [
        ev.frame.callee === null
          ? 'return ends the program, or the function'
          : 'a function cannot continue the loop of its caller: return whether to, and continue there',
      ],
    });
}

/**
 * `if`, with the statements after it. Where one side never comes to its end, they belong to the other one; then they have
 * been run too, and nothing is left to do.
 */
function ifStatement(ev: Evaluator, node: TS.IfStatement, scope: Scope, tail: Tail | null): 'with the tail' | 'alone' {
  const m = operand(ev, node.expression, scope);
  const sides = [node.thenStatement, node.elseStatement] as const;
  if (m.val.kind === 'bool') {
    const taken = sides[m.val.value ? 0 : 1];
    if (taken !== undefined) runStatement(ev, taken, scope.child());
    return 'alone';
  }
  if (!isScalarMask(m.val)) {
    badCondition(ev, 'if', m);
    poisonSides(ev, node, scope);
    return 'alone';
  }
  const ends = sides.map(alwaysExits);
  const withTail = ends.includes(true) ? tail : null;
  const arm = (i: 0 | 1) => ({
    node: sides[i] ?? node,
    run: (): Val => {
      const side = sides[i];
      if (side !== undefined) runStatement(ev, side, scope.child());
      if (withTail !== null && ends[i] !== true && resume(ev, node, withTail) === 'nothing happened') withTail.run();
      return NONE;
    },
  });
  const nodes = withTail === null ? [node] : [node, ...withTail.nodes];
  branch(ev, node, m.val.v, assignedCells(ev, nodes, scope), [arm(0), arm(1)]);
  return withTail === null ? 'alone' : 'with the tail';
}

export const isScalarMask = (val: Val): val is TileVal =>
  val.kind === 'tile' && tileTypeOf(val).dtype === 'i1' && rankOf(val) === 0;

/** What the sides of a wrong condition assign is unknown; whatever is wrong inside them is still worth saying. */
function poisonSides(ev: Evaluator, node: TS.IfStatement, scope: Scope): void {
  for (const side of [node.thenStatement, node.elseStatement])
    if (side !== undefined && ev.block !== null) ev.inVain(() => runStatement(ev, side, scope.child()));
  for (const cell of assignedCells(ev, [node], scope)) cell.value = POISON;
}

export function badCondition(ev: Evaluator, what: 'if' | 'while', m: { val: Val; node: TS.Node }): void {
  const { val, node } = m;
  if (val.kind === 'poison') return;
  const labels = typeLabels(m);
  if (val.kind === 'sym')
    ev.error('LAC0306', node, `grids, prunes and tune keys have no ${what}`, { help: ['write condition ? a : b'] });
  else if (val.kind === 'tile' && rankOf(val) > 0)
    ev.error('LAC0208', node, `${what} ${ONE[what]}, but this condition is ${describe(val)}`, {
      labels,
      help: ['select lane by lane: where(mask, a, b)', 'or fold the tile to one value: sum(), max()'],
    });
  else
    ev.error('LAC0209', node, `${what} takes a mask or an option, not ${describe(val)}`, {
      labels,
      help: [conditionHelp(val)],
    });
}

const ONE = { if: 'branches the whole program', while: 'asks once for the whole program' } as const;
