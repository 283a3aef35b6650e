/**
 * Enters: accesses to shared memory, and to arguments that are written, in program order, at their final places. Leaves:
 * between any two accesses of common bytes by different threads, not both reads and not both atomic, a barrier on every
 * way that joins those threads: in a warp, among some warps, or in the whole program. Reads of shared memory that could be
 * issued too late for a write behind them are marked `now`.
 *
 * Sound: a requirement is dropped only where footprints (layouts) or slot numbers (run at compile time) show that no
 * common byte exists, or, in arguments, where places are proven apart or every element has one thread; control flow over
 * scalars is the same for all threads, so that a barrier may stand anywhere. The fewest barriers of each block are taken,
 * inner loops first, since what is in them may serve outside too.
 *
 * Barriers with a number join the warps of one coset; two groupings would need numbers of their own, so a kernel has one,
 * and what does not fit into it becomes a barrier for all.
 */
import { arrivalsOf } from '../analysis/copies-in-flight.js';
import { type Access, conflictOf, type Meeting, SharedAccesses } from '../analysis/shared-accesses.js';
import { type Block, type Kernel, newOp, type Op, walk } from '../ir/module.js';
import { complement, solver, spanContains } from '../layout/gf2.js';
import type { AttrsOf } from '../ops/table.js';
import type { Pass } from './pass.js';
import { globalOrder } from './place-barriers/global-order.js';
import {
  type Arc,
  arcOf,
  type Gap,
  isOnTheWay,
  lastRunOf,
  type Requirement,
  requirementsOf,
} from './place-barriers/requirements.js';
import { sinkReads } from './place-barriers/sink-reads.js';
import { stab } from './place-barriers/stab.js';

export const placeBarriers: Pass = {
  name: 'place-barriers',
  summary: 'Orders accesses of shared memory, and of arguments that are written, by the fewest barriers.',
  requires: ['plan-shared'],
  run(kernel) {
    sinkReads(kernel, new SharedAccesses(kernel));
    const accesses = new SharedAccesses(kernel);
    const arrivals = arrivalsOf(accesses, kernel.body);
    const bits = warpBits(kernel);
    const all = [...placesOf(accesses), ...arrivals];
    insert(choose([...requirementsOf(all), ...globalOrder(kernel)], bits, givenBarriers(kernel)), bits);
  },
};

// ---- reads on demand

/** A read stands where it is, or, unless a write could come in between, at the ops that want its registers too. */
function placesOf(accesses: SharedAccesses): Access[] {
  const order = new Map([...accesses.paths.keys()].map((op, i) => [op, i]));
  const orderOf = (op: Op): number => order.get(op) ?? -1;
  const writes = accesses.own.filter((a) => a.kind !== 'read');
  return accesses.own.flatMap((access) => {
    if (access.kind !== 'read') return [access];
    const demands = accesses.demandsOf(access.op).map((op) => accesses.path(op));
    const end = Math.max(-1, ...demands.map((d) => orderOf(lastRunOf(d, access.at))));
    const between = (op: Op): boolean => orderOf(op) > orderOf(access.op) && orderOf(op) <= end;
    const overtaken = writes.some((w) => between(w.op) && conflictOf(access, w, 'same') !== null);
    if (overtaken) (access.op as Op<'smem_read'>).attrs.now = true;
    return overtaken ? [access] : [access, ...demands.map((at) => ({ ...access, at }))];
  });
}

// ---- which barriers

interface Barrier extends Gap {
  readonly joins: Meeting;
}

const RANK = { warp: 0, warps: 1, cta: 2 } as const;

function covers(b: Meeting, need: Meeting): boolean {
  if (b.scope === 'warps' && need.scope === 'warps') return spanContains(b.meet, need.meet);
  return RANK[b.scope] >= RANK[need.scope];
}

const isCut = (r: Requirement, barriers: readonly Barrier[]): boolean =>
  barriers.some((b) => covers(b.joins, r.need) && isOnTheWay(r, b));

function choose(requirements: readonly Requirement[], bits: number, given: readonly Barrier[]): Barrier[] {
  const chosen = stabAll(requirements, { scope: 'cta', meet: [] }, given, (r) => r.need.scope === 'cta');
  const among = requirements.filter((r) => r.need.scope === 'warps' && !isCut(r, [...given, ...chosen]));
  const group = grouping(among, given, bits);
  const add = (joins: Meeting, which: (r: Requirement) => boolean): void => {
    chosen.push(...stabAll(requirements, joins, [...given, ...chosen], which));
  };
  add({ scope: 'cta', meet: [] }, (r) => r.need.scope === 'warps' && (group === null || !covers(group, r.need)));
  if (group !== null) add(group, (r) => r.need.scope === 'warps');
  add({ scope: 'warp', meet: [] }, () => true);
  return withoutNeedless(chosen, requirements, given);
}

