import type { ShufflePlan } from './convert.js';
import { bitsOf, combine, kernel, solver } from './gf2.js';

/** XOR of the constant of an instruction and of the bases of the bits set in the own lane and warp number. */
export interface PerThread {
  /** One for each instruction. */
  readonly constants: readonly number[];
  readonly lane: readonly number[];
  readonly warp: readonly number[];
}

/** Shuffles that carry out a plan, one for each register of the result. */
export interface ShuffleSchedule {
  /** Register of the operand that a thread offers. */
  readonly offered: PerThread;
  /** Lane that a thread reads. */
  readonly source: PerThread;
  /** Register r of the result arrives by instruction r ^ (XOR of these over the bits of the lane). */
  readonly order: readonly number[];
}

const LANES = 5;

/**
 * What a lane offers must be a function of itself, though its readers want what depends on them. With M(l) ^ c the lane
 * that reader l asks in an instruction and h(l) the part of the register that depends on l, that is so iff h vanishes
 * where M does; then h = H M with H linear, and the lane p offers H(p ^ c). Where it is not so, lanes take their registers
 * in different orders: reader l takes r ^ order(l) in instruction r, which changes M and h by what registers contribute.
 * Null where no order helps: several readers then want different registers of one lane at every moment.
 */
export function scheduleShuffle(plan: ShufflePlan): ShuffleSchedule | null {
  const found = orderOf(plan);
  if (found === null) return null;
  const { order, asked, wanted } = found;
  const inverse = solver([...asked, ...units(LANES)]);
  const offer = (lane: number): number => combine(wanted, (inverse(lane) ?? 0) & (2 ** LANES - 1));
  const instructions = [...Array(2 ** plan.register.length).keys()];
  const laneOf = (r: number): number => xor(bitsOf(r).map((i) => plan.register[i]?.lane ?? 0));
  const registerOf = (r: number): number => xor(bitsOf(r).map((i) => plan.register[i]?.register ?? 0));
  return {
    order,
    offered: {
      constants: instructions.map((q) => registerOf(q) ^ offer(laneOf(q))),
      lane: units(LANES).map(offer),
      warp: plan.warp.map((o) => o.register ^ offer(o.lane)),
    },
    source: {
      constants: instructions.map(laneOf),
      lane: asked,
      warp: plan.warp.map((o) => o.lane),
    },
  };
}

interface Order {
  readonly order: readonly number[];
  /** Image of each lane bit under M and under h, order included. */
  readonly asked: readonly number[];
  readonly wanted: readonly number[];
}

/** Lane and register as one vector. */
const both = (lane: number, register: number): number => lane | (register << LANES);
const units = (n: number): number[] => Array.from({ length: n }, (_, i) => 2 ** i);
const xor = (list: readonly number[]): number => list.reduce((x, y) => x ^ y, 0);

function orderOf(plan: ShufflePlan): Order | null {
  const asked = units(LANES).map((bit, j) => bit ^ (plan.lane[j]?.lane ?? 0));
  const wanted = units(LANES).map((_, j) => plan.lane[j]?.register ?? 0);
  const order = units(LANES).map(() => 0);
  // The highest bit of each vector of the kernel: the lane bits that repeat what others ask already.
  const repeating = new Set(kernel(asked).map((v) => 31 - Math.clz32(v)));
  const settled = [...asked.keys()].filter((j) => !repeating.has(j));
  for (const j of repeating) {
    const x = reorder(plan, j, asked, wanted, settled);
    if (x === null) return null;
    const moved = bitsOf(x).map((i) => plan.register[i]);
    order[j] = x;
    asked[j] = (asked[j] ?? 0) ^ xor(moved.map((o) => o?.lane ?? 0));
    wanted[j] = (wanted[j] ?? 0) ^ xor(moved.map((o) => o?.register ?? 0));
    settled.push(j);
  }
  return { order, asked, wanted };
}

/** The order of lane bit j: one that makes it want what the settled bits explain, or else ask another lane. */
function reorder(
  plan: ShufflePlan,
  j: number,
  asked: readonly number[],
  wanted: readonly number[],
  settled: readonly number[],
): number | null {
  const pairs = settled.map((i) => both(asked[i] ?? 0, wanted[i] ?? 0));
  const moves = plan.register.map((o) => both(o.lane, o.register));
  const explained = solver([...pairs, ...moves])(both(asked[j] ?? 0, wanted[j] ?? 0));
  if (explained !== null) return explained >>> pairs.length;
  const reached = solver(settled.map((i) => asked[i] ?? 0));
  const away = plan.register.findIndex((o) => reached((asked[j] ?? 0) ^ o.lane) === null);
  return away < 0 ? null : 2 ** away;
}
