import type { ts as TS } from 'ts-morph';
import type { Block, Value } from '../../compiler/ir/module.js';
import { sameType, scalarType, type Type } from '../../compiler/ir/types.js';
import { coerce } from './convert.js';
import type { Evaluator } from './evaluator.js';
import { sameValue, takes } from './join.js';
import { type Cell, describe, POISON, type TileVal, tileOf, tileTypeOf, type Val } from './value.js';

/** A place inside a carried variable that holds a tile while the loop runs. */
interface Slot {
  readonly init: Value;
  readonly dims: readonly string[];
}

/** How a carried variable is put together again from the values in its slots. */
type Assemble = (values: readonly Value[]) => Val;

const hasValue = (c: Cell): boolean => c.value.kind !== 'poison' && c.value.kind !== 'none';

/**
 * The variables that the body of a run-time loop assigns: initial value in, argument of the region inside, yield, result
 * out. A literal among them (`let x = 0`) takes the type of what the body assigns, found by walking the body in vain.
 */
export class Carried {
  readonly #ev: Evaluator;
  readonly #node: TS.Node;
  readonly #cells: readonly Cell[];
  /** What the body gives a variable that has no value before the loop does not outlive the trip. */
  readonly #unset: readonly { readonly cell: Cell; readonly value: Val }[];
  readonly #before: readonly Val[];
  readonly #typed: readonly Val[];
  readonly #slots: Slot[] = [];
  readonly #shapes: readonly Assemble[];
  #inside: readonly Value[] = [];
  #lost: readonly boolean[] = [];

