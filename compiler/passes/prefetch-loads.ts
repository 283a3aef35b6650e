/**
 * Enters: loops with loads whose addresses follow the induction variable. Leaves, in loops of two stages or more: the
 * tile of the next trip is loaded at the place of the old load and carried over the back edge, so that memory latency
 * overlaps with the arithmetic of this trip. The first tile is loaded before the loop. Layouts, where there are any, stay.
 *
 * Sound: only loads from inputs move, which no store of the launch may change. A load that runs for a trip that never
 * comes must not touch memory outside: its checks along axes that follow the induction variable are restored, also where
 * they had been proven or promised for the trips that do run. What was promised along other axes holds inside the loop
 * only: the load before it has all its checks. Addresses are computed for that trip too, so nothing in them may trap.
 */
import { Builder } from '../ir/builder.js';
import { cloneOp, type ValueMap } from '../ir/clone.js';
import { type Block, type Kernel, newValue, type Op, type Value } from '../ir/module.js';
import { runsAnywhere, yieldOf } from '../ir/rewrite.js';
import type { Pass } from './pass.js';

export interface PrefetchOptions {
  /** Whether a tile is worth the registers that carry it; all are, by default. */
  readonly takes?: (load: Op<'load'>) => boolean;
}

export const prefetchLoads = ({ takes = () => true }: PrefetchOptions = {}): Pass => ({
  name: 'prefetch-loads',
  summary: 'Loads the tiles of the next trip of a loop during this one.',
  requires: [],
  run(kernel) {
    prefetchBlock(kernel.body, kernel, takes);
  },
});

type Takes = (load: Op<'load'>) => boolean;

function prefetchBlock(block: Block, kernel: Kernel, takes: Takes): void {
  block.ops = block.ops.flatMap((op) => {
    for (const region of op.regions) prefetchBlock(region, kernel, takes);
    return op.name === 'for' ? [...prefetchLoop(op as Op<'for'>, kernel, takes), op] : [op];
  });
}

/** Rewrites one loop in place and gives the ops that must stand before it. */
function prefetchLoop(loop: Op<'for'>, kernel: Kernel, takes: Takes): Op[] {
  const stages = loop.attrs.stages ?? kernel.config.stages ?? 1;
  if (stages < 2 || loop.attrs.reverse) return [];
  const body = loop.regions[0] as Block;
  const iv = body.args[0] as Value;
  const slices = new Map<Op<'load'>, Op[]>();
  for (const op of body.ops as Op<'load'>[]) {
    const slice = op.name === 'load' && takes(op) ? addressSlice(op, body, iv) : null;
    if (slice !== null) slices.set(op, slice);
  }
  if (slices.size === 0) return [];

  const before: Op[] = [];
  const [begin, , step] = loop.operands as [Value, Value, Value];
  const scratch: Block = { kind: 'block', args: [], ops: [] };
  const next = new Builder(scratch, loop.loc).value('add', [iv, step], {});
  const end = yieldOf(body) as Op;
  const out: Op[] = [];
  for (const op of body.ops as Op<'load'>[]) {
    const slice = slices.get(op);
    if (slice === undefined) {
      out.push(op);
      continue;
    }
    const first = copyLoad(op, slice, new Map([[iv, begin]]), false);
    const later = copyLoad(op, slice, new Map([[iv, next]]), true);
    before.push(...first);
    out.push(...scratch.ops.splice(0), ...later);
    const tile = op.results[0] as Value;
    const arg = newValue(tile.type, body, tile.hint);
    const last = newValue(tile.type, loop);
    if (tile.layout !== undefined) for (const v of [arg, last]) v.layout = tile.layout;
    body.args.push(arg);
    loop.operands.push(resultOf(first));
    loop.results.push(last);
    end.operands.push(resultOf(later));
    replaceIn(body, tile, arg);
  }
  body.ops = out;
  return before;
}

const resultOf = (ops: readonly Op[]): Value => (ops.at(-1) as Op).results[0] as Value;

/** The scalar ops of the body that the load's origins need, in order; null if the load may not move. */
function addressSlice(load: Op<'load'>, body: Block, iv: Value): Op[] | null {
  const [view, ...origins] = load.operands;
  const inBody = new Map(body.ops.flatMap((op) => op.results.map((v) => [v, op] as const)));
  if (view === undefined || view.type.kind !== 'view' || view.type.access !== 'in' || inBody.has(view)) return null;
  if (load.attrs.masked || !origins.some((v) => v === iv || inBody.has(v))) return null;
  const slice = new Set<Op>();
  const visit = (v: Value): boolean => {
    const op = inBody.get(v);
    if (op === undefined) return !body.args.includes(v) || v === iv;
    if (!runsAnywhere(op)) return false;
    if (v.type.kind !== 'tile' || v.type.shape.length > 0 || !op.operands.every(visit)) return false;
    slice.add(op);
    return true;
  };
  if (!origins.every(visit)) return null;
  return body.ops.filter((op) => slice.has(op));
}

/** The load for another induction value, after copies of its address arithmetic. `inside`: it stands in the loop. */
function copyLoad(load: Op<'load'>, slice: readonly Op[], map: ValueMap, inside: boolean): Op[] {
  const copies = slice.map((op) => cloneOp(op, map));
  const copy = cloneOp(load, map) as Op<'load'>;
  const { in_bounds: promised, ...rest } = load.attrs;
  const guard = load.operands.slice(1).map((origin, axis) => {
    const known = promised === true ? inside : rest.guard?.[axis] === false;
    return !known || copy.operands[axis + 1] !== origin;
  });
  copy.attrs = { ...rest, guard };
  return [...copies, copy];
}

function replaceIn(block: Block, from: Value, to: Value): void {
  for (const op of block.ops) {
    op.operands = op.operands.map((v) => (v === from ? to : v));
    for (const region of op.regions) replaceIn(region, from, to);
  }
}
