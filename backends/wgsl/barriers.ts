import { BARRIER, type Buffer, type Statement, type TextStatement } from './statement.js';

/**
 * Places workgroup barriers. Invariant afterwards: between two accesses of one piece of workgroup memory that are not both
 * reads there is a barrier on every path, also around the back edge of a loop. Within one statement the emitter answers
 * for order. All control flow around barriers is uniform: statements inside invocation-dependent branches are text.
 */
export function placeBarriers(list: readonly Statement[], overlap: (a: Buffer, b: Buffer) => boolean): Statement[] {
  return new Placement(overlap).block(list, EMPTY).statements;
}

/** Accesses since the last barrier. */
interface Pending {
  readonly reads: ReadonlySet<Buffer>;
  readonly writes: ReadonlySet<Buffer>;
}

const EMPTY: Pending = { reads: new Set(), writes: new Set() };

const union = (a: Pending, b: Pending): Pending => ({
  reads: new Set([...a.reads, ...b.reads]),
  writes: new Set([...a.writes, ...b.writes]),
});

interface Placed {
  readonly statements: Statement[];
  readonly pending: Pending;
}

class Placement {
  readonly overlap: (a: Buffer, b: Buffer) => boolean;
  constructor(overlap: (a: Buffer, b: Buffer) => boolean) {
    this.overlap = overlap;
  }

  meets(list: readonly Buffer[], set: ReadonlySet<Buffer>): boolean {
    return list.some((b) => [...set].some((p) => this.overlap(b, p)));
  }

  conflicts(s: TextStatement, p: Pending): boolean {
    return this.meets(s.reads, p.writes) || this.meets(s.writes, p.reads) || this.meets(s.writes, p.writes);
  }

  block(list: readonly Statement[], entry: Pending): Placed {
    const out: Statement[] = [];
    let pending = entry;
    for (const s of list) {
      if (s === BARRIER) {
        out.push(s);
        pending = EMPTY;
      } else if (s.kind === 'text') {
        if (this.conflicts(s, pending)) {
          out.push(BARRIER);
          pending = EMPTY;
        }
        out.push(s);
        pending = union(pending, { reads: new Set(s.reads), writes: new Set(s.writes) });
      } else if (s.kind === 'loop') {
        const body = this.loop(s.body, pending);
        out.push({ ...s, body: body.statements });
        pending = union(pending, body.pending);
      } else {
        const [a, b] = [this.block(s.yes, pending), this.block(s.no, pending)];
        out.push({ ...s, yes: a.statements, no: b.statements });
        pending = union(a.pending, b.pending);
      }
    }
    return { statements: out, pending };
  }

  /** Barriers of one round stay and are inputs of the next, until the back edge asks for no more. */
  loop(list: readonly Statement[], before: Pending): Placed {
    let body = this.block(list, before);
    for (;;) {
      const again = this.block(body.statements, union(before, body.pending));
      if (countBarriers(again.statements) === countBarriers(body.statements)) return again;
      body = again;
    }
  }
}

export function countBarriers(list: readonly Statement[]): number {
  return list.reduce((n, s) => {
    if (s.kind === 'text') return n + (s === BARRIER ? 1 : 0);
    return n + (s.kind === 'loop' ? countBarriers(s.body) : countBarriers(s.yes) + countBarriers(s.no));
  }, 0);
}
