import type { ts } from 'ts-morph';
import { type Block, newBlock, type Value } from '../../compiler/ir/module.js';
import { sameType, type TileType } from '../../compiler/ir/types.js';
import { coerce, commonDType, joinShapes, type Numeric, type Operand } from './convert.js';
import type { Evaluator } from './evaluator.js';
import { cellsOf, type Exits, isFalse, isTrue } from './exits.js';
import {
  type BoolVal,
  bool,
  type Cell,
  describe,
  isMask,
  NONE,
  type NumVal,
  num,
  type ObjVal,
  POISON,
  type TileVal,
  tileOf,
  tileTypeOf,
  type Val,
} from './value.js';

/** Turns the results of an op into the value that they stand for. */
export type Rebuild = (results: readonly Value[]) => Val;

/** One arm of a run-time branch: its ops, what it gave, and what it left in the variables. */
interface Arm {
  readonly block: Block;
  readonly result: Val;
  readonly left: ReadonlyMap<Cell, Val>;
}

export interface ArmSource {
  readonly node: ts.Node;
  readonly run: () => Val;
}

/**
 * Both sides of a scalar condition as an `if` op; joins the result and every variable that a side assigns. In a combining
 * function, where lanes have no branches, both sides are evaluated and each value is selected.
 */
export function branch(
  ev: Evaluator,
  node: ts.Node,
  cond: Value,
  assigned: readonly Cell[],
  sides: readonly [ArmSource, ArmSource],
): Val {
  const cells = [...cellsOf(ev.exits), ...assigned];
  const before = new Map(cells.map((c) => [c, c.value]));
  const arms = [runArm(ev, before, sides[0]), runArm(ev, before, sides[1])] as const;
  const join = new Join(ev, node, cond, arms);
  const rebuilt = cells.map((c) => join.variable(c, before.get(c) ?? POISON));
  const result = join.loose({ val: arms[0].result, node: sides[0].node }, { val: arms[1].result, node: sides[1].node });
  const results = join.finish();
  for (const [i, cell] of cells.entries()) cell.value = rebuilt[i]?.(results) ?? POISON;
  return result(results);
}

function runArm(ev: Evaluator, before: ReadonlyMap<Cell, Val>, side: ArmSource): Arm {
  const block = ev.isLanewise && ev.block !== null ? ev.block : newBlock([]);
  const result = ev.into(block, side.run);
  const left = new Map([...before.keys()].map((c) => [c, c.value]));
  for (const [cell, value] of before) cell.value = value;
  return { block, result, left };
}

class Join {
  readonly #ev: Evaluator;
  readonly #node: ts.Node;
  readonly #cond: Value;
  readonly #arms: readonly [Arm, Arm];
  readonly #yields: [Value[], Value[]] = [[], []];

  constructor(ev: Evaluator, node: ts.Node, cond: Value, arms: readonly [Arm, Arm]) {
    this.#ev = ev;
    this.#node = node;
    this.#cond = cond;
    this.#arms = arms;
  }

  finish(): readonly Value[] {
    const ev = this.#ev;
    const [yes, no] = this.#arms;
    const isEmpty = yes.block.ops.length === 0 && no.block.ops.length === 0 && this.#yields[0].length === 0;
    if (ev.isLanewise || isEmpty) return [];
    for (const i of [0, 1] as const)
      ev.into(this.#arms[i].block, () => ev.op(this.#node, 'yield', this.#yields[i], {}));
    const types = this.#yields[0].map((v) => v.type);
    return ev.op(this.#node, 'if', [this.#cond], {}, types, [yes.block, no.block]).results;
  }

  #add(yes: Value, no: Value, dims: readonly string[]): Rebuild {
    if (this.#ev.isLanewise) {
      const v = this.#ev.value(this.#node, 'select', [this.#cond, yes, no], {});
      return () => tileOf(v, dims);
    }
    const i = this.#yields[0].push(yes) - 1;
    this.#yields[1].push(no);
    return (results) => {
      const v = results[i];
      return v === undefined ? POISON : tileOf(v, dims);
    };
  }

  /** A variable keeps its shape and dtype, whichever side ran. What is read on no path after a side does not count. */
  variable(cell: Cell, before: Val): Rebuild {
    const [a, b] = this.#arms.map((arm) => arm.left.get(cell) ?? POISON) as [Val, Val];
    const [isRead, isReadToo] = this.#arms.map((arm) => isReadAfter(this.#ev.exits, arm.left, cell)) as [
      boolean,
      boolean,
    ];
    if (!isRead && !isReadToo) return () => before;
    if (isRead !== isReadToo && a.kind !== 'poison' && b.kind !== 'poison')
      return this.#oneSided(isRead ? 0 : 1, isRead ? a : b, before, cell.name);
    if (a.kind === 'tile' && b.kind === 'tile' && a.v !== b.v && !sameType(a.v.type, b.v.type)) {
      this.#differ(a, b, `the two sides of this condition leave ${cell.name} with different types`);
      return () => POISON;
    }
    return this.#both(a, b, cell.name);
  }

