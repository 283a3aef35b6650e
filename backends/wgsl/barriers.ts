import { BARRIER, type Buffer, STORAGE_BARRIER, type Statement, type TextStatement } from './statement.js';

/**
 * Places barriers. Invariant afterwards: between two accesses of one piece of memory (by `overlap`) that are not both
 * reads there is a barrier on every path, also around the back edge of a loop. Within one statement the emitter answers
 * for order. All control flow around barriers is uniform: statements inside invocation-dependent branches are text.
 */
export function placeBarriers(list: readonly Statement[], overlap: Overlap, barrier: Statement = BARRIER): Statement[] {
  const placement = new Placement(overlap);
  do {
    placement.changed = false;
    placement.walk(list, EMPTY);
  } while (placement.changed);
  return placement.written(list, barrier);
}

/** Order between accesses of arguments: a barrier of its own kind, since neither orders the other's memory. */
export const keepOrder = (list: readonly Statement[], overlap: Overlap): Statement[] =>
  placeBarriers(list, overlap, STORAGE_BARRIER);

type Overlap = (a: Buffer, b: Buffer) => boolean;

/** Accesses since the last barrier. */
interface Pending {
  readonly reads: ReadonlySet<Buffer>;
  readonly writes: ReadonlySet<Buffer>;
}

const EMPTY: Pending = { reads: new Set(), writes: new Set() };

const isEmpty = (p: { readonly reads: Iterable<Buffer>; readonly writes: Iterable<Buffer> }): boolean =>
  [...p.reads, ...p.writes].length === 0;

function union(a: Pending, b: { readonly reads: Iterable<Buffer>; readonly writes: Iterable<Buffer> }): Pending {
  return isEmpty(b) ? a : { reads: new Set([...a.reads, ...b.reads]), writes: new Set([...a.writes, ...b.writes]) };
}

const sameSet = (a: ReadonlySet<Buffer>, b: ReadonlySet<Buffer>): boolean =>
  a.size === b.size && [...a].every((x) => b.has(x));

/**
 * A fixpoint over the whole program: each walk goes through every loop once, entering with what the walk before left
 * pending at the loop's end. Barriers are never taken back, so that walks are few, however deep loops nest.
 */
class Placement {
  /** Statements with a barrier in front. */
  readonly fenced = new Set<Statement>();
  /** What is pending at the end of a trip. */
  readonly backEdges = new Map<Statement, Pending>();
  readonly overlap: Overlap;
  changed = false;

  constructor(overlap: Overlap) {
    this.overlap = overlap;
  }

  meets(list: readonly Buffer[], set: ReadonlySet<Buffer>): boolean {
    return list.some((b) => [...set].some((p) => this.overlap(b, p)));
  }

  conflicts(s: TextStatement, p: Pending): boolean {
    return this.meets(s.reads, p.writes) || this.meets(s.writes, p.reads) || this.meets(s.writes, p.writes);
  }

  /** Adds the barriers that are missing when `entry` is pending at the start; what is pending at the end. */
  walk(list: readonly Statement[], entry: Pending): Pending {
    return list.reduce((pending, s) => this.step(s, pending), entry);
  }

  step(s: Statement, pending: Pending): Pending {
    switch (s.kind) {
      case 'text':
        return this.text(s, pending);
      case 'loop':
        return this.loop(s, pending);
      case 'branch':
        return union(this.walk(s.yes, pending), this.walk(s.no, pending));
    }
  }

  text(s: TextStatement, pending: Pending): Pending {
    if (!this.fenced.has(s) && this.conflicts(s, pending)) {
      this.fenced.add(s);
      this.changed = true;
    }
    return union(this.fenced.has(s) ? EMPTY : pending, s);
  }

  /** What is pending where the loop ends: behind a test. */
  loop(s: Extract<Statement, { kind: 'loop' }>, before: Pending): Pending {
    const known = this.backEdges.get(s) ?? EMPTY;
    const left = this.walk(s.test, union(before, known));
    const end = this.walk(s.body, left);
    if (!sameSet(end.reads, known.reads) || !sameSet(end.writes, known.writes)) {
      this.backEdges.set(s, end);
      this.changed = true;
    }
    return left;
  }

  written(list: readonly Statement[], barrier: Statement): Statement[] {
    return list.flatMap((s): Statement[] => {
      if (s.kind === 'text') return this.fenced.has(s) ? [barrier, s] : [s];
      if (s.kind === 'loop') {
        return [{ ...s, test: this.written(s.test, barrier), body: this.written(s.body, barrier) }];
      }
      return [{ ...s, yes: this.written(s.yes, barrier), no: this.written(s.no, barrier) }];
    });
  }
}
