/**
 * Enters: tiles that are loaded to be written to a buffer of shared memory. Leaves: asynchronous copies there, with no
 * registers in between; in loops what else uses such a tile reads it back from the buffer. In a loop whose index alone says what is loaded, the buffers become rings of `stages` slots,
 * filled `stages` - 1 trips ahead: copies of the first trips stand before the loop, each trip waits for its own and then
 * issues those of the trip that will need the slot that the trip before has read. One group a trip, empty or not, so that
 * a wait is a constant. Other loads are copied where they stand, and waited for before the first read.
 *
 * Sound: only inputs are copied, which nothing changes. A copy runs only for a trip that will run, so what is proven or
 * promised of the load holds for it. The pad value is 0, which a copy writes outside of the view. More groups than a wait
 * counts on (other pipelines inside or around) only make its own older: it waits for more, never for less. When a copy
 * is issued, nobody may still read its slot: that is the business of place-barriers.
 */
import { cloneOp, type ValueMap } from '../ir/clone.js';
import { type Block, type Kernel, newOp, type Op, type Value, walk } from '../ir/module.js';
import { constantOf, runsAnywhere, useCounts } from '../ir/rewrite.js';
import { bufferType, bytesOf } from '../ir/types.js';
import { bufferSlotBytes, storageOfSwizzle } from '../layout/storage.js';
import { carrySlot } from './carry-slots.js';
import type { Pass } from './pass.js';
import { Scalars } from './pipeline-loads/scalars.js';

export interface PipelineLoadsOptions {
  /** The rows of the load consist of aligned runs that an asynchronous copy can take: what the launch promises decides. */
  canCopy(load: Op<'load'>): boolean;
  /** Shared memory of a block. Tiles that are used elsewhere too become rings only where two of every buffer fit in. */
  readonly limitBytes?: number;
}

export const pipelineLoads = (options: PipelineLoadsOptions): Pass => ({
  name: 'pipeline-loads',
  summary: 'Turns loads into asynchronous copies to shared memory, some trips ahead in loops.',
  requires: ['plan-conversions'],
  run(kernel) {
    new Pipeliner(kernel, options).block(kernel.body);
    removeUnused(kernel);
  },
});

/** Stages of a loop where neither it nor the configuration says. */
const DEFAULT_STAGES = 2;

/** A load and the write that takes its tile to a buffer. */
interface Trip {
  readonly load: Op<'load'>;
  readonly write: Op;
  readonly buffer: Value;
}

class Pipeliner {
  readonly #kernel: Kernel;
  readonly #options: PipelineLoadsOptions;
  readonly #uses: ReadonlyMap<Value, number>;
  /** Ops that name a buffer, in program order. */
  readonly #accesses = new Map<Value, Op[]>();

  constructor(kernel: Kernel, options: PipelineLoadsOptions) {
    this.#kernel = kernel;
    this.#options = options;
    this.#uses = useCounts(kernel);
    for (const op of walk(kernel.body))
      for (const v of op.operands)
        if (v.type.kind === 'buffer') this.#accesses.set(v, [...(this.#accesses.get(v) ?? []), op]);
  }

  block(block: Block): void {
    const sole = this.#tripsOf(block).filter((t) => this.#isSole(t));
    const trips = new Map(sole.map((t) => [t.write, t]));
    block.ops = block.ops.flatMap((op) => {
      const ops = op.name === 'for' ? this.#loop(op as Op<'for'>) : [op];
      for (const region of op.regions) this.block(region);
      return ops;
    });
    copyInPlace(block, trips);
  }

  /** Loads of a block that feed a buffer of one slot, to which nothing else is written. */
  #tripsOf(block: Block): Trip[] {
    return block.ops.flatMap((write, at): Trip[] => {
      const [buffer, slot, tile] = write.operands;
      if (write.name !== 'smem_write' || buffer === undefined || slot === undefined || tile === undefined) return [];
      const load = tile.def;
      if (load.kind !== 'op' || load.name !== 'load' || !block.ops.includes(load)) return [];
      const one = buffer.type.kind === 'buffer' && buffer.type.slots === 1 && constantOf(slot) === 0;
      if (!one || !this.#isOnlyWrite(write, buffer) || !isCopied(load as Op<'load'>)) return [];
      const behind = [...walk({ kind: 'block', args: [], ops: block.ops.slice(at + 1) })];
      const others = behind.reduce((n, op) => n + op.operands.filter((v) => v === tile).length, 0);
      const found = new Set(behind);
      const ok = this.#uses.get(tile) === 1 + others && this.#readers(buffer).every((r) => found.has(r));
      if (!ok || !this.#options.canCopy(load as Op<'load'>)) return [];
      return [{ load: load as Op<'load'>, write, buffer }];
    });
  }

  #readers(buffer: Value): Op[] {
    return (this.#accesses.get(buffer) ?? []).filter((op) => op.name === 'smem_read');
  }

  #isOnlyWrite(write: Op, buffer: Value): boolean {
    return (this.#accesses.get(buffer) ?? []).every((op) => op === write || op.name === 'smem_read');
  }

  #isSole({ load }: Trip): boolean {
    return this.#uses.get(load.results[0] as Value) === 1;
  }

