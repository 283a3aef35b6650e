import type { ts as TS } from 'ts-morph';
import { type Block, newBlock, type Value } from '../../compiler/ir/module.js';
import { sameType, scalarType } from '../../compiler/ir/types.js';
import { ts } from '../read/typescript.js';
import { coerce } from './convert.js';
import type { Evaluator } from './evaluator.js';
import { operand } from './expression.js';
import { sameValue, takes } from './join.js';
import { bindPattern } from './pattern.js';
import type { Scope } from './scope.js';
import { assignedCells, type Completion, runStatement } from './statement.js';
import {
  type Cell,
  describe,
  type NumVal,
  num,
  POISON,
  type RangeVal,
  type TileVal,
  tileOf,
  tileTypeOf,
  type Val,
} from './value.js';

/** `for (const i of range(...))`, and over arrays known at compile time. */
export function forOf(ev: Evaluator, node: TS.ForOfStatement, scope: Scope): Completion {
  const over = operand(ev, node.expression, scope);
  const name = loopVariable(ev, node);
  if (name === null || over.val.kind === 'poison') return failed(ev, node, scope);
  if (over.val.kind === 'arr') return eachItem(ev, node, name, over.val.items, scope);
  if (over.val.kind !== 'range') {
    ev.error('LAC0108', node.expression, `a loop runs over range(...), not ${describe(over.val)}`, {
      help: ['write for (const i of range(begin, end, step))'],
    });
    return failed(ev, node, scope);
  }
  if (over.val.unroll) return unrolled(ev, node, name, over.val, scope);
  if (ev.emits(node)) runtimeLoop(ev, node, name, over.val, scope);
  return null;
}

