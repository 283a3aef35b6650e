import { Bug } from '../diag/diagnostic.js';
import { registerRun } from './algebra.js';
import type { StorageChoice } from './choose-storage.js';
import { chooseStorage } from './choose-storage.js';
import { bitsOf, combine, complement, kernel, rank, solver, spanContains } from './gf2.js';
import type { Layout } from './layout.js';
import { basesOf, isSurjective, registerCount, threadCount } from './layout.js';

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

/** Through shared or workgroup memory: write by the operand's layout, barrier, read by the result's. */
export interface SharedTrip {
  readonly kind: 'shared';
  /** Who has to meet at the barrier. */
  readonly scope: 'warp' | 'warps' | 'workgroup';
  /** For `warps`: w and w' must meet iff w ^ w' lies in this span of warp bits. */
  readonly meet: readonly number[];
  readonly storage: StorageChoice;
  /** Elements that one instruction writes and reads for a thread. */
  readonly writeVector: number;
  readonly readVector: number;
  readonly cost: number;
}

export type Conversion = Rename | Select | ShufflePlan | SharedTrip;

export interface ConversionOptions {
  /** Bytes of an element; default 4. */
  readonly elementBytes?: 2 | 4;
  /** May a thread choose among its registers? Default: yes for lanes and warps, no for invocations. */
  readonly select?: boolean;
  /** Kinds of storage that a trip through memory may use; default swizzles for lanes, padding for invocations. */
  readonly storage?: readonly ('swizzle' | 'padded')[];
}

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
 * The cheapest way to turn a tile laid out as `a` into one laid out as `b`. Costs are SM cycles of one execution (model
 * and constants: W warps of 32 threads; a shuffle or a wavefront 1 cycle, 4 instructions a cycle; barrier 5 in a warp, 25
 * among some warps, 40 for all).
 */
export function planConversion(a: Layout, b: Layout, options: ConversionOptions = {}): Conversion {
  const kind = classifyConversion(a, b);
  const mayShuffle = a.ins.lane !== undefined;
  if (kind === 'rename') return { kind, source: sourceRegisters(a, b), cost: 0 };
  if (kind === 'select' && (options.select ?? mayShuffle)) return planSelect(a, b, options);
  const shared = planShared(a, b, options);
  if (!mayShuffle || kind === 'shared') return shared;
  const shuffle = planShuffle(a, b, options);
  return shuffle.cost <= shared.cost ? shuffle : shared;
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

const warpsOf = (l: Layout): number => Math.max(1, threadCount(l) / 32);
/** 32-bit registers of the result in a thread. */
const wordsOf = (l: Layout, elementBytes: number): number => Math.max(1, (registerCount(l) * elementBytes) / 4);

function planSelect(a: Layout, b: Layout, { elementBytes = 4 }: ConversionOptions): Select {
  const find = solver(a.ins.register ?? []);
  const flips = (d: ThreadDim) => difference(a, b, d).map((v) => known(find(v)));
  const all = { lane: flips('lane'), warp: flips('warp'), invocation: flips('invocation') };
  const selects = rank([...all.lane, ...all.warp, ...all.invocation]);
  const cost = (warpsOf(a) / 4) * wordsOf(b, elementBytes) * selects;
  return { kind: 'select', source: sourceRegisters(a, b), flips: all, selects, cost };
}

function planShuffle(a: Layout, b: Layout, { elementBytes = 4 }: ConversionOptions): ShufflePlan {
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

function planShared(a: Layout, b: Layout, options: ConversionOptions): SharedTrip {
  const { elementBytes = 4, storage: kinds = a.ins.invocation === undefined ? ['swizzle'] : ['padded'] } = options;
  const axis = a.shape.length - 1;
  const most = 16 / elementBytes;
  const writeVector = axis < 0 ? 1 : registerRun(a, axis, most).width;
  const readVector = axis < 0 ? 1 : registerRun(b, axis, most).width;
  const accesses = [
    { layout: a, vector: writeVector },
    { layout: b, vector: readVector },
  ];
  const storage = chooseStorage({ shape: a.shape, elementBytes, accesses, kinds });
  const { scope, meet } = meeting(a, b);
  const issued = registerCount(a) / writeVector + registerCount(b) / readVector;
  const cost = warpsOf(a) * storage.cost + (warpsOf(a) / 4) * issued + { warp: 5, warps: 25, workgroup: 40 }[scope];
  return { kind: 'shared', scope, meet, storage, writeVector, readVector, cost };
}

/**
 * Writer w meets reader w' iff a.warp(w) ^ b.warp(w') lies in S, the span of all register and lane bases: a linear
 * relation, so those who must meet are cosets of the span of its sums w ^ w'.
 */
function meeting(a: Layout, b: Layout): Pick<SharedTrip, 'scope' | 'meet'> {
  const bits = a.ins.warp?.length ?? 0;
  if (a.ins.invocation !== undefined) return { scope: 'workgroup', meet: [] };
  const own = ['register', 'lane'] as const;
  const inside = complement([], [...basesOf(a, own), ...basesOf(b, own)]);
  const warps = [...(a.ins.warp ?? []), ...(b.ins.warp ?? [])];
  // Kernel vectors of [a.warp | b.warp | S]: the first 2*bits coordinates are pairs (w, w').
  const pairs = kernelOfQuotient(warps, inside);
  const sums = pairs.map((p) => (p & (2 ** bits - 1)) ^ (p >>> bits));
  const meet = complement([], sums);
  return { scope: meet.length === 0 ? 'warp' : meet.length === bits ? 'workgroup' : 'warps', meet };
}

/** All x with combine(bases, x) in the span of `modulo`, as a basis. */
function kernelOfQuotient(bases: readonly number[], modulo: readonly number[]): readonly number[] {
  const frame = complement(modulo, bases);
  const inFrame = solver([...modulo, ...frame]);
  return kernel(bases.map((v) => known(inFrame(v)) >>> modulo.length));
}
