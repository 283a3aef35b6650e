import type { ts as TS } from 'ts-morph';
import { ts } from '../read/typescript.js';
import { assignedCells } from './assignment.js';
import type { Evaluator } from './evaluator.js';
import { operand } from './expression.js';
import { bindPattern } from './pattern.js';
import { resume } from './resume.js';
import { forLoop } from './run-time-loop.js';
import type { Scope } from './scope.js';
import { runStatement } from './statement.js';
import { unrolledBy } from './unrolled-by.js';
import { describe, type NumVal, num, POISON, type RangeVal, type Val } from './value.js';

/** `for (const i of range(...))`, and over arrays known at compile time. */
export function forOf(ev: Evaluator, node: TS.ForOfStatement, scope: Scope): void {
  const over = operand(ev, node.expression, scope);
  const name = loopVariable(ev, node);
  if (name === null || over.val.kind === 'poison') failed(ev, node, scope);
  else if (over.val.kind === 'arr') eachItem(ev, { node, name, scope }, over.val.items);
  else if (over.val.kind === 'range') overRange(ev, { node, name, scope }, over.val);
  else {
    ev.error('LAC0108', node.expression, `a loop runs over range(...), not ${describe(over.val)}`, {
      help: ['write for (const i of range(begin, end, step))'],
    });
    failed(ev, node, scope);
  }
}

/** A loop in the source. */
export interface ForOf {
  readonly node: TS.ForOfStatement;
  /** What it declares. */
  readonly name: TS.BindingName;
  readonly scope: Scope;
}

function overRange(ev: Evaluator, loop: ForOf, range: RangeVal): void {
  if (range.unroll === true) unrolled(ev, loop, range);
  else if (ev.emits(loop.node)) for (const part of unrolledBy(ev, loop, range)) forLoop(ev, loop, part);
}

/** What the loop would have assigned is unknown: nothing more is said about it. */
function failed(ev: Evaluator, node: TS.ForOfStatement, scope: Scope): void {
  for (const cell of assignedCells(ev, [node.statement], scope)) cell.value = POISON;
}

function loopVariable(ev: Evaluator, node: TS.ForOfStatement): TS.BindingName | null {
  const list = node.initializer;
  const [d] = ts.isVariableDeclarationList(list) ? list.declarations : [];
  if (d !== undefined && node.awaitModifier === undefined) return d.name;
  ev.error('LAC0108', list, 'a loop declares its own index', {
    help: ['write for (const i of range(begin, end, step))'],
  });
  return null;
}

function eachItem(ev: Evaluator, loop: ForOf, items: readonly Val[]): void {
  const { node, name, scope } = loop;
  for (const [i, item] of items.entries()) {
    ev.trip(false, () =>
      ev.within(node, () => {
        const inner = scope.child();
        bindPattern(ev, inner, name, item, 'const', node.expression);
        runStatement(ev, node.statement, inner);
      }),
    );
    const tail = { nodes: [node.statement], scope, run: () => eachItem(ev, loop, items.slice(i + 1)) };
    if (resume(ev, node, tail) === 'with the tail') return;
  }
}

function unrolled(ev: Evaluator, loop: ForOf, range: RangeVal): void {
  const { begin, end, step } = range;
  if (begin.kind !== 'num' || end.kind !== 'num' || step.kind !== 'num') {
    ev.error('LAC0113', loop.node.expression, 'an unrolled range has bounds known at compile time', {
      help: ['leave `unroll: true` away, or make the bounds Const values'],
    });
    failed(ev, loop.node, loop.scope);
    return;
  }
  const items: NumVal[] = [];
  for (let i = begin.value; i < end.value; i += step.value) ev.within(loop.node, () => items.push(num(i)));
  eachItem(ev, loop, range.reverse ? items.reverse() : items);
}