/** Numbers 1 to 15 are for groups of warps. */
const MOST_GROUPS = 15;

/** The one grouping of warps of the kernel: that of a barrier in it, or one that joins all, or as many as it can. */
function grouping(among: readonly Requirement[], given: readonly Barrier[], bits: number): Meeting | null {
  const inUse = given.find((b) => b.joins.scope === 'warps');
  if (inUse !== undefined) return inUse.joins;
  const fits = (meet: readonly number[]): boolean => meet.length < bits && 2 ** (bits - meet.length) <= MOST_GROUPS;
  const joined = complement(
    [],
    among.flatMap((r) => r.need.meet),
  );
  const meet = [joined, ...among.map((r) => r.need.meet)].find(fits);
  return among.length === 0 || meet === undefined ? null : { scope: 'warps', meet };
}

/** Barriers of one kind that cut what is not cut yet, block by block from the innermost. */
function stabAll(
  requirements: readonly Requirement[],
  joins: Meeting,
  given: readonly Barrier[],
  which: (r: Requirement) => boolean,
): Barrier[] {
  const left = requirements.filter((r) => which(r) && !isCut(r, given));
  const chosen: Barrier[] = [];
  for (const level of [...new Set(left.map((r) => r.level))].sort((a, b) => b - a)) {
    const byBlock = new Map<Block, Arc[]>();
    for (const r of left) {
      if (r.level !== level || isCut(r, chosen)) continue;
      const { block, arc } = arcOf(r);
      byBlock.set(block, [...(byBlock.get(block) ?? []), arc]);
    }
    for (const [block, arcs] of byBlock)
      chosen.push(...stab(arcs, block.ops.length).map((index) => ({ block, index, joins })));
  }
  return chosen;
}

/** Without barriers whose work others do: those of outer blocks may cut what one inside was chosen for. */
function withoutNeedless(
  chosen: readonly Barrier[],
  requirements: readonly Requirement[],
  given: readonly Barrier[],
): Barrier[] {
  return chosen.reduce<Barrier[]>(
    (kept, b) => {
      const others = kept.filter((x) => x !== b);
      return requirements.every((r) => isCut(r, [...given, ...others])) ? others : kept;
    },
    [...chosen],
  );
}

/** Bits of the warp number; 0 where no layout tells. */
function warpBits(kernel: Kernel): number {
  let bits = 0;
  for (const op of walk(kernel.body))
    for (const v of [...op.operands, ...op.results]) bits = Math.max(bits, v.layout?.ins.warp?.length ?? 0);
  return bits;
}

// ---- in the IR

function givenBarriers(kernel: Kernel): Barrier[] {
  const blocks = [kernel.body, ...[...walk(kernel.body)].flatMap((op) => op.regions)];
  return blocks.flatMap((block) =>
    block.ops.flatMap((op, index) =>
      op.name === 'barrier' ? [{ block, index, joins: joinsOf(op as Op<'barrier'>) }] : [],
    ),
  );
}

/** Warps of one number meet: those that differ by a vector that `map` takes to 0. */
function joinsOf({ attrs: { scope, map = [] } }: Op<'barrier'>): Meeting {
  if (scope !== 'warps') return { scope: scope === 'cta' ? 'cta' : 'warp', meet: [] };
  const all = [...Array(2 ** map.length).keys()].slice(1);
  const number = (w: number): number => map.reduce((x, m, i) => ((w >>> i) & 1 ? x ^ m : x), 0);
  return {
    scope,
    meet: complement(
      [],
      all.filter((w) => number(w) === 0),
    ),
  };
}

function insert(barriers: readonly Barrier[], bits: number): void {
  const byBlock = new Map<Block, Barrier[]>();
  for (const b of barriers) byBlock.set(b.block, [...(byBlock.get(b.block) ?? []), b]);
  for (const [block, list] of byBlock)
    block.ops = block.ops.flatMap((op, i) => [
      ...list.filter((b) => b.index === i).map((b) => newOp('barrier', [], attrsOf(b.joins, bits), [])),
      op,
    ]);
}

/** The number of a group is linear in the bits of the warp, and the same for two warps iff they are to meet. */
function attrsOf({ scope, meet }: Meeting, bits: number): AttrsOf<'barrier'> {
  if (scope !== 'warps') return { scope };
  const unit = Array.from({ length: bits }, (_, b) => 2 ** b);
  const coordinates = solver([...meet, ...complement(meet, unit)]);
  const map = unit.map((v) => (coordinates(v) ?? 0) >>> meet.length);
  return { scope, map, warps: 2 ** meet.length };
}
