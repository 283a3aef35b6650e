/**
 * Which slots of a buffer an access touches, trip by trip. A slot number is a constant or follows from integers that a
 * loop carries from constants (a ring's counter, two halves in turn); such numbers repeat, so that running the counters
 * alone, at compile time, tells all that they can ever be. Nothing here knows how a pass has written its counters.
 */
import { type Block, type Op, type Value, walk } from '../ir/module.js';
import { constantOf, runsAnywhere, yielded } from '../ir/rewrite.js';
import { isFloat } from '../ir/types.js';
import { opRow } from '../ops/table.js';

/** What a slot operand can be, by trip of the loop whose counters it follows; in every trip the same without one. */
export interface Slots {
  readonly loop: Op | null;
  /** By trip: 0, 1, ..., then back to `returnsTo`. */
  readonly values: readonly (readonly number[])[];
  readonly returnsTo: number;
}

/** Two accesses compared: in the same trip of `loop`, one trip apart, more than one; or in any trips at all. */
export type Distance = 'same' | 'next' | 'later' | 'any';

/** Trips after which counters that still bring something new are given up. */
const MOST_TRIPS = 64;

interface Counters {
  readonly states: readonly ReadonlyMap<Value, number>[];
  readonly returnsTo: number;
}

export class SlotValues {
  /** The loop of a carried value. */
  readonly #loops = new Map<Value, Op>();
  readonly #counters = new Map<Op, Counters>();

  constructor(body: Block) {
    const loops = [...walk(body)].filter((op) => op.name === 'for');
    for (const loop of loops) for (const v of loop.regions[0]?.args.slice(1) ?? []) this.#loops.set(v, loop);
    const operands = [...walk(body)].flatMap((op) => slotOf(op) ?? []);
    for (const loop of loops) {
      const counters = this.#run(loop, operands);
      if (counters !== null) this.#counters.set(loop, counters);
    }
  }

  /** What `slot` can be; of a buffer with this many slots, where nothing is known. */
  of(slot: Value, slots: number): Slots {
    const all = { loop: null, values: [[...Array(slots).keys()]], returnsTo: 0 };
    const leaves = this.#leaves(slot);
    if (leaves === null) return all;
    const [first] = leaves;
    if (first === undefined) return { loop: null, values: [[evaluate(slot, new Map())]], returnsTo: 0 };
    const loop = this.#loops.get(first) as Op;
    const counters = this.#counters.get(loop);
    const known = counters?.states[0];
    if (counters === undefined || ![...leaves].every((v) => known?.has(v))) return all;
    return { loop, values: counters.states.map((s) => [evaluate(slot, s)]), returnsTo: counters.returnsTo };
  }

  /** Trips of a loop that differ in the counters: their number, and where the last one leads. */
  tripsOf(loop: Op): { readonly count: number; readonly returnsTo: number } {
    const c = this.#counters.get(loop);
    return { count: c?.states.length ?? 1, returnsTo: c?.returnsTo ?? 0 };
  }

