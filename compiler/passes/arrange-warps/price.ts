import type { AnyOp, Block, Kernel, Op, Value } from '../../ir/module.js';
import { bytesOf, sizeOf } from '../../ir/types.js';
import { rank } from '../../layout/gf2.js';
import { MMA_COLUMNS, MMA_ROWS, stepOf, type WarpStep } from '../../layout/mma.js';
import { isElementwise } from '../../ops/table.js';
import { type ArrangedDot, type DotClass, TRIPS } from './classes.js';

/**
 * What one program takes in a stretch of time, in cycles of an SM with four sub-cores. Constants: shared memory moves 128
 * bytes a cycle; an mma.sync occupies a sub-core's tensor core for 6.4 cycles, and the next that adds to its sums waits 33.
 */
export interface Price {
  readonly tensor: number;
  readonly shared: number;
  readonly issue: number;
  readonly barriers: number;
  /** Accumulators of a thread, in 32-bit registers. */
  readonly registers: number;
}

const MMA_CYCLES = 6.4;
const MMA_LATENCY = 33;
const WAVEFRONT_BYTES = 128;
const BARRIER_CYCLES = 40;
const SUB_CORES = 4;
/** Accumulators beyond this leave no room for fragments and addresses among 255 registers. */
const MOST_ACCUMULATORS = 200;

export const NOTHING: Price = { tensor: 0, shared: 0, issue: 0, barriers: 0, registers: 0 };

export const add = (a: Price, b: Price): Price => ({
  tensor: a.tensor + b.tensor,
  shared: a.shared + b.shared,
  issue: a.issue + b.issue,
  barriers: a.barriers + b.barriers,
  registers: a.registers + b.registers,
});

/**
 * What is better comes first: what fits, then the wall that is hit first plus what nobody overlaps, then the sum of all,
 * then fewer registers. `memory`: cycles that the loads and stores of the program take.
 */
export function rankOf(p: Price, memory: number): readonly number[] {
  const wall = Math.max(memory, p.tensor, p.shared, p.issue);
  const tooMany = Math.max(0, p.registers - MOST_ACCUMULATORS);
  return [tooMany, wall + BARRIER_CYCLES * p.barriers, p.tensor + p.shared + p.issue, p.registers];
}

/** The warps' steps of a class, and the tile that is left to one warp. */
export interface Arrangement {
  readonly warps: readonly WarpStep[];
  readonly rows: number;
  readonly columns: number;
}

export function arrangement(shape: readonly [number, number], warps: readonly WarpStep[]): Arrangement {
  const rows = shape[0] / 2 ** rank(warps.map((w) => w.row));
  const columns = shape[1] / 2 ** rank(warps.map((w) => w.column));
  return { warps, rows, columns };
}

export const sameRows = (a: Arrangement, b: Arrangement): boolean => a.warps.every((w, i) => w.row === b.warps[i]?.row);

/** An accumulator is read as operand a where it lies: the same rows a warp, and all columns. */
export const renames = (left: Arrangement, leftShape: readonly [number, number], a: Arrangement): boolean =>
  left.columns === leftShape[1] && sameRows(left, a);

/** Price of some classes, each arranged as `of` says. Fragments of one left operand that two dots read alike are read once. */
export function priceOf(classes: readonly DotClass[], of: (c: DotClass) => Arrangement): Price {
  const lefts = new Set<string>();
  let total = NOTHING;
  for (const c of classes) {
    total = add(total, ownPrice(c, of(c)));
    for (const dot of c.dots) total = add(total, dotPrice(c, dot, of, lefts));
  }
  return total;
}

/** What a class costs beside its products. */
function ownPrice(c: DotClass, at: Arrangement): Price {
  const warps = 2 ** at.warps.length;
  const perThread = (at.rows * at.columns) / 32;
  const [overRows, overColumns] = c.folds;
  const crossed = (at.rows < c.shape[0] ? overRows : 0) + (at.columns < c.shape[1] ? overColumns : 0);
  return {
    ...NOTHING,
    issue: Math.max(1, warps / SUB_CORES) * perThread * c.elementwise,
    barriers: crossed,
    registers: perThread,
  };
}

