/**
 * What has to be ordered: pairs of accesses that touch common bytes, not both reads, with the way that leads from the
 * first to the second. A way is straight down one block (its common one), or over the back edge of a loop around both;
 * a barrier on every such way orders them.
 */
import { commonBlocks, type Path } from '../../analysis/program-paths.js';
import { type Access, buffersMeet, conflictOf, type Meeting } from '../../analysis/shared-accesses.js';
import type { Distance, Slots } from '../../analysis/slot-values.js';
import { Bug } from '../../diag/diagnostic.js';
import { type Block, type Op, walk } from '../../ir/module.js';
import { isLoop } from '../../ir/rewrite.js';

export interface Requirement {
  readonly from: Path;
  readonly to: Path;
  /** Index in both paths of the place in the block that both share. */
  readonly level: number;
  /** down: from the first to the second. around: by the end and the start of the block, a loop's body. often: more than once. */
  readonly way: 'down' | 'around' | 'often';
  readonly need: Meeting;
}

/** A place for a barrier: before op `index` of the block. */
export interface Gap {
  readonly block: Block;
  readonly index: number;
}

/** All pairs that need order. Issues are targets only, arrivals sources only: in between the bytes are the copy's. */
export function requirementsOf(accesses: readonly Access[]): Requirement[] {
  const conflicts = new Conflicts();
  const targets = accesses.filter((a) => a.kind !== 'arrival');
  const out: Requirement[] = [];
  for (const a of accesses) {
    if (a.kind === 'copy') continue;
    for (const b of targets)
      if ((a.kind !== 'read' || b.kind !== 'read') && buffersMeet(a.buffer, b.buffer))
        out.push(...waysBetween(a, b, conflicts));
  }
  return out;
}

/** `conflictOf` does not ask where accesses stand: a read that may be issued in several places is compared once. */
class Conflicts {
  /** By what only accesses of one op share: their slots. */
  readonly #known = new Map<Slots, Map<Slots, Map<Distance, Meeting | null>>>();

  of(a: Access, b: Access, distance: Distance): Meeting | null {
    const known = this.#between(a.slots, b.slots);
    const before = known.get(distance);
    if (before !== undefined) return before;
    const made = conflictOf(a, b, distance);
    known.set(distance, made);
    return made;
  }

  #between(a: Slots, b: Slots): Map<Distance, Meeting | null> {
    const row = this.#known.get(a) ?? new Map<Slots, Map<Distance, Meeting | null>>();
    this.#known.set(a, row);
    const known = row.get(b) ?? new Map<Distance, Meeting | null>();
    row.set(b, known);
    return known;
  }
}

/** A way from one place to another: straight on, or over the back edge of a loop around both. */
export interface Way {
  /** Index in both paths of the place in the block that both share. */
  readonly level: number;
  readonly loop: Op | null;
}

export function waysBetweenPaths(a: Path, b: Path): Way[] {
  const common = commonBlocks(a, b) - 1;
  const ways: Way[] = precedes(a, b, common) ? [{ level: common, loop: null }] : [];
  for (let level = common; level >= 1; level--) {
    const loop = a[level - 1]?.op;
    if (loop !== undefined && isLoop(loop)) ways.push({ level, loop });
  }
  return ways;
}

function waysBetween(a: Access, b: Access, conflicts: Conflicts): Requirement[] {
  const out: Requirement[] = [];
  const add = (at: number, way: Requirement['way'], distance: Distance): void => {
    const need = conflicts.of(a, b, distance);
    if (need !== null) out.push({ from: a.at, to: b.at, level: at, way, need });
  };
  const shared = a.slots.loop !== null && a.slots.loop === b.slots.loop ? a.slots.loop : null;
  const follows = shared === null ? -1 : a.at.findIndex((p) => p.op === shared);
  for (const { level, loop } of waysBetweenPaths(a.at, b.at)) {
    const across = level - 1;
    if (loop === null) add(level, 'down', shared === null ? 'any' : 'same');
    else if (shared === null || follows > across) add(level, 'around', 'any');
    else if (follows < across) add(level, 'around', 'same');
    else {
      add(level, 'around', 'next');
      add(level, 'often', 'later');
    }
  }
  return out;
}

/**
 * In one run of the common block, `a` comes first. The two sides of a branch never run together; condition and body of a
 * while follow each other, both ways.
 */
function precedes(a: Path, b: Path, level: number): boolean {
  const [i, j] = [a[level]?.index ?? 0, b[level]?.index ?? 0];
  if (i !== j) return i < j;
  const inside = b.length > level + 1;
  return inside && (a.length === level + 1 || a[level]?.op.name === 'while');
}

/** A barrier in the gap that joins all who have to meet stands on the way. */
export function isOnTheWay({ from, to, level, way }: Requirement, { block, index }: Gap): boolean {
  const behind = (p: Path, l: number): boolean => block === p[l]?.block && index > (p[l]?.index ?? 0);
  const before = (p: Path, l: number): boolean => block === p[l]?.block && index <= (p[l]?.index ?? 0);
  if (block === from[level]?.block) {
    if (way === 'often') return true;
    return way === 'around' ? behind(from, level) || before(to, level) : behind(from, level) && before(to, level);
  }
  // Leaving the regions around the first access, and entering those around the second.
  return from.some((_, l) => l > level && behind(from, l)) || to.some((_, l) => l > level && before(to, l));
}

/** Places of a barrier in one block: `length` of them from `start` on, in a loop's body going on at its top. */
export interface Arc {
  readonly start: number;
  readonly length: number;
}

/** The gaps on the way in the common block; inside of the second place, where it is an op in which the way ends. */
export function arcOf(r: Requirement): { readonly block: Block; readonly arc: Arc } {
  const { from, to, inner } = { from: r.from[r.level], to: r.to[r.level], inner: r.to[r.level + 1] };
  if (from === undefined || to === undefined) throw new Bug('accesses without a common block');
  const gaps = from.block.ops.length;
  const arc = (start: number, length: number) => ({ block: from.block, arc: { start: start % gaps, length } });
  if (r.way === 'often') return arc(0, gaps);
  if (r.way === 'around') return arc(from.index + 1, Math.min(gaps, gaps - from.index + to.index));
  if (from.index < to.index || inner === undefined) return arc(from.index + 1, to.index - from.index);
  return { block: inner.block, arc: { start: 0, length: inner.index + 1 } };
}

/** The op after whose last run nothing of `op` runs any more: the end of the outermost loop that is not around `other`. */
export function lastRunOf(op: Path, other: Path): Op {
  const loop = op.slice(commonBlocks(op, other) - 1, -1).find((p) => isLoop(p.op));
  const last = loop === undefined ? op.at(-1)?.op : [...walk({ kind: 'block', args: [], ops: [loop.op] })].at(-1);
  if (last === undefined) throw new Bug('an op without a path');
  return last;
}
