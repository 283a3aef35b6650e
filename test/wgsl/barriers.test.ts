import fc from 'fast-check';
import { expect, it } from 'vitest';
import { placeBarriers } from '../../backends/wgsl/barriers.js';
import { BARRIER, type Buffer, type Statement, text } from '../../backends/wgsl/statement.js';

const BUFFERS: readonly Buffer[] = Array.from({ length: 4 }, (_, id) => ({ id, memory: 'word', size: 8 }));
/** Buffers 0 and 1 share memory, as after planning. */
const overlap = (a: Buffer, b: Buffer): boolean => a.id === b.id || (a.id < 2 && b.id < 2);

const some = fc.subarray([...BUFFERS], { maxLength: 2 });
const access = fc.tuple(some, some).map(([reads, writes]): Statement => text('x', reads, writes));
const { list } = fc.letrec<{ list: Statement[] }>((tie) => ({
  list: fc.array(
    fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      access,
      fc
        .tuple(fc.oneof(fc.constant<Statement[]>([]), tie('list')), tie('list'))
        .map(([test, body]): Statement => ({ kind: 'loop', head: 'for', test, body })),
      fc.tuple(tie('list'), tie('list')).map(([yes, no]): Statement => ({ kind: 'branch', head: 'c', yes, no })),
    ),
    { maxLength: 6 },
  ),
}));

function countBarriers(list: readonly Statement[]): number {
  return list.reduce((n, s) => {
    if (s.kind === 'text') return n + (s === BARRIER ? 1 : 0);
    return n + (s.kind === 'loop' ? countBarriers([...s.test, ...s.body]) : countBarriers(s.yes) + countBarriers(s.no));
  }, 0);
}

/** One path through the program: loops run 0 to 3 times and test once more, branches go either way. */
function* path(statements: readonly Statement[], random: () => number): Generator<Statement> {
  for (const s of statements) {
    if (s.kind === 'text') yield s;
    else if (s.kind === 'branch') yield* path(random() < 0.5 ? s.yes : s.no, random);
    else {
      for (let trips = Math.floor(random() * 4); trips > 0; trips--) yield* path([...s.test, ...s.body], random);
      yield* path(s.test, random);
    }
  }
}

function hazard(statements: Iterable<Statement>): boolean {
  let seen: Statement[] = [];
  for (const s of statements) {
    if (s.kind !== 'text') continue;
    if (s === BARRIER) seen = [];
    for (const before of seen) {
      if (before.kind !== 'text') continue;
      const meets = (a: readonly Buffer[], b: readonly Buffer[]): boolean =>
        a.some((x) => b.some((y) => overlap(x, y)));
      if (meets(s.writes, before.reads) || meets(s.writes, before.writes) || meets(s.reads, before.writes)) return true;
    }
    seen.push(s);
  }
  return false;
}

it('no path through a program has two conflicting accesses without a barrier between them', () => {
  fc.assert(
    fc.property(list, fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })), (program, stream) => {
      const random = (): number => stream.next().value as number;
      expect(hazard(path(placeBarriers(program, overlap), random))).toBe(false);
    }),
    { numRuns: 500 },
  );
});

it('no barrier stands where none is needed: taking one out of a straight program makes a hazard', () => {
  fc.assert(
    fc.property(fc.array(access, { maxLength: 10 }), (program) => {
      const placed = placeBarriers(program, overlap);
      placed.forEach((s, i) => {
        if (s === BARRIER) expect(hazard(placed.filter((_, j) => j !== i))).toBe(true);
      });
      expect(countBarriers(placed)).toBe(placed.length - program.length);
    }),
  );
});
