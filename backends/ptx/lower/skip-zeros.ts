import { axisIndex, spanInOrder } from '../../../compiler/layout/axes.js';
import type { Layout } from '../../../compiler/layout/layout.js';
import { imm, type Operand, type Reg } from '../isa/operand.js';
import type { Product } from './dot.js';
import type { Emitter } from './emitter.js';

/** Where an instruction's tile of the accumulator begins, relative to the thread's own position. */
export interface BlockAt {
  readonly row: number;
  readonly column: number;
}

/** Steps of a product that run together, or not at all. */
export interface Unit {
  readonly kFrom: number;
  readonly kTo: number;
  readonly blocks: readonly BlockAt[];
  /** No warp skips it. */
  readonly always: boolean;
  /** Emits the steps where they are needed: as they are, behind a branch of the warp, or not. */
  readonly guard: (body: () => void) => void;
}

/**
 * Columns, or steps of the sum, that are skipped together. Fewer leave a warp too few independent sums to hide the latency
 * of an mma (33 cycles; 16 were 1 % slower on an H100, 64 10 %).
 */
const UNIT = 32;

/**
 * The product in units that the facts about zeros let some warps skip: column blocks of a result nobody uses, steps of
 * the sum where the left operand is zero. Both are decided by the rows of the warp alone, so that whole warps branch.
 */
export function skipUnits(p: Product, blocks: readonly BlockAt[], kStep: number, inner: number): readonly Unit[] {
  const all: Unit = { kFrom: 0, kTo: inner, blocks, always: true, guard: (body) => body() };
  const { zero_out: out, zero_a: a } = p.op.attrs;
  const rows = warpRows(p.layout);
  if (rows === null || (out === undefined && a === undefined)) return [all];
  if (out !== undefined) {
    const columns = warpColumns(p.layout);
    const groups = [...new Set(blocks.map((b) => Math.floor(b.column / UNIT)))];
    const units = groups.map((g) => {
      const from = g * UNIT;
      const spread = columns.inside.filter((c) => c >= from && c < from + UNIT);
      const test = tests(out, rows, { warp: columns.warp, inside: spread });
      return { ...all, blocks: blocks.filter((b) => Math.floor(b.column / UNIT) === g), test };
    });
    return guarded(p, units);
  }
  const size = Math.max(UNIT, kStep);
  const units = Array.from({ length: Math.ceil(inner / size) }, (_, g) => {
    const [kFrom, kTo] = [g * size, Math.min(inner, (g + 1) * size)];
    const inside = Array.from({ length: kTo - kFrom }, (_, i) => kFrom + i);
    return { ...all, kFrom, kTo, test: tests(a ?? [], rows, { warp: rows.warp.map(() => 0), inside }) };
  });
  return guarded(p, units);
}

/** Positions along one axis: a part that the warp number gives, and what its lanes and registers add. */
interface Along {
  /** For each warp. */
  readonly warp: readonly number[];
  readonly inside: readonly number[];
}

function along(layout: Layout, axis: number): Along | null {
  const bases = (list: readonly number[] = []): number[] => list.map((b) => axisIndex(layout.shape, axis, b));
  const [own, warp] = [[...bases(layout.ins.register), ...bases(layout.ins.lane)], bases(layout.ins.warp)];
  const mask = own.reduce((m, b) => m | b, 0);
  if (warp.some((b) => (b & mask) !== 0)) return null;
  return { warp: spanInOrder(warp), inside: [...new Set(spanInOrder(own))] };
}

const warpRows = (layout: Layout): Along | null => along(layout, 0);
const warpColumns = (layout: Layout): Along =>
  along(layout, 1) ?? { warp: spanInOrder((layout.ins.warp ?? []).map(() => 0)), inside: allColumns(layout) };
const allColumns = (layout: Layout): number[] => [...Array(layout.shape[1] ?? 1).keys()];

/** Of one fact, for each warp: the largest value of p r + q c + s in the block; negative: all of it is zero. */
type Test = readonly number[];

function tests(triples: readonly number[], rows: Along, columns: Along): readonly Test[] {
  const facts = Array.from({ length: triples.length / 3 }, (_, i) => triples.slice(3 * i, 3 * i + 3));
  const most = (factor: number, x: readonly number[]): number => Math.max(...x.map((v) => factor * v));
  return facts.map(([p = 0, q = 0, s = 0]) =>
    rows.warp.map((r, w) => p * r + most(p, rows.inside) + q * (columns.warp[w] ?? 0) + most(q, columns.inside) + s),
  );
}

function guarded(p: Product, units: readonly (Unit & { test: readonly Test[] })[]): readonly Unit[] {
  const planned = units.flatMap((u) => {
    const live = (u.test[0] ?? []).map((_, w) => u.test.every((t) => (t[w] ?? 0) >= 0));
    if (live.every((x) => !x)) return [];
    return [{ ...u, live: live.every((x) => x) ? null : live }];
  });
  // What every unit reads is read before the first branch, not once behind each.
  if (p.op.attrs.zero_out !== undefined && planned.filter((u) => u.live !== null).length > 1) p.a.force();
  return planned.map((u) => ({
    ...u,
    always: u.live === null,
    guard: (body) => (u.live === null ? body() : branchOver(p.e, u.live, body)),
  }));
}

/** Runs `body` in the warps that are live: a bit of a constant each. */
function branchOver(e: Emitter, live: readonly boolean[], body: () => void): void {
  const word = live.reduce((m, x, w) => (x ? m | (1 << w) : m), 0) >>> 0;
  const skip: Reg = e.hoisted(`skips ${word}`, () => {
    const bit: Operand = e.b.op('shr.u32', imm(word), e.warp());
    return e.b.op('setp.eq.u32', e.b.op('and.b32', bit, imm(1)), imm(0));
  });
  const label = e.b.newLabel('skip');
  e.b.branch(label, skip);
  e.scope(body);
  e.b.place(label);
}
