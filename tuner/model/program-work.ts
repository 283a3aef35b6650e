import { rootOf } from '../../compiler/analysis/view-root.js';
import type { AnyOp, Block, Kernel, Op, Value } from '../../compiler/ir/module.js';
import { loopParts, yielded } from '../../compiler/ir/rewrite.js';
import { bytesOf } from '../../compiler/ir/types.js';
import type { Dims } from '../../driver/reference.js';
import { Point } from './point.js';
import { type Work, WorkSum } from './work.js';

/** Trips of a loop whose bounds are loaded: so many elements are taken to lie between them. */
const UNKNOWN_SPAN = 1024;
/** Trips of a loop that are walked one by one; of more, the last ones, and one in the middle for all others. */
const WALKED_TRIPS = 4;
const SECTOR_BYTES = 32;

/** Static work of an op in its block, that of what it asks for included. */
export type WorkOf = (op: Op) => Partial<Work>;

/** What one program does. */
interface ProgramWork {
  readonly total: Work;
  /** Bytes of each tensor argument that it reads, by `in NAME`, and writes, by `out NAME`. */
  readonly bytes: ReadonlyMap<string, number>;
}

/** Work of the program at one point of the grid: loops with the trips that the problem's sizes give them. */
export function programWork(
  kernel: Kernel,
  dims: Dims,
  programs: Readonly<Record<string, number>>,
  blocks: Blocks,
): ProgramWork {
  const walker = new Walker(kernel, dims, programs, blocks);
  walker.block(kernel.body, 1);
  return { total: walker.sum.total, bytes: walker.bytes };
}

/** What a block does in any program, and the ops that programs do differently, or that say how. */
interface BlockWork {
  readonly same: Work;
  readonly steps: readonly { readonly op: AnyOp; readonly box: Box | null }[];
}

/** The blocks of a kernel, each looked through once for all programs. */
export class Blocks {
  readonly #known = new Map<Block, BlockWork>();
  readonly #workOf: WorkOf;

  constructor(workOf: WorkOf) {
    this.#workOf = workOf;
  }

  of(block: Block): BlockWork {
    const known = this.#known.get(block) ?? this.#look(block);
    this.#known.set(block, known);
    return known;
  }

  #look(block: Block): BlockWork {
    const sum = new WorkSum();
    for (const op of block.ops) sum.add(this.#workOf(op));
    const steps = (block.ops as AnyOp[]).map((op) => ({ op, box: boxOf(op) }));
    return { same: sum.total, steps: steps.filter(({ op, box }) => box !== null || isPartOfPoint(op)) };
  }
}

const isPartOfPoint = (op: AnyOp): boolean =>
  op.regions.length > 0 ||
  op.results.some(({ type }) => type.kind === 'view' || (type.kind === 'tile' && type.shape.length === 0));

class Walker {
  readonly sum = new WorkSum();
  readonly bytes = new Map<string, number>();
  readonly #point: Point;
  readonly #blocks: Blocks;
  readonly #names: ReadonlyMap<Value, string>;

  constructor(kernel: Kernel, dims: Dims, programs: Readonly<Record<string, number>>, blocks: Blocks) {
    this.#point = new Point(kernel, dims, programs);
    this.#blocks = blocks;
    this.#names = new Map(kernel.params.map((p) => [p.value, p.name]));
  }

  block(block: Block, times: number): void {
    const { same, steps } = this.#blocks.of(block);
    this.sum.add(same, times);
    for (const { op, box } of steps) {
      this.#point.visit(op);
      if (op.name === 'for') this.#for(op, times);
      else if (op.name === 'while') this.#while(op, times);
      else if (op.name === 'if') this.#if(op, times);
      else if (box !== null) this.#access(box, times);
    }
  }

  #for(op: Op<'for'>, times: number): void {
    const [begin, end, step] = op.operands.map((v) => this.#point.of(v));
    const { inits, args, body } = loopParts(op);
    args.forEach((v, i) => {
      this.#point.set(v, this.#point.of(inits[i]));
    });
    const by = step ?? 1;
    const from = begin ?? 0;
    const trips = Math.max(0, Math.ceil(((end ?? from + UNKNOWN_SPAN) - from) / by));
    for (const { index, count } of walked(trips)) {
      const at = op.attrs.reverse === true ? trips - 1 - index : index;
      this.#point.set(body.args[0], begin === null ? null : from + at * by);
      this.block(body, times * count);
      if (index === 0) this.#forget(args, yielded(body));
    }
    this.#results(op, args);
  }