function dotPrice(c: DotClass, dot: ArrangedDot, of: (c: DotClass) => Arrangement, lefts: Set<string>): Price {
  const at = of(c);
  const [a, b] = dot.op.operands as [Value, Value];
  const K = a.type.kind === 'tile' ? (a.type.shape[1] ?? 1) : 1;
  const warps = 2 ** at.warps.length;
  const turns = Math.max(1, warps / SUB_CORES);
  const steps = Math.ceil(K / stepOf(bytesOf(a.type.dtype) === 2 ? 'm16n8k16' : 'm16n8k8'));
  const exact = a.type.dtype === 'f32' && dot.op.attrs.precision !== 'tf32' ? 3 : 1;
  const sums = Math.ceil(at.rows / MMA_ROWS) * Math.ceil(at.columns / MMA_COLUMNS);
  const mma = sums * steps * exact;
  const wavefronts = (elements: number) => (elements * bytesOf(a.type.dtype)) / WAVEFRONT_BYTES;

  const renamed = dot.left !== null && renames(of(dot.left), dot.left.shape, at);
  const key = `${source(a).id} ${at.warps.map((w) => w.row).join(' ')}`;
  const readA = renamed || lefts.has(key) ? 0 : warps * wavefronts(at.rows * K);
  lefts.add(key);
  const exchange = dot.left !== null && !renamed;
  const shared = readA + warps * wavefronts(at.columns * K) + (exchange ? wavefronts(c.shape[0] * K) : 0);
  const made = (at.rows * K * (dot.left === null ? fragmentOps(a) : 0) + at.columns * K * fragmentOps(b)) / 32;
  return {
    ...NOTHING,
    tensor: dot.trips * steps * exact * Math.max(turns * sums * MMA_CYCLES, MMA_LATENCY),
    shared: dot.trips * shared,
    issue: dot.trips * turns * (mma + made),
    barriers: exchange ? dot.trips : 0,
  };
}

const definition = (v: Value): Op | null => (v.def.kind === 'op' ? v.def : null);

/** What is read: a transpose is only another way to read. */
function source(v: Value): Value {
  const op = definition(v);
  return op?.name === 'trans' ? source(op.operands[0] as Value) : v;
}

/** Elementwise ops between a load and a dot: they run on fragments. Those on accumulators and constants do not. */
const fragmentOps = (v: Value): number => opsFromLoad(v) ?? 0;

function opsFromLoad(v: Value): number | null {
  const op = definition(v);
  if (op === null || v.type.kind !== 'tile' || v.type.shape.length < 2) return null;
  if (op.name === 'load') return 0;
  if (op.name === 'trans') return opsFromLoad(op.operands[0] as Value);
  if (!isElementwise(op.name)) return null;
  const longest = op.operands.map(opsFromLoad).filter((n) => n !== null);
  return longest.length === 0 ? null : 1 + Math.max(...longest);
}

/** Bytes that an SM's share of memory bandwidth moves in a cycle. */
const MEMORY_BYTES = 13.35;

/** Cycles that the loads and stores of a program take at the least. */
export function memoryCycles(kernel: Kernel): number {
  const bytes = (block: Block, times: number): number =>
    (block.ops as AnyOp[]).reduce((sum, op) => {
      const inner = op.regions.reduce((n, r) => n + bytes(r, op.name === 'for' ? times * TRIPS : times), 0);
      return sum + inner + times * bytesMoved(op);
    }, 0);
  return bytes(kernel.body, 1) / MEMORY_BYTES;
}

function bytesMoved(op: AnyOp): number {
  const tile = op.name === 'load' ? op.results[0] : op.name === 'store' ? op.operands[1] : undefined;
  return tile?.type.kind === 'tile' ? sizeOf(tile.type.shape) * bytesOf(tile.type.dtype) : 0;
}