  /** The value that side i left; the other side yields anything. */
  #oneSided(i: 0 | 1, val: Val, before: Val, what: string): Rebuild {
    if (sameValue(val, before)) return () => val;
    if (val.kind === 'arr') {
      const items = val.items.map((x, j) =>
        this.#oneSided(i, x, before.kind === 'arr' ? (before.items[j] ?? NONE) : NONE, what),
      );
      return (results) => ({ kind: 'arr', items: items.map((r) => r(results)) });
    }
    if (val.kind === 'obj') return this.#objects(val, val, (x) => this.#oneSided(i, x, NONE, what));
    if (val.kind === 'tile') {
      const zero = isMask(val) ? bool(false) : num(0);
      const any = this.#inArm(i === 0 ? 1 : 0, { val: zero, node: this.#node }, tileTypeOf(val));
      return any === null ? () => POISON : i === 0 ? this.#add(val.v, any, val.dims) : this.#add(any, val.v, val.dims);
    }
    if (val.kind !== 'view') return () => val;
    this.#differ(val, NONE, `${what} ${A_VIEW}`);
    return () => POISON;
  }

  /** An expression: arms promote and broadcast as in arithmetic. */
  loose(a: Operand, b: Operand): Rebuild {
    if (a.val.kind !== 'tile' || b.val.kind !== 'tile' || sameType(a.val.v.type, b.val.v.type))
      return this.#both(a.val, b.val, 'the result');
    const operands = [a, b] as [Operand<Numeric>, Operand<Numeric>];
    const dtype = commonDType(this.#ev, this.#node, operands);
    const joined = dtype === null ? null : joinShapes(this.#ev, this.#node, operands);
    if (dtype === null || joined === null) return () => POISON;
    const [x, y] = operands.map((o, i) =>
      this.#inArm(i === 0 ? 0 : 1, o, { kind: 'tile', dtype, shape: joined.shape }),
    );
    return x == null || y == null ? () => POISON : this.#add(x, y, joined.dims);
  }

  #inArm(i: 0 | 1, o: Operand<Numeric>, type: TileType): Value | null {
    return this.#ev.into(this.#arms[i].block, () => coerce(this.#ev, o, type.dtype, type.shape));
  }

  #both(a: Val, b: Val, what: string): Rebuild {
    if (a.kind === 'poison' || b.kind === 'poison') return () => POISON;
    if (sameValue(a, b)) return () => a;
    if (a.kind === 'arr' && b.kind === 'arr' && a.items.length === b.items.length) {
      const items = a.items.map((x, i) => this.#both(x, b.items[i] ?? POISON, what));
      return (results) => ({ kind: 'arr', items: items.map((r) => r(results)) });
    }
    if (a.kind === 'obj' && b.kind === 'obj' && sameKeys(a.props, b.props))
      return this.#objects(a, b, (x, y) => this.#both(x, y, what));
    if (a.kind === 'bool' && b.kind === 'bool') return this.#condition(a.value);
    if (a.kind === 'tile' && b.kind === 'tile' && sameType(a.v.type, b.v.type)) return this.#add(a.v, b.v, a.dims);
    if (a.kind === 'tile' && takes(a, b)) return this.#weak(a, b, 1);
    if (b.kind === 'tile' && takes(b, a)) return this.#weak(b, a, 0);
    const isView = a.kind === 'view' && b.kind === 'view';
    this.#differ(a, b, `${what} ${isView ? A_VIEW : 'differs between the two sides of this condition'}`);
    return () => POISON;
  }

  #objects(a: ObjVal, b: ObjVal, join: (x: Val, y: Val) => Rebuild): Rebuild {
    const props = [...a.props].map(([key, x]) => {
      const y = b.props.get(key);
      return [key, join(typeof x === 'function' ? x() : x, typeof y === 'function' ? y() : (y ?? POISON))] as const;
    });
    return (results) => ({ kind: 'obj', props: new Map(props.map(([key, r]) => [key, r(results)])) });
  }

  /** true and false: the condition itself, or its negation. */
  #condition(isCondition: boolean): Rebuild {
    if (isCondition) return () => tileOf(this.#cond);
    return () => tileOf(this.#ev.value(this.#node, 'not', [this.#cond], {}));
  }

  /** A literal on side i takes the type of the tile on the other. */
  #weak(tile: TileVal, weak: Numeric, i: 0 | 1): Rebuild {
    const v = this.#inArm(i, { val: weak, node: this.#node }, tileTypeOf(tile));
    if (v === null) return () => POISON;
    return i === 1 ? this.#add(tile.v, v, tile.dims) : this.#add(v, tile.v, tile.dims);
  }

  #differ(a: Val, b: Val, message: string): void {
    const literals = a.kind === 'num' && b.kind === 'num';
    this.#ev.error(literals ? 'LAC0207' : 'LAC0210', this.#node, `${message}: ${describe(a)} and ${describe(b)}`, {
      help: literals
        ? ['give one of them a dtype: cast(0, i32), cast(0, f32)']
        : a.kind === 'none' || b.kind === 'none'
          ? ['give it a value before the condition, or in both sides']
          : a.kind === 'tile' && b.kind === 'tile'
            ? ['both sides leave one shape and dtype: cast(x, dtype), zeros(shape, dtype) + x']
            : a.kind === 'view' && b.kind === 'view'
              ? ['load in both sides: tiles join; or choose a number: x.at(condition ? i : j)']
              : [],
    });
  }
}

