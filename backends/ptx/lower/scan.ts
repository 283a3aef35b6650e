import { Bug } from '../../../compiler/diag/diagnostic.js';
import type { Op, Value } from '../../../compiler/ir/module.js';
import { type DType, isFloat } from '../../../compiler/ir/types.js';
import { log2, makeLayout } from '../../../compiler/layout/layout.js';
import { imm, type Operand } from '../isa/operand.js';
import { type Owner, ownersOf, straightLayout } from './axis-bits.js';
import type { Emitter } from './emitter.js';
import { Exchange, publish, readAll } from './exchange.js';
import { butterfly } from './shuffle.js';
import { makeTile, type Tile } from './tile.js';

/**
 * Inclusive sums along an axis. Blocks of 2^k positions are joined two by two, k rising: the upper one of a pair takes in
 * the total of the lower one, and both know the total of the pair. A pair lies in one thread, in two lanes (a shuffle) or
 * in two warps (shared memory), as the layout has it, in any order of these. Where bits of the position are mixed in the
 * hardware, the tile is scanned in another layout.
 */
export function emitScan(e: Emitter, op: Op<'scan'>): void {
  const tile = e.tile(op.operands[0] as Value);
  const { axis } = op.attrs;
  const reverse = op.attrs.reverse === true;
  const owners = ownersOf(tile.layout, axis);
  const made = owners === null ? scannedElsewhere(e, tile, axis, reverse) : scanned(e, tile, owners, reverse);
  e.setTile(op.results[0] as Value, made);
}

const totals = new WeakMap<Tile, Operand>();

/** The sum of a whole tile, which every thread has after a scan of it. */
function rememberTotal(e: Emitter, tile: Tile, total: Operand | undefined): void {
  if (total === undefined || tile.layout.shape.length !== 1) return;
  totals.set(tile, total);
  e.onLeave(() => totals.delete(tile));
}

/** The sum of a vector that has been scanned before; null of others. */
export const scannedTotal = (tile: Tile): Operand | null => totals.get(tile) ?? null;

const sumOf =
  (e: Emitter, d: DType) =>
  (x: Operand, y: Operand): Operand =>
    e.b.op(isFloat(d) ? 'add.f32' : 'add.s32', x, y);

/** Registers of one block: what is to be added to all their sums, and the total of the block. */
interface Group {
  readonly members: readonly number[];
  before: Operand | null;
  total: Operand;
}

function scanned(e: Emitter, tile: Tile, owners: readonly Owner[], reverse: boolean): Tile {
  const add = sumOf(e, tile.dtype);
  const sums = Array.from({ length: tile.registers }, (_, r) => tile.lane(r));
  let groups = sums.map((x, r): Group => ({ members: [r], before: null, total: x }));
  const flush = (g: Group, more: Operand | null): void => {
    const before = g.before === null ? more : more === null ? g.before : add(g.before, more);
    if (before !== null) for (const r of g.members) sums[r] = add(sums[r] as Operand, before);
  };
  for (const { dim, bit } of owners) {
    if (dim === 'register') groups = joinRegisters(groups, 2 ** bit, reverse, add, flush);
    else if (dim === 'lane') joinLanes(e, groups, bit, reverse, add);
    else joinWarps(e, groups, bit, reverse, add);
  }
  for (const g of groups) flush(g, null);
  if (groups.length === 1) rememberTotal(e, tile, groups[0]?.total);
  return makeTile(e, tile.dtype, tile.layout, { lane: (r) => sums[r] as Operand });
}

/** Two groups of a thread become one: the second of them, in the order of the scan, takes in the total of the first. */
function joinRegisters(
  groups: readonly Group[],
  bit: number,
  reverse: boolean,
  add: (x: Operand, y: Operand) => Operand,
  flush: (g: Group, more: Operand | null) => void,
): Group[] {
  const byFirst = new Map(groups.map((g) => [g.members[0] as number, g]));
  return groups.flatMap((low) => {
    const first = low.members[0] as number;
    if ((first & bit) !== 0) return [];
    const high = byFirst.get(first | bit);
    if (high === undefined) throw new Bug('scan: a block without its neighbour');
    const [earlier, later] = reverse ? [high, low] : [low, high];
    flush(earlier, null);
    flush(later, earlier.total);
    return [{ members: [...low.members, ...high.members], before: null, total: add(low.total, high.total) }];
  });
}

/** The blocks of two lanes, or of two warps: `other` is the total of the other one. */
function joinThreads(
  e: Emitter,
  g: Group,
  other: Operand,
  threadBit: number,
  reverse: boolean,
  add: (x: Operand, y: Operand) => Operand,
): void {
  const { b } = e;
  const set = b.op('setp.ne.u32', b.op('and.b32', e.tid(), imm(2 ** threadBit)), imm(0));
  const taken = reverse ? b.op('selp.b32', imm(0), other, set) : b.op('selp.b32', other, imm(0), set);
  g.before = g.before === null ? taken : add(g.before, taken);
  g.total = add(g.total, other);
}

function joinLanes(
  e: Emitter,
  groups: readonly Group[],
  bit: number,
  reverse: boolean,
  add: (x: Operand, y: Operand) => Operand,
): void {
  for (const g of groups) joinThreads(e, g, butterfly(e, g.total, 2 ** bit), bit, reverse, add);
}

/** Each thread writes the totals of its groups, and reads those of the thread with its lane number in the other warp. */
function joinWarps(
  e: Emitter,
  groups: readonly Group[],
  bit: number,
  reverse: boolean,
  add: (x: Operand, y: Operand) => Operand,
): void {
  const lane = LANES.map((_, i) => 2 ** i);
  const register = Array.from({ length: log2(groups.length) }, (_, i) => 2 ** (LANES.length + i));
  const warp = Array.from({ length: log2(e.warps) }, (_, i) => groups.length * 2 ** (LANES.length + i));
  const shape = [groups.length * e.threads];
  const own = makeLayout(shape, { register, lane, warp });
  // One more register bit leads to the other warp.
  const both = makeLayout(shape, { register: [...register, warp[bit] ?? 0], lane, warp });
  const exchange = new Exchange(e, own);
  publish(e, own, [{ exchange, word: (i) => (groups[i] as Group).total }]);
  const place = exchange.places(both);
  groups.forEach((g, i) => {
    const other = e.b.op('ld.shared.b32', place(i + groups.length));
    joinThreads(e, g, other, LANES.length + bit, reverse, add);
  });
}

const LANES = [0, 1, 2, 3, 4] as const;

/** By way of shared memory, in a layout that has one owner for each bit, the nearest for those of the axis. */
function scannedElsewhere(e: Emitter, tile: Tile, axis: number, reverse: boolean): Tile {
  const straight = straightLayout(tile.layout, axis, e.warps);
  const exchange = new Exchange(e, tile.layout);
  publish(e, tile.layout, [{ exchange, word: (r) => tile.lane(r) }]);
  const words = readAll(e, exchange, straight);
  const owners = ownersOf(straight, axis);
  if (owners === null) throw new Bug('scan: a straight layout without owners');
  const source = makeTile(e, tile.dtype, straight, { lane: (r) => words[r] as Operand });
  const sums = scanned(e, source, owners, reverse);
  publish(e, straight, [{ exchange, word: (r) => sums.lane(r) }]);
  const back = readAll(e, exchange, tile.layout);
  return makeTile(e, tile.dtype, tile.layout, { lane: (r) => back[r] as Operand });
}