  /** Carried values that `v` is computed from, all of one loop; null where anything else takes part. */
  #leaves(v: Value): ReadonlySet<Value> | null {
    const leaves = new Set<Value>();
    const seen = new Set<Value>();
    const visit = (x: Value): boolean => {
      if (seen.has(x)) return true;
      seen.add(x);
      if (this.#loops.has(x)) leaves.add(x);
      else if (constantOf(x) === null) return x.def.kind === 'op' && isCounting(x.def) && x.def.operands.every(visit);
      return true;
    };
    if (!visit(v)) return null;
    return new Set([...leaves].map((x) => this.#loops.get(x))).size <= 1 ? leaves : null;
  }

  /** Runs the counters of a loop that slots are computed from, until they are what they were. */
  #run(loop: Op, slots: readonly Value[]): Counters | null {
    const body = loop.regions[0];
    if (body === undefined) return null;
    const next = yielded(body);
    const update = (arg: Value): Value | undefined => next[body.args.indexOf(arg) - 1];
    const needed = new Set<Value>();
    const need = (v: Value | undefined): boolean => {
      const leaves = v === undefined ? null : this.#leaves(v);
      if (leaves === null) return false;
      for (const leaf of leaves) {
        if (this.#loops.get(leaf) !== loop) return false;
        if (needed.has(leaf)) continue;
        needed.add(leaf);
        if (startOf(loop, body, leaf) === null || !need(update(leaf))) return false;
      }
      return true;
    };
    for (const slot of slots) {
      const before = [...needed];
      if (need(slot)) continue;
      needed.clear();
      for (const v of before) needed.add(v);
    }
    const start = new Map([...needed].map((v) => [v, startOf(loop, body, v) ?? 0]));
    return needed.size === 0
      ? null
      : repeat(start, (s) => new Map([...s.keys()].map((v) => [v, evaluate(update(v) ?? v, s)])));
  }
}

function startOf(loop: Op, body: Block, arg: Value): number | null {
  const init = loop.operands[body.args.indexOf(arg) + 2];
  return init === undefined ? null : constantOf(init);
}

function repeat(
  start: ReadonlyMap<Value, number>,
  step: (s: ReadonlyMap<Value, number>) => ReadonlyMap<Value, number>,
): Counters | null {
  const seen = new Map<string, number>();
  const states: ReadonlyMap<Value, number>[] = [];
  for (let s = start; states.length < MOST_TRIPS; s = step(s)) {
    const key = [...s.values()].join(' ');
    const before = seen.get(key);
    if (before !== undefined) return { states, returnsTo: before };
    seen.set(key, states.length);
    states.push(s);
  }
  return null;
}

/** The slot operand of an access to a buffer. */
export function slotOf(op: Op): Value | undefined {
  if (op.name === 'smem_copy') return op.operands[2];
  return op.name === 'smem_write' || op.name === 'smem_read' ? op.operands[1] : undefined;
}

/** Arithmetic on scalars, without floats: their constants are not rounded to their dtype. */
const isCounting = (op: Op): boolean =>
  opRow(op.name).evaluate !== undefined &&
  runsAnywhere(op) &&
  [...op.operands, ...op.results].every(
    (v) => v.type.kind === 'tile' && v.type.shape.length === 0 && !isFloat(v.type.dtype),
  );

function evaluate(v: Value, known: ReadonlyMap<Value, number>): number {
  const value = known.get(v) ?? constantOf(v);
  if (value !== null) return value;
  const op = v.def as Op;
  const dtype = op.operands[0]?.type.dtype ?? v.type.dtype;
  const row = opRow(op.name);
  return (
    row.evaluate?.(
      op.operands.map((x) => evaluate(x, known)),
      dtype,
      op.attrs as Record<string, never>,
    ) ?? 0
  );
}

/** The pairs of slots that two accesses can touch, `a` first. `distance` counts trips of the loop that both follow. */
export function slotPairs(a: Slots, b: Slots, distance: Distance): [number, number][] {
  if (a.loop === null || a.loop !== b.loop || distance === 'any') return product(a.values.flat(), b.values.flat());
  const after = (t: number): number => (t + 1 < a.values.length ? t + 1 : a.returnsTo);
  return a.values.flatMap((own, t) =>
    tripsAt(t, distance, after, a.values.length).flatMap((u) => product(own, b.values[u] ?? [])),
  );
}

function tripsAt(t: number, distance: Distance, after: (t: number) => number, count: number): number[] {
  if (distance === 'same') return [t];
  const next = after(t);
  if (distance === 'next') return [next];
  const later = new Set<number>();
  for (let u = after(next); !later.has(u) && later.size <= count; u = after(u)) later.add(u);
  return [...later];
}

const product = (a: readonly number[], b: readonly number[]): [number, number][] => {
  const right = [...new Set(b)];
  return [...new Set(a)].flatMap((x) => right.map((y): [number, number] => [x, y]));
};
