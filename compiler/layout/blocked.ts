import { Bug } from '../diag/diagnostic.js';
import { axisField } from './axes.js';
import type { Layout } from './layout.js';
import { log2, makeLayout } from './layout.js';

export interface BlockedSpec {
  readonly shape: readonly number[];
  /** Elements that a thread holds side by side along the fastest axis; a power of two. Cut to that axis's extent. */
  readonly vector: number;
  readonly threads: number;
  /** `lane` splits the threads into 32 lanes and warps. */
  readonly inDim?: 'invocation' | 'lane';
  /** Axes, fastest first; default the last axis first. */
  readonly order?: readonly number[];
}

/**
 * Layout of a global access. Registers take the lowest bits of the fastest axis, threads the next bits in `order`, what
 * remains of the tile returns to registers; threads that remain hold duplicates (zero bases).
 */
export function blockedLayout(spec: BlockedSpec): Layout {
  const { shape, threads } = spec;
  const order = spec.order ?? [...shape.keys()].reverse();
  if (order.length !== shape.length || new Set(order).size !== shape.length)
    throw new Bug(`layout: [${order.join(', ')}] is not an order of ${shape.length} axes`);
  const bits = order.flatMap((axis) => axisBits(shape, axis));
  const fastest = order[0] === undefined ? 0 : log2(axisField(shape, order[0]).extent);
  const vectorBits = Math.min(log2(spec.vector), fastest);
  const threadBits = log2(threads);
  const thread = bits.slice(vectorBits, vectorBits + threadBits);
  const register = [...bits.slice(0, vectorBits), ...bits.slice(vectorBits + threadBits)];
  return withThreads(shape, register, padZero(thread, threadBits), spec.inDim ?? 'invocation');
}

/** Bases of all bits of one axis, lowest first. */
function axisBits(shape: readonly number[], axis: number): number[] {
  const { extent, shift } = axisField(shape, axis);
  return Array.from({ length: log2(extent) }, (_, i) => 2 ** (shift + i));
}

const padZero = (bases: readonly number[], length: number): number[] => Array.from({ length }, (_, i) => bases[i] ?? 0);

function withThreads(
  shape: readonly number[],
  register: readonly number[],
  thread: readonly number[],
  inDim: 'invocation' | 'lane',
): Layout {
  if (inDim === 'invocation') return makeLayout(shape, { register, invocation: thread });
  return makeLayout(shape, { register, lane: padZero(thread, 5), warp: thread.slice(5) });
}

export interface DotSpec {
  readonly M: number;
  readonly N: number;
  readonly threads: number;
  /** Preferred limits of the register block. Exceeded only where M*N/threads leaves no other choice. */
  readonly maxRegsM: number;
  readonly maxRegsN: number;
  /** Registers side by side along M and N; the others lie a whole thread grid apart. Default: the whole block; 1: none. */
  readonly runM?: number;
  readonly runN?: number;
  readonly inDim?: 'invocation' | 'lane';
}

export interface DotLayout {
  readonly layout: Layout;
  readonly regsM: number;
  readonly regsN: number;
  readonly threadsM: number;
  readonly threadsN: number;
}

/**
 * Accumulator of a register-blocked outer product: a grid of threadsM x threadsN threads, each with regsM x regsN
 * registers, regsM*threadsM = M, regsN*threadsN = N. Register number = m*regsN + n of the block; thread number =
 * m*threadsN + n of the grid. Threads beyond M*N hold duplicates.
 */
export function dotLayout(spec: DotSpec): DotLayout {
  const [m, n, t] = [log2(spec.M), log2(spec.N), log2(spec.threads)];
  const [rm, rn] = registerBlock(m, n, Math.max(0, m + n - t), log2(spec.maxRegsM), log2(spec.maxRegsN));
  const shape = [spec.M, spec.N];
  const rows = splitAxis(axisBits(shape, 0), rm, Math.min(rm, log2(spec.runM ?? spec.M)));
  const cols = splitAxis(axisBits(shape, 1), rn, Math.min(rn, log2(spec.runN ?? spec.N)));
  const thread = padZero([...cols.thread, ...rows.thread], t);
  const layout = withThreads(shape, [...cols.register, ...rows.register], thread, spec.inDim ?? 'invocation');
  return { layout, regsM: 2 ** rm, regsN: 2 ** rn, threadsM: 2 ** (m - rm), threadsN: 2 ** (n - rn) };
}

/** The lowest `run` bits and the highest others go to registers, those between to threads. */
function splitAxis(bits: readonly number[], registers: number, run: number) {
  const threadEnd = run + bits.length - registers;
  return {
    register: [...bits.slice(0, run), ...bits.slice(threadEnd)],
    thread: bits.slice(run, threadEnd),
  };
}

/**
 * log2 of the register block, for `total` register bits: within the limits, then nearest to square (an rm x rn block
 * reads rm + rn operands for rm*rn products), then 4 columns (one vector) before more rows.
 */
function registerBlock(m: number, n: number, total: number, maxM: number, maxN: number): readonly [number, number] {
  const first = Math.max(0, total - n);
  const choices = Array.from({ length: Math.min(m, total) - first + 1 }, (_, i) => {
    const rm = first + i;
    const rn = total - rm;
    const over = Math.max(0, rm - maxM) + Math.max(0, rn - maxN);
    return { rm, rn, key: [over, Math.abs(rm - rn), rn < 2 ? -rn : -rm] };
  });
  choices.sort((a, b) => a.key.reduce((d, x, i) => d || x - (b.key[i] ?? 0), 0));
  const best = choices[0];
  if (best === undefined) throw new Bug(`layout: no register block of 2^${total} in 2^${m} x 2^${n}`);
  return [best.rm, best.rn];
}
