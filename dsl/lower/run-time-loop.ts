import type { ts as TS } from 'ts-morph';
import { type Block, newBlock, type Value } from '../../compiler/ir/module.js';
import { scalarType } from '../../compiler/ir/types.js';
import { assignedCells } from './assignment.js';
import { Carried } from './carried.js';
import { coerce } from './convert.js';
import type { Evaluator } from './evaluator.js';
import { operand } from './expression.js';
import type { ForOf } from './loop.js';
import { bindPattern } from './pattern.js';
import type { Scope } from './scope.js';
import { badCondition, isScalarMask, runStatement } from './statement.js';
import { type Cell, POISON, type RangeVal, tileOf, type Val } from './value.js';

/** A range whose body is walked for several indices in turn: `offsets` from the index of the `for` op, in order of time. */
export interface Stride extends RangeVal {
  readonly offsets: readonly number[];
}

/** `for` over a range at run time. */
export function forLoop(ev: Evaluator, loop: ForOf, range: Stride): void {
  const { node, scope } = loop;
  const bounds = [range.begin, range.end, range.step].map((val) =>
    coerce(ev, { val, node: node.expression }, 'i32', []),
  );
  const [begin, end, step] = bounds;
  if (begin == null || end == null || step == null) return;
  const walk = (block: Block): void => ev.into(block, () => trips(ev, loop, block.args[0], range.offsets));
  const carried = new Carried(ev, node, assignedCells(ev, [node.statement], scope), () =>
    walk(newBlock([scalarType('i32')])),
  );
  if (ev.isRehearsing) {
    carried.rehearse();
    return;
  }
  const region = newBlock([scalarType('i32'), ...carried.types], [undefined, ...carried.hints]);
  carried.enter(region.args.slice(1));
  walk(region);
  const yields = carried.leave(region);
  ev.into(region, () => ev.op(node, 'yield', yields, {}));
  const attrs = {
    ...(range.reverse ? { reverse: true } : {}),
    ...(range.stages === undefined ? {} : { stages: range.stages }),
  };
  carried.finish(ev.op(node, 'for', [begin, end, step, ...carried.inits], attrs, undefined, [region]).results);
}

function trips(
  ev: Evaluator,
  { node, name, scope }: ForOf,
  index: Value | undefined,
  offsets: readonly number[],
): void {
  for (const offset of offsets) {
    const inner = scope.child();
    bindPattern(ev, inner, name, shifted(ev, node, index, offset), 'const', node);
    ev.trip(true, () => runStatement(ev, node.statement, inner));
  }
}

function shifted(ev: Evaluator, node: TS.Node, index: Value | undefined, offset: number): Val {
  if (index === undefined) return POISON;
  if (offset === 0) return tileOf(index);
  return tileOf(ev.value(node, 'add', [index, ev.constant(node, offset, scalarType('i32'))], {}));
}

/** `while (condition)`: the condition is computed before each trip, from the carried values. */
export function whileLoop(ev: Evaluator, node: TS.WhileStatement, scope: Scope): void {
  const cells = assignedCells(ev, [node.statement], scope);
  const known = constantCondition(ev, node, cells, scope);
  if (known !== undefined) neverChanges(ev, node, known);
  else if (ev.emits(node)) atRunTime(ev, node, cells, scope);
}

/** What the condition is whatever the body assigns; undefined where it can change. */
function constantCondition(
  ev: Evaluator,
  node: TS.WhileStatement,
  cells: readonly Cell[],
  scope: Scope,
): boolean | undefined {
  if (ev.block === null) return undefined;
  const before = cells.map((c) => c.value);
  for (const cell of cells) cell.value = POISON;
  const { val } = ev.rehearse(() => operand(ev, node.expression, scope));
  for (const [i, cell] of cells.entries()) cell.value = before[i] ?? POISON;
  return val.kind === 'bool' ? val.value : undefined;
}

function neverChanges(ev: Evaluator, node: TS.WhileStatement, holds: boolean): void {
  if (holds)
    ev.error('LAC0117', node.expression, 'this condition always holds, so the loop never ends', {
      help: ['compare something that the loop assigns: while (i < n) { ...; i += 1; }'],
    });
}

function atRunTime(ev: Evaluator, node: TS.WhileStatement, cells: readonly Cell[], scope: Scope): void {
  const walk = (block: Block): void =>
    ev.into(block, () => ev.trip(true, () => runStatement(ev, node.statement, scope.child())));
  const carried = new Carried(ev, node, cells, () => walk(newBlock([])));
  if (ev.isRehearsing) {
    carried.rehearse();
    return;
  }
  const [test, body] = [newBlock(carried.types, carried.hints), newBlock(carried.types, carried.hints)];
  carried.enter(test.args);
  const m = ev.into(test, () => operand(ev, node.expression, scope));
  if (!isScalarMask(m.val)) {
    if (m.val.kind === 'bool') neverChanges(ev, node, m.val.value);
    else badCondition(ev, 'while', m);
    carried.restore(m.val.kind !== 'bool');
    return;
  }
  const { v } = m.val;
  ev.into(test, () => ev.op(node, 'yield', [v], {}));
  carried.enter(body.args);
  walk(body);
  const yields = carried.leave(body);
  ev.into(body, () => ev.op(node, 'yield', yields, {}));
  carried.finish(ev.op(node, 'while', carried.inits, {}, undefined, [test, body]).results);
}