  /** Whether rings of `stages` slots, and two slots of every other buffer (later passes may add one), lie side by side. */
  #fits(rings: readonly Trip[], stages: number): boolean {
    const ringed = new Set(rings.map(({ buffer }) => buffer));
    const bytes = [...this.#accesses.keys()].map(
      (b) => slotBytesOf(b) * (ringed.has(b) ? stages : Math.max(2, slotsOf(b))),
    );
    return bytes.reduce((sum, n) => sum + n, 0) <= (this.#options.limitBytes ?? Number.POSITIVE_INFINITY);
  }

  /** What uses the tile beside the write finds it in the buffer, where the first of them stands. */
  #readBack({ load, write, buffer }: Trip, body: Block): void {
    const tile = load.results[0] as Value;
    const holds = (op: Op): boolean =>
      op !== write && [...walk({ kind: 'block', args: [], ops: [op] })].some((x) => x.operands.includes(tile));
    const users = body.ops.filter(holds);
    const [first] = users;
    if (first === undefined) return;
    const read = newOp('smem_read', [buffer, write.operands[1] as Value], {}, [tile.type], [], load.loc);
    const copy = read.results[0] as Value;
    if (tile.layout !== undefined) copy.layout = tile.layout;
    if (tile.hint !== undefined) copy.hint = tile.hint;
    for (const op of walk({ kind: 'block', args: [], ops: users }))
      op.operands = op.operands.map((v) => (v === tile ? copy : v));
    body.ops.splice(body.ops.indexOf(first), 0, read);
    this.#accesses.set(buffer, [...(this.#accesses.get(buffer) ?? []), read]);
  }

  /** The loop and what stands around it, its loads copied ahead. */
  #loop(loop: Op<'for'>): Op[] {
    const stages = loop.attrs.stages ?? this.#kernel.config.stages ?? DEFAULT_STAGES;
    const body = loop.regions[0] as Block;
    const iv = body.args[0] as Value;
    const slices = new Set<Op>();
    const found = this.#tripsOf(body).filter(({ load }) => {
      const slice = addressSlice(load, body, iv);
      for (const op of slice ?? []) slices.add(op);
      return slice !== null;
    });
    const rings = this.#fits(found, stages) ? found : found.filter((t) => this.#isSole(t));
    if (stages < 2 || rings.length === 0) return [loop];
    for (const trip of rings) this.#readBack(trip, body);

    const around: Block = { kind: 'block', args: [], ops: [] };
    const outside = new Scalars(around, loop.loc);
    const ahead = stages - 1;
    const addresses = body.ops.filter((op) => slices.has(op));
    const issue = (s: Scalars, index: Value, slot: Value): void => {
      const map: ValueMap = new Map([[iv, index]]);
      for (const op of addresses) s.push(cloneOp(op, map));
      for (const { load, buffer } of rings) s.push(copyOf(load, buffer, slot, map));
    };
    for (const { buffer } of rings) setSlots(buffer, stages);
    for (let trip = 0; trip < ahead; trip++) {
      outside.when(hasTrip(outside, loop, trip), (s) => issue(s, firstIndex(s, loop, trip), s.constant(trip)));
      outside.commit();
    }

    const { slot, previous } = carrySlot(loop, stages, around);
    const taken = new Set<Op>(rings.flatMap(({ load, write }) => [load, write]));
    const readers = new Set(rings.flatMap(({ buffer }) => this.#readers(buffer)));
    for (const op of readers) op.operands[1] = slot;
    const top: Block = { kind: 'block', args: [], ops: [] };
    const inside = new Scalars(top, loop.loc);
    inside.wait(stages - 2);
    inside.when(goesOn(inside, loop, iv, ahead), (s) => issue(s, laterIndex(s, loop, iv, ahead), previous));
    inside.commit();
    const rest = body.ops.filter((op) => !taken.has(op));
    const head = previous.def === rest[0] ? 1 : 0;
    body.ops = [...rest.slice(0, head), ...top.ops, ...rest.slice(head)];

    const end: Block = { kind: 'block', args: [], ops: [] };
    new Scalars(end, loop.loc).wait(0);
    return [...around.ops, loop, ...end.ops];
  }
}

/** What an asynchronous copy does too: an input, zeros outside, no mask. */
function isCopied({ attrs, operands }: Op<'load'>): boolean {
  const [view] = operands;
  return Object.is(attrs.pad, 0) && attrs.masked !== true && view?.type.kind === 'view' && view.type.access === 'in';
}

/** The ops of the body from which view and origins follow, given the index; null if anything else takes part. */
function addressSlice(load: Op<'load'>, body: Block, iv: Value): Op[] | null {
  const slice = new Set<Op>();
  const visit = (v: Value): boolean => {
    const { def } = v;
    if (def === body) return v === iv;
    if (def.kind !== 'op' || !body.ops.includes(def) || slice.has(def)) return true;
    slice.add(def);
    return runsAnywhere(def) && isScalarOrView(v) && def.operands.every(visit);
  };
  return load.operands.every(visit) ? [...slice] : null;
}

