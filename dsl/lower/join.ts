import type { ts } from 'ts-morph';
import { type Block, newBlock, type Value } from '../../compiler/ir/module.js';
import { sameType, type TileType } from '../../compiler/ir/types.js';
import { coerce, commonDType, joinShapes, type Numeric, type Operand } from './convert.js';
import type { Evaluator } from './evaluator.js';
import {
  type BoolVal,
  type Cell,
  describe,
  type NumVal,
  POISON,
  type TileVal,
  tileOf,
  tileTypeOf,
  type Val,
} from './value.js';

/** Turns the results of an op into the value that they stand for. */
export type Rebuild = (results: readonly Value[]) => Val;

/** One arm of a run-time branch: its ops, and what it left. */
interface Arm {
  readonly block: Block;
  readonly result: Val;
  readonly cells: readonly Val[];
}

export interface ArmSource {
  readonly node: ts.Node;
  readonly run: () => Val;
}

/** Both sides of a scalar condition as an `if` op; joins the result and every variable that a side assigns. */
export function branch(
  ev: Evaluator,
  node: ts.Node,
  cond: Value,
  cells: readonly Cell[],
  sides: readonly [ArmSource, ArmSource],
): Val {
  const [yes, no] = [runArm(ev, cells, sides[0]), runArm(ev, cells, sides[1])];
  const join = new Join(ev, node, yes.block, no.block);
  const rebuilt = cells.map((c, i) => join.strict(c, yes.cells[i] ?? POISON, no.cells[i] ?? POISON));
  const result = join.loose({ val: yes.result, node: sides[0].node }, { val: no.result, node: sides[1].node });
  const results = join.finish(cond);
  for (const [i, cell] of cells.entries()) cell.value = rebuilt[i]?.(results) ?? POISON;
  return result(results);
}

function runArm(ev: Evaluator, cells: readonly Cell[], side: ArmSource): Arm {
  const before = cells.map((c) => c.value);
  const block = newBlock([]);
  const result = ev.into(block, () => ev.conditionally(side.run));
  const after = cells.map((c) => c.value);
  for (const [i, cell] of cells.entries()) cell.value = before[i] ?? POISON;
  return { block, result, cells: after };
}

class Join {
  readonly #ev: Evaluator;
  readonly #node: ts.Node;
  readonly #blocks: readonly [Block, Block];
  readonly #yields: [Value[], Value[]] = [[], []];

  constructor(ev: Evaluator, node: ts.Node, yes: Block, no: Block) {
    this.#ev = ev;
    this.#node = node;
    this.#blocks = [yes, no];
  }

  finish(cond: Value): readonly Value[] {
    const ev = this.#ev;
    for (const i of [0, 1] as const) ev.into(this.#blocks[i], () => ev.op(this.#node, 'yield', this.#yields[i], {}));
    const types = this.#yields[0].map((v) => v.type);
    return ev.op(this.#node, 'if', [cond], {}, types, this.#blocks).results;
  }

  #add(yes: Value, no: Value, dims: readonly string[]): Rebuild {
    const i = this.#yields[0].push(yes) - 1;
    this.#yields[1].push(no);
    return (results) => {
      const v = results[i];
      return v === undefined ? POISON : tileOf(v, dims);
    };
  }

  /** A variable keeps its shape and dtype, whichever side ran. */
  strict(cell: Cell, a: Val, b: Val): Rebuild {
    if (a.kind === 'tile' && b.kind === 'tile' && a.v !== b.v && !sameType(a.v.type, b.v.type)) {
      this.#differ(a, b, `the two sides of this condition leave ${cell.name} with different types`);
      return () => POISON;
    }
    return this.#both(a, b, cell.name);
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
    return this.#ev.into(this.#blocks[i], () => coerce(this.#ev, o, type.dtype, type.shape));
  }

  #both(a: Val, b: Val, what: string): Rebuild {
    if (a.kind === 'poison' || b.kind === 'poison') return () => POISON;
    if (sameValue(a, b)) return () => a;
    if (a.kind === 'arr' && b.kind === 'arr' && a.items.length === b.items.length) {
      const items = a.items.map((x, i) => this.#both(x, b.items[i] ?? POISON, what));
      return (results) => ({ kind: 'arr', items: items.map((r) => r(results)) });
    }
    if (a.kind === 'obj' && b.kind === 'obj' && sameKeys(a.props, b.props)) return this.#objects(a, b, what);
    if (a.kind === 'tile' && b.kind === 'tile' && sameType(a.v.type, b.v.type)) return this.#add(a.v, b.v, a.dims);
    if (a.kind === 'tile' && takes(a, b)) return this.#weak(a, b, 1);
    if (b.kind === 'tile' && takes(b, a)) return this.#weak(b, a, 0);
    this.#differ(a, b, `${what} differs between the two sides of this condition`);
    return () => POISON;
  }

  #objects(a: Val & { kind: 'obj' }, b: Val & { kind: 'obj' }, what: string): Rebuild {
    const props = [...a.props].map(([key, x]) => {
      const y = b.props.get(key);
      return [
        key,
        this.#both(typeof x === 'function' ? x() : x, typeof y === 'function' ? y() : (y ?? POISON), what),
      ] as const;
    });
    return (results) => ({ kind: 'obj', props: new Map(props.map(([key, r]) => [key, r(results)])) });
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
          : [],
    });
  }
}

/** A number can become any number tile, true and false any mask. */
export const takes = (tile: TileVal, weak: Val): weak is NumVal | BoolVal =>
  weak.kind === (tileTypeOf(tile).dtype === 'i1' ? 'bool' : 'num');

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
