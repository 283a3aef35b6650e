/**
 * Enters: loops in whose body a tile goes to a buffer and back, the tile made by arithmetic and folds from values that the
 * loop carries and from what does not change in it. Leaves: the write over the back edge, at the end of the trip
 * before, of what that trip yields; and once before the loop, of the initial values. The round trip then spans whatever
 * barrier the top of the loop has, and needs none of its own: with two slots, written and read in turn, neither before
 * the read nor after it.
 *
 *     for (x = x0) { write b, f(x); .. read b ..; yield y }
 *       =>  write b[0], f(x0); for (x = x0) { .. read b[i mod 2] ..; write b[(i + 1) mod 2], f(y); yield y }
 *
 * Arithmetic is moved once for all writes that follow from it. What else the body wants of it is computed there too, or,
 * where it comes of a fold and is small, carried to it.
 *
 * Sound: the buffer has no other write and no read before this one, and f neither traps nor looks at memory or at the
 * loop's index, so that f(y) now is f(x) in the next trip. The last trip writes what nobody reads. A value that depends
 * on anything else, a load say, is left alone.
 */
import { Builder } from '../ir/builder.js';
import { cloneOp, type ValueMap } from '../ir/clone.js';
import { type Block, type Kernel, newOp, newValue, type Op, type Value, walk } from '../ir/module.js';
import { constantOf, runsAnywhere, yielded, yieldOf } from '../ir/rewrite.js';
import { bufferType, bytesOf } from '../ir/types.js';
import { registerCount } from '../layout/layout.js';
import { isElementwise } from '../ops/table.js';
import { carrySlot } from './carry-slots.js';
import type { Pass } from './pass.js';

export interface RotateOptions {
  /** Slots of a rotated buffer: 1 saves shared memory and costs a barrier between the read and the write; default 2. */
  readonly slots?: 1 | 2;
}

export const rotateRoundTrips = (options: RotateOptions = {}): Pass => ({
  name: 'rotate-round-trips',
  summary: 'Writes carried tiles to shared memory at the end of the trip before the one that reads them.',
  requires: ['plan-conversions'],
  run(kernel) {
    rotateBlock(kernel.body, kernel, options.slots ?? 2);
  },
});

function rotateBlock(block: Block, kernel: Kernel, slots: 1 | 2): void {
  block.ops = block.ops.flatMap((op) => {
    for (const region of op.regions) rotateBlock(region, kernel, slots);
    return op.name === 'for' ? rotateLoop(op as Op<'for'>, kernel, slots) : [op];
  });
}

/** A write that can be rotated, with the arithmetic between the carried values and its tile, in order. */
interface RoundTrip {
  readonly write: Op;
  readonly buffer: Value;
  readonly tile: Value;
  readonly slice: readonly Op[];
  readonly reads: readonly Op[];
}

function rotateLoop(loop: Op<'for'>, kernel: Kernel, slots: 1 | 2): Op[] {
  const body = loop.regions[0] as Block;
  const found = body.ops.flatMap((op) => roundTrip(op, body, kernel) ?? []);
  if (found.length === 0) return [loop];
  const before: Block = { kind: 'block', args: [], ops: [] };
  const copies = copiesOf(loop, body);
  for (const trip of found) rotate(trip, loop, body, before, slots, copies);
  const moved = body.ops.filter((op) => found.some((trip) => trip.slice.includes(op)));
  carryFolds(moved, loop, body, copies);
  removeUnused(moved, body);
  return [...before.ops, loop];
}

/** What stands for values of the body before the loop, and at the end of a trip for the next one. */
interface Copies {
  readonly before: ValueMap;
  readonly next: ValueMap;
}

function copiesOf(loop: Op<'for'>, body: Block): Copies {
  const carried = body.args.slice(1);
  return {
    before: new Map(carried.map((v, i) => [v, loop.operands[i + 3] as Value])),
    next: new Map(carried.map((v, i) => [v, yielded(body)[i] as Value])),
  };
}

function roundTrip(write: Op, body: Block, kernel: Kernel): RoundTrip | null {
  const [buffer, slot, tile] = write.operands;
  if (write.name !== 'smem_write' || buffer?.type.kind !== 'buffer' || slot === undefined || tile === undefined)
    return null;
  if (buffer.type.slots !== 1 || constantOf(slot) !== 0) return null;
  const slice = sliceOf(tile, body);
  if (slice === null) return null;
  const others = [...walk(kernel.body)].filter((op) => op !== write && op.operands.includes(buffer));
  const behind = new Set(walk({ kind: 'block', args: [], ops: body.ops.slice(body.ops.indexOf(write) + 1) }));
  const reads = others.filter((op) => op.name === 'smem_read' && behind.has(op));
  return reads.length === others.length ? { write, buffer, tile, slice, reads } : null;
}