/** What the loop would have assigned is unknown: nothing more is said about it. */
function failed(ev: Evaluator, node: TS.ForOfStatement, scope: Scope): null {
  for (const cell of assignedCells(ev, node.statement, scope)) cell.value = POISON;
  return null;
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

function eachItem(
  ev: Evaluator,
  node: TS.ForOfStatement,
  name: TS.BindingName,
  items: readonly Val[],
  scope: Scope,
): Completion {
  for (const item of items) {
    const done = ev.within(node, () => {
      const inner = scope.child();
      bindPattern(ev, inner, name, item, 'const', node.expression);
      return runStatement(ev, node.statement, inner);
    });
    if (done !== null) return done;
  }
  return null;
}

function unrolled(
  ev: Evaluator,
  node: TS.ForOfStatement,
  name: TS.BindingName,
  range: RangeVal,
  scope: Scope,
): Completion {
  const { begin, end, step } = range;
  if (begin.kind !== 'num' || end.kind !== 'num' || step.kind !== 'num') {
    ev.error('LAC0113', node.expression, 'an unrolled range has bounds known at compile time', {
      help: ['leave `unroll: true` away, or make the bounds Const values'],
    });
    return failed(ev, node, scope);
  }
  const items: NumVal[] = [];
  for (let i = begin.value; i < end.value; i += step.value) ev.within(node, () => items.push(num(i)));
  return eachItem(ev, node, name, range.reverse ? items.reverse() : items, scope);
}

/** A place inside a carried variable that holds a tile while the loop runs. */
interface Slot {
  readonly init: Value;
  readonly dims: readonly string[];
  readonly cell: Cell;
}

/**
 * A run-time loop. Variables that the body assigns are carried: initial value in, block argument inside, yield, result
 * out. A literal among them (`let x = 0`) takes the type of what the body assigns, found by walking the body once in vain.
 */
function runtimeLoop(
  ev: Evaluator,
  node: TS.ForOfStatement,
  name: TS.BindingName,
  range: RangeVal,
  scope: Scope,
): void {
  const bounds = [range.begin, range.end, range.step].map((val) =>
    coerce(ev, { val, node: node.expression }, 'i32', []),
  );
  const [begin, end, step] = bounds;
  if (begin == null || end == null || step == null) return;
  const assigned = assignedCells(ev, node.statement, scope);
  const cells = assigned.filter(hasValue);
  const unset = assigned.filter((c) => !hasValue(c)).map((cell) => ({ cell, value: cell.value }));
  const final = cells.some((c) => hasLiteral(c.value))
    ? rehearse(ev, node, name, cells, scope)
    : cells.map((c) => c.value);
  const slots: Slot[] = [];
  const shapes = cells.map((cell, i) => carry(ev, node, cell, cell.value, final[i] ?? POISON, slots));
  const region = newBlock(
    [scalarType('i32'), ...slots.map((s) => s.init.type)],
    [undefined, ...slots.map((s) => s.init.hint)],
  );
  const inside = region.args.slice(1);
  for (const [i, cell] of cells.entries()) cell.value = shapes[i]?.(inside) ?? POISON;
  walkBody(ev, node, name, region, scope);
  const lost = cells.map((c) => c.value.kind === 'poison');
  const yields = leave(ev, node, cells, shapes, slots, inside, region);
  ev.into(region, () => ev.op(node, 'yield', yields, {}));
  const attrs = {
    ...(range.reverse ? { reverse: true } : {}),
    ...(range.stages === undefined ? {} : { stages: range.stages }),
  };
  const op = ev.op(node, 'for', [begin, end, step, ...slots.map((s) => s.init)], attrs, undefined, [region]);
  for (const [i, cell] of cells.entries())
    cell.value = (lost[i] === true ? undefined : shapes[i]?.(op.results)) ?? POISON;
  // What the body gave a variable that had no value before the loop does not outlive the trip.
  for (const { cell, value } of unset) cell.value = value;
}

const hasValue = (c: Cell): boolean => c.value.kind !== 'poison' && c.value.kind !== 'none';

function walkBody(ev: Evaluator, node: TS.ForOfStatement, name: TS.BindingName, region: Block, scope: Scope): void {
  const inner = scope.child();
  const [index] = region.args;
  bindPattern(ev, inner, name, index === undefined ? POISON : tileOf(index), 'const', node);
  ev.into(region, () => ev.conditionally(() => runStatement(ev, node.statement, inner)));
}

/** Values of the variables after one walk of the body that leaves no ops and reports nothing. */
function rehearse(
  ev: Evaluator,
  node: TS.ForOfStatement,
  name: TS.BindingName,
  cells: readonly Cell[],
  scope: Scope,
): Val[] {
  const before = cells.map((c) => c.value);
  ev.rehearse(() => walkBody(ev, node, name, newBlock([scalarType('i32')]), scope));
  const after = cells.map((c) => c.value);
  for (const [i, cell] of cells.entries()) cell.value = before[i] ?? POISON;
  return after;
}

function hasLiteral(val: Val): boolean {
  if (val.kind === 'num' || val.kind === 'bool') return true;
  if (val.kind === 'arr') return val.items.some(hasLiteral);
  return val.kind === 'obj' && [...val.props.values()].some((v) => typeof v !== 'function' && hasLiteral(v));
}

/** How a carried variable is put together again from the values in its slots. */
type Assemble = (values: readonly Value[]) => Val;

function carry(ev: Evaluator, node: TS.Node, cell: Cell, init: Val, final: Val, slots: Slot[]): Assemble {
  if (init.kind === 'tile') return slot(slots, { init: init.v, dims: init.dims, cell });
  if ((init.kind === 'num' || init.kind === 'bool') && final.kind === 'tile' && takes(final, init)) {
    const v = coerce(ev, { val: init, node }, tileTypeOf(final).dtype, tileTypeOf(final).shape);
    return v === null ? () => POISON : slot(slots, { init: v, dims: final.dims, cell });
  }
  if (init.kind === 'num' && final.kind === 'num' && init.value !== final.value) return noDType(ev, cell);
  if (init.kind === 'arr') {
    const parts = init.items.map((x, i) =>
      carry(ev, node, cell, x, final.kind === 'arr' ? (final.items[i] ?? x) : x, slots),
    );
    return (values) => ({ kind: 'arr', items: parts.map((p) => p(values)) });
  }
  if (init.kind === 'obj') {
    const parts = [...init.props].map(([key, x]) => {
      const value = typeof x === 'function' ? x() : x;
      const last = final.kind === 'obj' ? final.props.get(key) : undefined;
      return [
        key,
        carry(ev, node, cell, value, last === undefined || typeof last === 'function' ? value : last, slots),
      ] as const;
    });
    return (values) => ({ kind: 'obj', props: new Map(parts.map(([key, p]) => [key, p(values)])) });
  }
  return () => init;
}

function slot(slots: Slot[], s: Slot): Assemble {
  const i = slots.push(s) - 1;
  return (values) => {
    const v = values[i];
    return v === undefined ? POISON : tileOf(v, s.dims);
  };
}

function noDType(ev: Evaluator, cell: Cell): Assemble {
  ev.error('LAC0207', cell.declared, `${cell.name} is assigned in a loop, but never gets a dtype`, {
    help: ['start it with a dtype: cast(0, i32) or cast(0, f32)'],
  });
  return () => POISON;
}

/** What the body left in each slot, checked against what the slot holds. */
function leave(
  ev: Evaluator,
  at: TS.Node,
  cells: readonly Cell[],
  shapes: readonly Assemble[],
  slots: readonly Slot[],
  inside: readonly Value[],
  region: Block,
): Value[] {
  const yields = [...inside];
  for (const [i, cell] of cells.entries())
    match(ev, at, cell, shapes[i]?.(inside) ?? POISON, cell.value, inside, yields, region);
  return yields.slice(0, slots.length);
}

function match(
  ev: Evaluator,
  at: TS.Node,
  cell: Cell,
  was: Val,
  is: Val,
  inside: readonly Value[],
  yields: Value[],
  region: Block,
): void {
  if (was.kind === 'poison' || is.kind === 'poison' || sameValue(was, is)) return;
  if (was.kind === 'arr' && is.kind === 'arr' && was.items.length === is.items.length) {
    for (const [i, x] of was.items.entries()) match(ev, at, cell, x, is.items[i] ?? POISON, inside, yields, region);
    return;
  }
  if (was.kind === 'obj' && is.kind === 'obj') {
    for (const [key, x] of was.props) {
      const y = is.props.get(key) ?? POISON;
      if (typeof x !== 'function' && typeof y !== 'function') match(ev, at, cell, x, y, inside, yields, region);
    }
    return;
  }
  const left = was.kind === 'tile' ? carriedValue(ev, at, was, is, region) : null;
  if (left === null || was.kind !== 'tile') changed(ev, cell, was, is);
  else yields[inside.indexOf(was.v)] = left;
}

function carriedValue(ev: Evaluator, at: TS.Node, was: TileVal, is: Val, region: Block): Value | null {
  if (is.kind === 'tile') return sameType(was.v.type, is.v.type) ? is.v : null;
  if (!takes(was, is)) return null;
  const { dtype, shape } = tileTypeOf(was);
  return ev.into(region, () => coerce(ev, { val: is, node: at }, dtype, shape));
}

function changed(ev: Evaluator, cell: Cell, was: Val, is: Val): void {
  const what = was.kind === 'tile' && is.kind === 'tile' ? 'keeps its shape and dtype' : 'cannot change like this';
  ev.error(
    'LAC0210',
    cell.assigned ?? cell.declared,
    `a variable carried round a loop ${what}: ${cell.name} was ${describe(was)}, becomes ${describe(is)}`,
    {
      labels: [{ span: cell.declared, text: `${describe(was)} here` }],
      help: castHelp(was, is),
    },
  );
}

function castHelp(was: Val, is: Val): string[] {
  if (was.kind !== 'tile' || is.kind !== 'tile') return ['views, functions and options stay the same in a loop'];
  const [t, u] = [tileTypeOf(was), tileTypeOf(is)];
  return t.dtype !== u.dtype
    ? [`cast(value, ${t.dtype}), or start it with dtype ${u.dtype}`]
    : ['start it with the shape that the loop gives it'];
}