  /** Carried scalars are not followed around the loop: those that change are not known. */
  #forget(args: readonly Value[], next: readonly Value[]): void {
    args.forEach((v, i) => {
      if (this.#point.of(v) !== this.#point.of(next[i])) this.#point.set(v, null);
    });
  }

  #results(op: Op, args: readonly Value[]): void {
    op.results.forEach((v, i) => {
      this.#point.set(v, this.#point.of(args[i]));
    });
  }

  #while(op: Op<'while'>, times: number): void {
    for (const region of op.regions) this.block(region, times * Math.log2(UNKNOWN_SPAN));
  }

  #if(op: Op<'if'>, times: number): void {
    const condition = this.#point.of(op.operands[0]);
    op.regions.forEach((region, i) => {
      const share = condition === null ? 1 / 2 : (condition !== 0) === (i === 0) ? 1 : 0;
      if (share === 0) return;
      this.block(region, times * share);
      if (share === 1) this.#results(op, yielded(region));
    });
  }

  #access(box: Box, times: number): void {
    const name = this.#names.get(box.root) ?? '';
    const each = bytesOf(box.view.type.dtype);
    const extents = this.#point.inside(box.view, box.origins, box.shape);
    const rows = extents.slice(0, -1).reduce((n, e) => n * e, 1);
    const row = (extents.at(-1) ?? 1) * each;
    const bytes = rows * row;
    const key = `${box.reads ? 'in' : 'out'} ${name}`;
    this.bytes.set(key, (this.bytes.get(key) ?? 0) + bytes * times);
    const sectorBytes = box.addressed
      ? (bytes / each) * SECTOR_BYTES
      : rows * Math.ceil(row / SECTOR_BYTES) * SECTOR_BYTES;
    this.sum.add(box.reads ? { readBytes: bytes, sectorBytes } : { writtenBytes: bytes, sectorBytes }, times);
  }
}

/** Trips that stand for all: the first ones and the last, and one in the middle for the others. */
function walked(trips: number): { readonly index: number; readonly count: number }[] {
  if (trips <= 2 * WALKED_TRIPS) return Array.from({ length: trips }, (_, index) => ({ index, count: 1 }));
  const last = Array.from({ length: WALKED_TRIPS }, (_, i) => ({ index: trips - WALKED_TRIPS + i, count: 1 }));
  return [{ index: 0, count: 1 }, { index: trips >> 1, count: trips - WALKED_TRIPS - 1 }, ...last];
}

interface Box {
  readonly view: Value;
  /** The parameter that the view is a part of. */
  readonly root: Value;
  readonly origins: readonly Value[];
  readonly shape: readonly number[];
  readonly reads: boolean;
  /** An address for each lane. */
  readonly addressed: boolean;
}

const shapeOf = (v: Value | undefined): readonly number[] =>
  v === undefined || v.type.kind === 'view' ? [] : v.type.shape;

function boxOf(op: AnyOp): Box | null {
  const [view, second] = op.operands as [Value, Value];
  if (view?.type.kind !== 'view' || op.name === 'view_at' || op.name === 'view_slice') return null;
  const plain = { view, root: rootOf(view).root, addressed: false };
  switch (op.name) {
    case 'load':
      return {
        ...plain,
        origins: op.operands.slice(1),
        shape: valid(shapeOf(op.results[0]), op.attrs.valid),
        reads: true,
      };
    case 'get':
      return { ...plain, origins: op.operands.slice(1), shape: [], reads: true };
    case 'smem_copy':
      return { ...plain, origins: op.operands.slice(3), shape: valid(shapeOf(second), op.attrs.valid), reads: true };
    case 'store':
    case 'atomic_add':
      return { ...plain, origins: op.operands.slice(2), shape: valid(shapeOf(second), op.attrs.valid), reads: false };
    case 'gather':
      return {
        ...plain,
        origins: [],
        shape: valid(shapeOf(op.results[0]), op.attrs.valid),
        reads: true,
        addressed: true,
      };
    case 'scatter':
    case 'scatter_add':
      return { ...plain, origins: [], shape: valid(shapeOf(second), op.attrs.valid), reads: false, addressed: true };
    default:
      return null;
  }
}

/** Positions from `valid` on are padding. */
const valid = (shape: readonly number[], upTo: readonly number[] | undefined): readonly number[] =>
  shape.map((extent, i) => Math.min(extent, upTo?.[i] ?? extent));