/** Whether some path reads a variable after a side: not what is left where the function has returned. */
function isReadAfter(exits: Exits, left: ReadonlyMap<Cell, Val>, cell: Cell): boolean {
  if (cell === exits.returned) return true;
  const hasReturned = isTrue(left.get(exits.returned));
  if (cell === exits.result) return !isFalse(left.get(exits.returned));
  if (hasReturned) return false;
  // The next trip reads what this one leaves. What has no value yet belongs to this trip alone.
  const hasContinued = exits.continued !== null && isTrue(left.get(exits.continued));
  return !hasContinued || left.get(cell)?.kind !== 'none';
}

/** A number can become any number tile, true and false any mask. */
export const takes = (tile: TileVal, weak: Val): weak is NumVal | BoolVal =>
  weak.kind === (tileTypeOf(tile).dtype === 'i1' ? 'bool' : 'num');

const A_VIEW = 'is a view, which cannot be chosen at run time';

const sameKeys = (a: ReadonlyMap<string, unknown>, b: ReadonlyMap<string, unknown>): boolean =>
  a.size === b.size && [...a.keys()].every((k) => b.has(k));

/** Equal without looking at run-time values. */
export function sameValue(a: Val, b: Val): boolean {
  if (a === b) return true;
  if (a.kind === 'num' && b.kind === 'num') return Object.is(a.value, b.value);
  if ((a.kind === 'bool' && b.kind === 'bool') || (a.kind === 'str' && b.kind === 'str')) return a.value === b.value;
  if (a.kind === 'tile' && b.kind === 'tile') return a.v === b.v;
  if (a.kind === 'view' && b.kind === 'view') return a.v === b.v;
  return a.kind === 'none' && b.kind === 'none';
}