const isScalarOrView = ({ type }: Value): boolean =>
  type.kind === 'view' || (type.kind === 'tile' && type.shape.length === 0);

function copyOf(load: Op<'load'>, buffer: Value, slot: Value, map: ValueMap): Op {
  const { pad: _, cache: __, masked: ___, ...attrs } = load.attrs;
  const [view, ...origins] = load.operands.map((v) => map.get(v) ?? v) as [Value, ...Value[]];
  return newOp('smem_copy', [view, buffer, slot, ...origins], attrs, [], [], load.loc);
}

const slotsOf = ({ type }: Value): number => (type.kind === 'buffer' ? type.slots : 1);

function slotBytesOf({ type, def }: Value): number {
  if (type.kind !== 'buffer') return 0;
  const swizzle = def.kind === 'op' ? (def as Op<'smem_alloc'>).attrs.swizzle : undefined;
  return bufferSlotBytes(type.shape, bytesOf(type.dtype), storageOfSwizzle(swizzle));
}

function setSlots(buffer: Value, slots: number): void {
  if (buffer.type.kind === 'buffer') buffer.type = bufferType(buffer.type.dtype, slots, buffer.type.shape);
}

// ---- indices of a loop. Differences are compared, so that nothing past the end is computed where it could wrap.

type Range = readonly [begin: Value, end: Value, step: Value];
const rangeOf = (loop: Op<'for'>): Range => loop.operands.slice(0, 3) as unknown as Range;

/** Trip number `trip` of the loop takes place. */
function hasTrip(s: Scalars, loop: Op<'for'>, trip: number): Value | boolean {
  const [begin, end, step] = rangeOf(loop);
  if (trip === 0) return s.greater(end, begin);
  return s.greater(s.sub(end, begin), s.times(step, trip));
}

/** Index of trip number `trip`, which takes place. */
function firstIndex(s: Scalars, loop: Op<'for'>, trip: number): Value {
  const [begin, end, step] = rangeOf(loop);
  const moved = trip === 0 ? s.constant(0) : s.times(step, trip);
  if (loop.attrs.reverse !== true) return s.add(begin, moved);
  const steps = s.quotient(s.sub(s.sub(end, begin), s.constant(1)), step);
  return s.sub(s.add(begin, s.mul(steps, step)), moved);
}

/** After the trip at `index`, at least `ahead` more take place. */
function goesOn(s: Scalars, loop: Op<'for'>, index: Value, ahead: number): Value | boolean {
  const [begin, end, step] = rangeOf(loop);
  const moved = s.times(step, ahead);
  if (loop.attrs.reverse !== true) return s.greater(s.sub(end, index), moved);
  return s.greater(s.sub(index, begin), s.sub(moved, s.constant(1)));
}

function laterIndex(s: Scalars, loop: Op<'for'>, index: Value, ahead: number): Value {
  const moved = s.times(rangeOf(loop)[2], ahead);
  return loop.attrs.reverse === true ? s.sub(index, moved) : s.add(index, moved);
}

// ---- copies that are not ahead

/** Copies at the place of the write; one commit for those that nothing reads in between, one wait before the reader. */
function copyInPlace(block: Block, trips: ReadonlyMap<Op, Trip>): void {
  const out: Op[] = [];
  const left = new Set<Op>([...trips.values()].map(({ load }) => load));
  let pending = new Map<Value, number>();
  const arrive = (): void => {
    const last = Math.max(...pending.values());
    const tail: Block = { kind: 'block', args: [], ops: [] };
    const s = new Scalars(tail, out[last]?.loc ?? null);
    s.commit();
    s.wait(out.slice(last + 1).filter((op) => op.name === 'smem_commit').length);
    const [commit, wait] = tail.ops as [Op, Op];
    out.splice(last + 1, 0, commit);
    out.push(wait);
    pending = new Map();
  };
  for (const op of block.ops) {
    const trip = trips.get(op);
    if (trip === undefined) {
      if (readsAny(op, pending)) arrive();
      if (!left.has(op)) out.push(op);
      continue;
    }
    if (pending.has(trip.buffer)) arrive();
    pending.set(trip.buffer, out.length);
    out.push(copyOf(trip.load, trip.buffer, op.operands[1] as Value, new Map()));
  }
  block.ops = out;
}

const readsAny = (op: Op, buffers: ReadonlyMap<Value, unknown>): boolean =>
  buffers.size > 0 &&
  [...walk({ kind: 'block', args: [], ops: [op] })].some(
    (x) => x.name === 'smem_read' && buffers.has(x.operands[0] as Value),
  );

/** Address arithmetic that only loads needed. */
function removeUnused(kernel: Kernel): void {
  const uses = useCounts(kernel);
  const sweep = (block: Block): void => {
    for (const op of block.ops.toReversed()) {
      op.regions.forEach(sweep);
      if (!runsAnywhere(op) || op.results.some((v) => (uses.get(v) ?? 0) > 0)) continue;
      for (const v of op.operands) uses.set(v, (uses.get(v) ?? 0) - 1);
      block.ops = block.ops.filter((x) => x !== op);
    }
  };
  sweep(kernel.body);
}
