import { Bug } from '../diag/diagnostic.js';
import { bitsOf, combine, rank, solver, spanContains } from './gf2.js';
import type { Layout } from './layout.js';
import { isSurjective, registerCount } from './layout.js';
import { planSharedTrip, type SharedTrip, type TripOptions, warpsOf } from './shared-trip.js';

const THREAD_DIMS = ['lane', 'warp', 'invocation'] as const;
type ThreadDim = (typeof THREAD_DIMS)[number];

/** Nothing moves: register r of the result is register source[r] of the operand, in the same thread. */
export interface Rename {
  readonly kind: 'rename';
  readonly source: readonly number[];
  readonly cost: 0;
}

/** The right thread has the value, in a register that depends on the thread: source[r] XOR the flips of its set bits. */
export interface Select {
  readonly kind: 'select';
  readonly source: readonly number[];
  readonly flips: { readonly [D in ThreadDim]: readonly number[] };
  /** Selects that each register of the result takes. */
  readonly selects: number;
  readonly cost: number;
}

/** Where a value comes from: a register of the operand, and the lane, as a difference (XOR) from the own lane. */
export interface Origin {
  readonly register: number;
  readonly lane: number;
}

/** The right warp has the value. The origin is linear: XOR of those of the result's register bits, lane and warp bits. */
export interface ShufflePlan {
  readonly kind: 'shuffle';
  readonly register: readonly Origin[];
  readonly lane: readonly Origin[];
  readonly warp: readonly Origin[];
  /** Rank of the part of the source register that depends on the lane: each shuffle takes 2 x this many selects. */
  readonly laneSelects: number;
  readonly cost: number;
}

export type Conversion = Rename | Select | ShufflePlan | SharedTrip;

/** The least kind of conversion that can do it. Both layouts must be surjective, on the same threads and tile. */
export function classifyConversion(a: Layout, b: Layout): Conversion['kind'] {
  check(a, b);
  const register = a.ins.register ?? [];
  const moved = THREAD_DIMS.map((d) => difference(a, b, d));
  const inThread = spanContains(register, [...(b.ins.register ?? []), ...moved.flat()]);
  if (inThread) return moved.flat().every((v) => v === 0) ? 'rename' : 'select';
  const warpReach = [...register, ...(a.ins.lane ?? [])];
  const [, warp = [], invocation = []] = moved;
  const inWarp =
    a.ins.lane !== undefined &&
    spanContains(warpReach, [...(b.ins.register ?? []), ...(b.ins.lane ?? []), ...warp, ...invocation]);
  return inWarp ? 'shuffle' : 'shared';
}

/**
 * The cheapest way to turn a tile laid out as `a` into one laid out as `b`, over lanes and warps. Costs are SM cycles of
 * one execution (model and constants: W warps of 32 threads; a shuffle or a wavefront 1 cycle, 4 instructions a cycle;
 * barrier 5 in a warp, 25 among some warps, 40 for all).
 */
export function planConversion(a: Layout, b: Layout, options: TripOptions = {}): Conversion {
  const direct = planDirect(a, b, options);
  if (direct !== null && direct.kind !== 'shuffle') return direct;
  const shared = planSharedTrip(a, b, options);
  return direct !== null && direct.cost <= shared.cost ? direct : shared;
}

/** What does it without memory, or null where nothing does. */
export function planDirect(
  a: Layout,
  b: Layout,
  { elementBytes = 4 }: TripOptions = {},
): Exclude<Conversion, SharedTrip> | null {
  if (a.ins.invocation !== undefined) throw new Bug('layout: conversions are planned over lanes and warps');
  const kind = classifyConversion(a, b);
  if (kind === 'rename') return { kind, source: sourceRegisters(a, b), cost: 0 };
  if (kind === 'select') return planSelect(a, b, elementBytes);
  return kind === 'shuffle' ? planShuffle(a, b, elementBytes) : null;
}

function check(a: Layout, b: Layout): void {
  const same = a.shape.length === b.shape.length && a.shape.every((e, i) => e === b.shape[i]);
  const threads = THREAD_DIMS.every((d) => (a.ins[d]?.length ?? 0) === (b.ins[d]?.length ?? 0));
  if (!same || !threads) throw new Bug('layout: conversion between different tiles or different threads');
  if (!isSurjective(a)) throw new Bug('layout: conversion from a layout that does not hold the whole tile');
}

const difference = (a: Layout, b: Layout, d: ThreadDim): number[] =>
  (a.ins[d] ?? []).map((v, i) => v ^ (b.ins[d]?.[i] ?? 0));

/** Registers of `a` that hold, in the thread where b agrees with a, what each register of `b` demands. */
function sourceRegisters(a: Layout, b: Layout): number[] {
  const find = solver(a.ins.register ?? []);
  return [...Array(registerCount(b)).keys()].map((r) => known(find(combine(b.ins.register ?? [], r))));
}

function known(x: number | null): number {
  if (x === null) throw new Bug('layout: conversion was put into the wrong class');
  return x;
}

/** 32-bit registers of the result in a thread. */
const wordsOf = (l: Layout, elementBytes: number): number => Math.max(1, (registerCount(l) * elementBytes) / 4);

function planSelect(a: Layout, b: Layout, elementBytes: number): Select {
  const find = solver(a.ins.register ?? []);
  const flips = (d: ThreadDim) => difference(a, b, d).map((v) => known(find(v)));
  const all = { lane: flips('lane'), warp: flips('warp'), invocation: flips('invocation') };
  const selects = rank([...all.lane, ...all.warp, ...all.invocation]);
  const cost = (warpsOf(a) / 4) * wordsOf(b, elementBytes) * selects;
  return { kind: 'select', source: sourceRegisters(a, b), flips: all, selects, cost };
}

function planShuffle(a: Layout, b: Layout, elementBytes: number): ShufflePlan {
  const width = a.ins.register?.length ?? 0;
  const find = solver([...(a.ins.register ?? []), ...(a.ins.lane ?? [])]);
  const origin = (v: number): Origin => {
    const x = known(find(v));
    return { register: x & (2 ** width - 1), lane: x >>> width };
  };
  const lane = difference(a, b, 'lane').map(origin);
  const laneSelects = rank(lane.map((o) => o.register));
  const [warps, words] = [warpsOf(a), wordsOf(b, elementBytes)];
  return {
    kind: 'shuffle',
    register: (b.ins.register ?? []).map(origin),
    lane,
    warp: difference(a, b, 'warp').map(origin),
    laneSelects,
    cost: warps * words + (warps / 4) * words * (1 + 2 * laneSelects),
  };
}

/** Register and lane (absolute) that hold what register `register` of a thread wants. */
export function originOf(plan: ShufflePlan, at: { register: number; lane: number; warp: number }): Origin {
  const parts = [
    ...bitsOf(at.register).map((i) => plan.register[i]),
    ...bitsOf(at.lane).map((i) => plan.lane[i]),
    ...bitsOf(at.warp).map((i) => plan.warp[i]),
  ];
  return parts.reduce<Origin>(
    (x, y) => ({ register: x.register ^ (y?.register ?? 0), lane: x.lane ^ (y?.lane ?? 0) }),
    { register: 0, lane: at.lane },
  );
}