  constructor(ev: Evaluator, node: TS.Node, assigned: readonly Cell[], walkInVain: () => void) {
    this.#ev = ev;
    this.#node = node;
    this.#cells = assigned.filter(hasValue);
    this.#unset = assigned.filter((c) => !hasValue(c)).map((cell) => ({ cell, value: cell.value }));
    this.#before = this.#cells.map((c) => c.value);
    const { typed, after } = this.#rehearse(walkInVain);
    this.#typed = typed;
    this.#shapes = this.#cells.map((cell, i) =>
      this.#carry(cell, this.#before[i] ?? POISON, typed[i] ?? POISON, after[i] ?? POISON),
    );
  }

  get inits(): Value[] {
    return this.#slots.map((s) => s.init);
  }
  get types(): Type[] {
    return this.#slots.map((s) => s.init.type);
  }
  get hints(): (string | undefined)[] {
    return this.#slots.map((s) => s.init.hint);
  }

  /** Inside a region, the variables are its arguments. */
  enter(args: readonly Value[]): void {
    this.#inside = args;
    this.#assign((shape) => shape(args));
  }

  /** What the body left in each slot, checked against what the slot holds. */
  leave(region: Block): Value[] {
    this.#lost = this.#cells.map((c) => c.value.kind === 'poison');
    const yields = [...this.#inside];
    for (const [i, cell] of this.#cells.entries())
      this.#match(cell, this.#shapes[i]?.(this.#inside) ?? POISON, cell.value, yields, region);
    return yields;
  }

  /** After the loop, the variables are its results. */
  finish(results: readonly Value[]): void {
    this.#assign((shape, i) => (this.#lost[i] === true ? POISON : shape(results)));
    for (const { cell, value } of this.#unset) cell.value = value;
  }

  /** Leaves what the loop leaves as far as types go, without a walk of its own: loops in loops are typed in linear time. */
  rehearse(): void {
    this.#assign((_, i) => this.#typed[i] ?? POISON);
    for (const { cell, value } of this.#unset) cell.value = value;
  }

  /** There is no loop after all: nothing was assigned, or what would have been is unknown. */
  restore(isUnknown: boolean): void {
    this.#assign((_, i) => (isUnknown ? POISON : (this.#before[i] ?? POISON)));
  }

  #assign(value: (shape: Assemble, i: number) => Val): void {
    for (const [i, cell] of this.#cells.entries()) {
      const shape = this.#shapes[i];
      cell.value = shape === undefined ? POISON : value(shape, i);
    }
  }

  /**
   * Types of the literals, from what the body leaves of them. One that takes its value from another is typed a walk later
   * than that one. `after`: what the last walk left.
   */
  #rehearse(walk: () => void): { typed: readonly Val[]; after: readonly Val[] } {
    let typed = this.#before;
    let after = this.#before;
    while (typed.some(hasLiteral)) {
      for (const [i, cell] of this.#cells.entries()) cell.value = typed[i] ?? POISON;
      this.#ev.rehearse(walk);
      after = this.#cells.map((c) => c.value);
      const next = typed.map((val, i) => this.#withTypes(val, after[i] ?? POISON));
      if (next.every((val, i) => val === typed[i])) break;
      typed = next;
    }
    for (const [i, cell] of this.#cells.entries()) cell.value = this.#before[i] ?? POISON;
    return { typed, after };
  }

  /** The value with tiles for its literals, where the body leaves tiles; the same object where it leaves none. */
  #withTypes(val: Val, after: Val): Val {
    if (val.kind === 'num') return after.kind === 'tile' && takes(after, val) ? after : val;
    if (val.kind === 'bool') {
      if (after.kind === 'tile') return takes(after, val) ? after : val;
      return after.kind === 'bool' && after.value !== val.value ? this.#mask() : val;
    }
    if (val.kind === 'arr' && after.kind === 'arr') {
      const items = val.items.map((x, i) => this.#withTypes(x, after.items[i] ?? x));
      return items.every((x, i) => x === val.items[i]) ? val : { kind: 'arr', items };
    }
    if (val.kind !== 'obj' || after.kind !== 'obj') return val;
    const props = new Map(
      [...val.props].map(([key, x]) => [key, this.#withTypes(known(x), known(after.props.get(key)))]),
    );
    return [...props].every(([key, x]) => x === known(val.props.get(key))) ? val : { ...val, props };
  }

  /** Some scalar mask; only its type is used. */
  #mask(): Val {
    return this.#ev.rehearse(() => tileOf(this.#ev.constant(this.#node, 0, scalarType('i1'))));
  }

  #carry(cell: Cell, init: Val, typed: Val, after: Val): Assemble {
    if (init.kind === 'tile') return this.#slot({ init: init.v, dims: init.dims });
    if (init.kind === 'num' || init.kind === 'bool') {
      if (typed.kind !== 'tile')
        return init.kind === 'num' && after.kind === 'num' && init.value !== after.value
          ? this.#noDType(cell)
          : () => init;
      const { dtype, shape } = tileTypeOf(typed);
      const v = coerce(this.#ev, { val: init, node: this.#node }, dtype, shape);
      return v === null ? () => POISON : this.#slot({ init: v, dims: typed.dims });
    }
    if (init.kind === 'arr') {
      const item = (val: Val, i: number, x: Val): Val => (val.kind === 'arr' ? (val.items[i] ?? x) : x);
      const parts = init.items.map((x, i) => this.#carry(cell, x, item(typed, i, x), item(after, i, x)));
      return (values) => ({ kind: 'arr', items: parts.map((p) => p(values)) });
    }
    if (init.kind !== 'obj') return () => init;
    const prop = (val: Val, key: string, x: Val): Val => (val.kind === 'obj' ? known(val.props.get(key), x) : x);
    const parts = [...init.props].map(([key, lazy]) => {
      const x = known(lazy);
      return [key, this.#carry(cell, x, prop(typed, key, x), prop(after, key, x))] as const;
    });
    return (values) => ({ kind: 'obj', props: new Map(parts.map(([key, p]) => [key, p(values)])) });
  }

  #slot(s: Slot): Assemble {
    const i = this.#slots.push(s) - 1;
    return (values) => {
      const v = values[i];
      return v === undefined ? POISON : tileOf(v, s.dims);
    };
  }

  #noDType(cell: Cell): Assemble {
    this.#ev.error('LAC0207', cell.declared, `${cell.name} is assigned in a loop, but never gets a dtype`, {
      help: ['start it with a dtype: cast(0, i32) or cast(0, f32)'],
    });
    return () => POISON;
  }

  #match(cell: Cell, was: Val, is: Val, yields: Value[], region: Block): void {
    if (was.kind === 'poison' || is.kind === 'poison' || sameValue(was, is)) return;
    if (was.kind === 'arr' && is.kind === 'arr' && was.items.length === is.items.length) {
      for (const [i, x] of was.items.entries()) this.#match(cell, x, is.items[i] ?? POISON, yields, region);
      return;
    }
    if (was.kind === 'obj' && is.kind === 'obj') {
      for (const [key, x] of was.props) {
        const y = is.props.get(key) ?? POISON;
        if (typeof x !== 'function' && typeof y !== 'function') this.#match(cell, x, y, yields, region);
      }
      return;
    }
    const left = was.kind === 'tile' ? this.#carriedValue(was, is, region) : null;
    if (left === null || was.kind !== 'tile') this.#changed(cell, was, is);
    else yields[this.#inside.indexOf(was.v)] = left;
  }

  #carriedValue(was: TileVal, is: Val, region: Block): Value | null {
    if (is.kind === 'tile') return sameType(was.v.type, is.v.type) ? is.v : null;
    if (!takes(was, is)) return null;
    const { dtype, shape } = tileTypeOf(was);
    return this.#ev.into(region, () => coerce(this.#ev, { val: is, node: this.#node }, dtype, shape));
  }

  #changed(cell: Cell, was: Val, is: Val): void {
    const what = was.kind === 'tile' && is.kind === 'tile' ? 'keeps its shape and dtype' : 'cannot change like this';
    this.#ev.error(
      'LAC0210',
      cell.assigned ?? cell.declared,
      `a variable carried round a loop ${what}: ${cell.name} was ${describe(was)}, becomes ${describe(is)}`,
      { labels: [{ span: cell.declared, text: `${describe(was)} here` }], help: castHelp(was, is) },
    );
  }
}

const known = (x: Val | (() => Val) | undefined, otherwise: Val = POISON): Val =>
  typeof x === 'function' ? x() : (x ?? otherwise);

function hasLiteral(val: Val): boolean {
  if (val.kind === 'num' || val.kind === 'bool') return true;
  if (val.kind === 'arr') return val.items.some(hasLiteral);
  return val.kind === 'obj' && [...val.props.values()].some((v) => typeof v !== 'function' && hasLiteral(v));
}

function castHelp(was: Val, is: Val): string[] {
  if (was.kind === 'view' && is.kind === 'view')
    return ['a view stays the same in a loop: carry the number that moves, and write x.at(i) where it is used'];
  if (was.kind !== 'tile' || is.kind !== 'tile') return ['views, functions and options stay the same in a loop'];
  const [t, u] = [tileTypeOf(was), tileTypeOf(is)];
  return t.dtype !== u.dtype
    ? [`cast(value, ${t.dtype}), or start it with dtype ${u.dtype}`]
    : ['start it with the shape that the loop gives it'];
}
