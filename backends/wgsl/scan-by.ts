import type { Op, Value } from '../../compiler/ir/module.js';
import { registerCount } from '../../compiler/layout/layout.js';
import { assigned, type Combine, chosen, combineOf, type Group, type Slots, slotsFor, variables } from './combine.js';
import { type Emitter, layoutOf, product, sum, tileOf } from './emitter.js';
import { defineLanes, foldLines, writeRuns } from './reduce-by.js';
import { indexAt, type Runs, runsOf } from './runs.js';

/** Runs of a line that one invocation scans in a row; longer lines are cut into chunks of about their root. */
const IN_A_ROW = 16;

/**
 * Each invocation scans its runs in registers; their totals are scanned in workgroup memory, and every element takes in
 * what stands before its run. Positions >= valid are behind all others, or with `reverse` before all and then left out.
 */
export function emitScanBy(e: Emitter, op: Op<'scan_by'>): void {
  const source = op.operands[0] as Value;
  const extent = tileOf(source).shape[op.attrs.axis] ?? 1;
  const line: Line = {
    valid: Math.min(op.attrs.valid ?? extent, extent),
    reverse: op.attrs.reverse === true,
  };
  const f = combineOf(e, op);
  const runs = runsOf(e, op.operands, op.attrs.axis);
  const own = Array.from({ length: runs.held }, (_, r) => scanRun(e, runs, r, line, f));
  const all = runs.runs === 1 ? own : afterOthers(e, runs, own, line, f);
  op.results.forEach((v, k) => {
    const lanes = Array.from({ length: registerCount(layoutOf(v)) }, () => '');
    all.forEach((run, r) => {
      run.forEach((group, i) => {
        lanes[runs.register(r, i)] = group[k] as string;
      });
    });
    defineLanes(e, v, lanes);
  });
}

interface Line {
  readonly valid: number;
  readonly reverse: boolean;
}

/** Groups by position in the run: each with those nearer the start folded in. */
function scanRun(e: Emitter, runs: Runs, r: number, { valid, reverse }: Line, f: Combine): Group[] {
  const made: Group[] = [];
  const steps = [...Array(runs.width).keys()];
  let before: Group | null = null;
  for (const i of reverse ? steps.reverse() : steps) {
    const x = runs.lanes(r, i);
    if (before !== null) {
      const next = f.named(before, x);
      e.line(next.line);
      // Coming from the end, what is past it is not there yet.
      const skips = reverse && valid % runs.width !== 0;
      const there = skips ? `(${sum(product(indexAt(runs.run, r), runs.width), i + 1)} < ${valid}i)` : null;
      before = chosen(there, next.group, x).map((text) => e.let(text));
    } else before = x;
    made[i] = before;
  }
  return made;
}

function afterOthers(e: Emitter, runs: Runs, own: readonly Group[][], { valid, reverse }: Line, f: Combine): Group[][] {
  const count = Math.ceil(valid / runs.width);
  const totals = own.map((run) => run[reverse ? 0 : runs.width - 1] as Group);
  const slots = writeRuns(e, runs, totals, f);
  // Run number t from the start of the scan.
  const at = (place: string, t: string): string =>
    sum(product(place, runs.runs), reverse ? `(${count - 1}i - ${t})` : t);
  const chunk = count <= IN_A_ROW ? count : 2 ** Math.ceil(Math.log2(count) / 2);
  const chunks = Math.ceil(count / chunk);
  scanChunks(e, slots, { lines: runs.places, count, chunk, chunks, at }, f);
  const before = chunks === 1 ? null : totalsBefore(e, slots, { lines: runs.places, count, chunk, chunks, at }, f);
  return own.map((run, r) => {
    const t = e.let(reverse ? `max(${count - 1}i - ${indexAt(runs.run, r)}, 0i)` : indexAt(runs.run, r));
    const place = indexAt(runs.place, r);
    const prefix = prefixOf(e, { place, t, chunk, chunks }, { slots, before, at }, f);
    return run.map((x) => {
      const next = f.named(prefix, x);
      e.line(next.line);
      return chosen(`(${t} > 0i)`, next.group, x);
    });
  });
}

/** Lines of `count` totals, cut into chunks; `at` is where total t of a line lies. */
interface Chunks {
  readonly lines: number;
  readonly count: number;
  readonly chunk: number;
  readonly chunks: number;
  readonly at: (place: string, t: string) => string;
}

/** In place, each chunk by one invocation. */
function scanChunks(e: Emitter, slots: Slots, c: Chunks, f: Combine): void {
  const [i, j, first, place] = [e.name('n'), e.name('j'), e.name('t'), e.name('p')];
  const acc = variables(e, f.dtypes, slots.read(c.at(place, first)));
  const here = c.at(place, `(${first} + ${j})`);
  const next = f.named(acc.group, slots.read(here));
  const body = [
    `for (var ${i} = i32(inv); ${i} < ${c.lines * c.chunks}i; ${i} += ${e.threads}i) {`,
    `let ${place} = ${i} / ${c.chunks}i;`,
    `let ${first} = (${i} % ${c.chunks}i) * ${c.chunk}i;`,
    ...acc.lines,
    `for (var ${j} = 1i; ${j} < min(${c.chunk}i, ${c.count}i - ${first}); ${j}++) {`,
    next.line,
    ...assigned(acc.group, next.group),
    ...slots.write(here, acc.group),
    '}',
    '}',
  ];
  e.line(body.join('\n'), slots.buffers, slots.buffers);
}

/** What all chunks before a chunk come to, at [line, chunk]; of the first one that is anything. */
function totalsBefore(e: Emitter, slots: Slots, c: Chunks, f: Combine): Slots {
  const before = slotsFor(e, f.dtypes, c.lines * c.chunks);
  const i = e.name('n');
  const lastOf: Slots = {
    ...slots,
    read: (k) => slots.read(c.at(`(${i} / ${c.chunks}i)`, `(${k} * ${c.chunk}i + ${c.chunk - 1}i)`)),
  };
  const { lines, group } = foldLines(e, lastOf, '0i', `(${i} % ${c.chunks}i)`, f);
  const body = [
    `for (var ${i} = i32(inv); ${i} < ${c.lines * c.chunks}i; ${i} += ${e.threads}i) {`,
    ...lines,
    ...before.write(i, group),
    '}',
  ];
  e.line(body.join('\n'), slots.buffers, before.buffers);
  return before;
}

interface Spot {
  readonly place: string;
  readonly t: string;
  readonly chunk: number;
  readonly chunks: number;
}

/** All that stands before run t of a line, where t > 0. */
function prefixOf(
  e: Emitter,
  { place, t, chunk, chunks }: Spot,
  from: { readonly slots: Slots; readonly before: Slots | null; readonly at: Chunks['at'] },
  f: Combine,
): Group {
  const inChunk = from.slots.read(from.at(place, `max(${t} - 1i, 0i)`)).map((x) => e.let(x, 'v', from.slots.buffers));
  if (from.before === null) return inChunk;
  const at = sum(product(place, chunks), `(${t} / ${chunk}i)`);
  const others = from.before.read(at).map((x) => e.let(x, 'v', from.before?.buffers));
  const both = f.named(others, inChunk);
  e.line(both.line);
  const first = `(${t} < ${chunk}i)`;
  const begins = `(${t} % ${chunk}i == 0i)`;
  return chosen(begins, others, chosen(first, inChunk, both.group)).map((x) => e.let(x));
}