const SHAPING = new Set<Op['name']>(['splat', 'expand', 'broadcast', 'reshape', 'trans', 'convert', 'const', 'iota']);
const FOLDS = new Set<Op['name']>(['reduce', 'scan']);
const isMoved = (op: Op): boolean => isElementwise(op.name) || SHAPING.has(op.name) || FOLDS.has(op.name);

/** Ops of the body from which the tile follows, given carried values, one at least; null if anything else takes part. */
function sliceOf(tile: Value, body: Block): Op[] | null {
  const slice = new Set<Op>();
  let carried = false;
  const visit = (v: Value): boolean => {
    const { def } = v;
    if (def === body) {
      carried = true;
      return v !== body.args[0];
    }
    if (def.kind !== 'op' || !body.ops.includes(def) || slice.has(def)) return true;
    slice.add(def);
    return runsAnywhere(def) && isMoved(def) && def.operands.every(visit);
  };
  return visit(tile) && carried ? body.ops.filter((op) => slice.has(op)) : null;
}

function rotate(
  { write, buffer, tile, slice, reads }: RoundTrip,
  loop: Op<'for'>,
  body: Block,
  before: Block,
  slots: 1 | 2,
  copies: Copies,
): void {
  const end = yieldOf(body) as Op;
  body.ops = body.ops.filter((op) => op !== write && op !== end);
  const emit = (block: Block, slot: Value, map: ValueMap): void => {
    for (const op of slice) if (!op.results.every((v) => map.has(v))) block.ops.push(cloneOp(op, map));
    block.ops.push(newOp('smem_write', [buffer, slot, map.get(tile) ?? tile], {}, [], [], write.loc));
  };
  emit(before, new Builder(before, loop.loc).constant(0, 'i32'), copies.before);
  body.ops.push(end);
  const next = slots === 2 ? inTurn(buffer, reads, loop, before) : (write.operands[1] as Value);
  body.ops.pop();
  emit(body, next, copies.next);
  body.ops.push(end);
}

/** Two slots, read and written in turn; gives the one that a trip writes. */
function inTurn(buffer: Value, reads: readonly Op[], loop: Op<'for'>, before: Block): Value {
  const { slot, previous } = carrySlot(loop, 2, before);
  for (const read of reads) read.operands[1] = slot;
  if (buffer.type.kind === 'buffer') buffer.type = bufferType(buffer.type.dtype, 2, buffer.type.shape);
  return previous;
}

/** 32-bit registers of a value that is carried rather than made twice. */
const CARRIED_REGISTERS = 8;

/** What folds gave to the rest of the body comes from the trip before as well. */
function carryFolds(moved: readonly Op[], loop: Op<'for'>, body: Block, { before, next }: Copies): void {
  const folded = new Set<Value>();
  for (const op of moved)
    if (FOLDS.has(op.name) || op.operands.some((v) => folded.has(v))) for (const v of op.results) folded.add(v);
  const others = body.ops.filter((op) => !moved.includes(op));
  for (const v of folded) {
    const users = [...walk({ ...body, ops: others })].filter((op) => op.operands.includes(v));
    if (users.length === 0 || !isSmall(v)) continue;
    const arg = like(v, body);
    body.args.push(arg);
    loop.operands.push(before.get(v) as Value);
    loop.results.push(like(v, loop));
    for (const op of users) op.operands = op.operands.map((x) => (x === v ? arg : x));
    yieldOf(body)?.operands.push(next.get(v) as Value);
  }
}

function like(v: Value, def: Op | Block): Value {
  const made = newValue(v.type, def, v.hint);
  if (v.layout !== undefined) made.layout = v.layout;
  return made;
}

/** Tiles without a layout are of any size. */
function isSmall({ type, layout }: Value): boolean {
  if (type.kind !== 'tile') return false;
  if (type.shape.length === 0) return true;
  return layout !== undefined && (registerCount(layout) * bytesOf(type.dtype)) / 4 <= CARRIED_REGISTERS;
}

/** Arithmetic that only the old writes needed. */
function removeUnused(moved: readonly Op[], body: Block): void {
  for (const op of moved.toReversed()) {
    const used = [...walk(body)].some((x) => x.operands.some((v) => op.results.includes(v)));
    if (!used) body.ops = body.ops.filter((x) => x !== op);
  }
}
