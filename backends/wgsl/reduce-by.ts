import type { Op, Value } from '../../compiler/ir/module.js';
import { storedRegisters } from '../../compiler/layout/holders.js';
import { tileBits } from '../../compiler/layout/layout.js';
import { reshapeLayout } from '../../compiler/layout/shape.js';
import { assigned, type Combine, chosen, combineOf, type Group, type Slots, slotsFor, variables } from './combine.js';
import { type AxisIndex, axisIndexOf, type Emitter, layoutOf, product, rankOf, sum, tileOf } from './emitter.js';
import { elected } from './memory.js';
import { laneType, pack, widthOf } from './registers.js';
import { indexAt, type Runs, runsOf } from './runs.js';

/** Partial results that one invocation folds in a round: more rounds cost barriers, longer ones latency. */
const RADIX = 16;
/** Of more results than these an invocation reads only the value, at the price of one more round. */
const MOST_FOLDS = 8;

/**
 * Neighbours are folded with neighbours, in order: runs in registers, then rounds through workgroup memory that fold up to
 * RADIX partial results each.
 */
export function emitReduceBy(e: Emitter, op: Op<'reduce_by'>): void {
  const source = op.operands[0] as Value;
  const extent = tileOf(source).shape[op.attrs.axis] ?? 1;
  const valid = Math.min(op.attrs.valid ?? extent, extent);
  const f = combineOf(e, op);
  const runs = runsOf(e, op.operands, op.attrs.axis);
  const folded = Array.from({ length: runs.held }, (_, r) => foldRun(e, runs, r, valid, f));
  const places = placesOf(e, op.results[0] as Value);
  const own = runs.runs === 1 ? heldAt(runs, places) : null;
  const groups =
    own === null
      ? throughMemory(e, runs, folded, places, Math.ceil(valid / runs.width), f)
      : own.map((r) => folded[r] as Group);
  op.results.forEach((v, i) => {
    defineLanes(
      e,
      v,
      groups.map((g) => g[i] as string),
    );
  });
}

/** The number of the line that each register of the result belongs to; null for a scalar. */
interface Places {
  readonly index: AxisIndex | null;
  readonly count: number;
}

function placesOf(e: Emitter, result: Value): Places {
  if (rankOf(result) === 0) return { index: null, count: 1 };
  const layout = layoutOf(result);
  const index = axisIndexOf(e, reshapeLayout(layout, [2 ** tileBits(layout.shape)]), 0);
  return { index, count: index.register.length };
}

/** For each register of the result the run that is its whole line, where the invocation holds that. */
function heldAt(runs: Runs, { index, count }: Places): number[] | null {
  if (index === null) return runs.places === 1 ? [0] : null;
  if (index.invocation !== runs.place.invocation) return null;
  const found = Array.from({ length: count }, (_, r) => runs.place.register.indexOf(index.register[r] ?? 0));
  return found.includes(-1) ? null : found;
}

function foldRun(e: Emitter, runs: Runs, r: number, valid: number, f: Combine): Group {
  const first = runs.lanes(r, 0);
  if (runs.width === 1) return first;
  const acc = variables(e, f.dtypes, first);
  e.line(acc.lines.join('\n'));
  const counts = (i: number): string | null =>
    valid % runs.width === 0 ? null : `(${sum(product(indexAt(runs.run, r), runs.width), i)} < ${valid}i)`;
  for (let i = 1; i < runs.width; i++) {
    const next = f.named(acc.group, runs.lanes(r, i));
    e.line([next.line, ...assigned(acc.group, chosen(counts(i), next.group, acc.group))].join('\n'));
  }
  return acc.group;
}

/** Partial results of lines: `parts` that count, `stride` apart from line to line. */
interface Partials {
  readonly slots: Slots;
  readonly parts: number;
  readonly stride: number;
}

function throughMemory(
  e: Emitter,
  runs: Runs,
  folded: readonly Group[],
  places: Places,
  parts: number,
  f: Combine,
): Group[] {
  let from: Partials = { slots: writeRuns(e, runs, folded, f), parts, stride: runs.runs };
  while (from.parts > (places.count > MOST_FOLDS ? 1 : RADIX)) from = foldRound(e, from, runs.places, f);
  return Array.from({ length: places.count }, (_, r) => {
    const place = places.index === null ? '0i' : indexAt(places.index, r);
    return foldLine(e, from, product(place, from.stride), `${from.parts}i`, f);
  });
}

/** Every run's result, at [place, run]. */
export function writeRuns(e: Emitter, runs: Runs, folded: readonly Group[], f: Combine): Slots {
  const slots = slotsFor(e, f.dtypes, runs.places * runs.runs);
  const lines = storedRegisters(runs.layout).flatMap((r) =>
    slots.write(sum(product(indexAt(runs.place, r), runs.runs), indexAt(runs.run, r)), folded[r] as Group),
  );
  e.line(elected(e, runs.layout, lines.join('\n')), [], slots.buffers);
  return slots;
}

/** Lines that fold `from.read(first), ...` up to `count` of them into variables. */
export function foldLines(
  e: Emitter,
  from: Slots,
  first: string,
  count: string,
  f: Combine,
): { lines: string[]; group: Group } {
  const acc = variables(e, f.dtypes, from.read(first));
  const j = e.name('j');
  const next = f.named(acc.group, from.read(sum(first, j)));
  const loop = [`for (var ${j} = 1i; ${j} < ${count}; ${j}++) {`, next.line, ...assigned(acc.group, next.group), '}'];
  return { group: acc.group, lines: [...acc.lines, ...(count === '1i' ? [] : loop)] };
}

function foldLine(e: Emitter, { slots }: Partials, first: string, count: string, f: Combine): Group {
  const { lines, group } = foldLines(e, slots, first, count, f);
  e.line(lines.join('\n'), slots.buffers);
  return group;
}

function foldRound(e: Emitter, from: Partials, places: number, f: Combine): Partials {
  const parts = Math.ceil(from.parts / RADIX);
  const slots = slotsFor(e, f.dtypes, places * parts);
  const [i, part] = [e.name('n'), e.name('k')];
  const first = sum(product(`(${i} / ${parts}i)`, from.stride), part);
  const { lines, group } = foldLines(e, from.slots, first, `min(${RADIX}i, ${from.parts}i - ${part})`, f);
  const body = [
    `for (var ${i} = i32(inv); ${i} < ${places * parts}i; ${i} += ${e.threads}i) {`,
    `let ${part} = (${i} % ${parts}i) * ${RADIX}i;`,
    ...lines,
    ...slots.write(i, group),
    '}',
  ];
  e.line(body.join('\n'), from.slots.buffers, slots.buffers);
  return { slots, parts, stride: parts };
}

/** A tile, or a scalar, of one expression a register. */
export function defineLanes(e: Emitter, v: Value, lanes: readonly string[]): void {
  const { dtype } = tileOf(v);
  if (rankOf(v) === 0) {
    e.scalars.set(v, e.roundedScalar(lanes[0] ?? '', dtype));
    return;
  }
  const width = widthOf(lanes.length);
  const groups = Array.from({ length: lanes.length / width }, (_, g) =>
    pack(laneType(dtype), lanes.slice(g * width, (g + 1) * width)),
  );
  e.define(v, groups, false);
}
