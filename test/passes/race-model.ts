import { bytesOfSlot, SharedAccesses } from '../../compiler/analysis/shared-accesses.js';
import type { Block, Kernel, Op, Value } from '../../compiler/ir/module.js';
import { yielded } from '../../compiler/ir/rewrite.js';
import { bytesOf } from '../../compiler/ir/types.js';
import { spanInOrder } from '../../compiler/layout/axes.js';
import { combine, independent } from '../../compiler/layout/gf2.js';
import { basesOf, type Layout } from '../../compiler/layout/layout.js';
import { layoutKey } from '../../compiler/layout/shape.js';
import { offsetBases, storageOfSwizzle } from '../../compiler/layout/storage.js';
import { type OpName, opRow } from '../../compiler/ops/table.js';

/** What a granule of shared memory remembers: epochs are those of the warp's own clock. */
interface Cell {
  writer: number;
  written: number;
  /** Warp whose copy is in flight; -1: none. */
  flying: number;
  /** By warp, the epoch of its last read; -1: none. */
  readonly read: number[];
}

interface Group {
  readonly cells: Cell[][];
}

const GRANULE = 4;
/** Bytes between buffers without a place. */
const APART = 2 ** 20;

/**
 * Runs the scalars of a kernel, and every access to shared memory by the warps that its layout names, with a vector clock
 * for each warp: two accesses of a granule, not both reads, must be ordered by program order and barriers (in a warp by
 * barriers alone, its lanes run freely), and a copy must have been waited for by the warp that issued it. `scalars` are
 * parameters, dimensions and program axes by name; what is read from memory is 1. Reads happen
 * where they stand and, unless marked `now`, again wherever their registers are wanted. Gives what is not ordered.
 */
export function findRaces(kernel: Kernel, scalars: Readonly<Record<string, number>>, warps: number): string[] {
  const model = new RaceModel(kernel, scalars, warps);
  for (const p of kernel.params) if (p.kind === 'scalar') model.set(p.value, scalars[p.name] ?? 0);
  model.block(kernel.body);
  return [...model.races];
}

class RaceModel {
  readonly races = new Set<string>();
  readonly #scalars: Readonly<Record<string, number>>;
  readonly #warps: number;
  readonly #clocks: number[][];
  readonly #known = new Map<Value, number>();
  readonly #cells = new Map<number, Cell>();
  readonly #footprints = new Map<string, Cell[][]>();
  /** By op, the reads whose registers it wants, with the slot that they read from. */
  readonly #late = new Map<Op, Op[]>();
  readonly #slotRead = new Map<Op, number>();
  #open: Group = { cells: [] };
  #groups: Group[] = [];

  constructor(kernel: Kernel, scalars: Readonly<Record<string, number>>, warps: number) {
    this.#scalars = scalars;
    this.#warps = warps;
    this.#clocks = Array.from({ length: warps }, () => new Array<number>(warps).fill(0));
    this.#clocks.forEach((c, w) => {
      c[w] = 1;
    });
    this.#open = this.#newGroup();
    const accesses = new SharedAccesses(kernel);
    for (const { op, kind } of accesses.own) {
      if (kind !== 'read' || (op as Op<'smem_read'>).attrs.now === true) continue;
      for (const d of accesses.demandsOf(op)) this.#late.set(d, [...(this.#late.get(d) ?? []), op]);
    }
  }

  set(v: Value, x: number): void {
    this.#known.set(v, x);
  }

  block(block: Block): void {
    for (const op of block.ops) {
      for (const read of this.#late.get(op) ?? []) this.#read(read, this.#slotRead.get(read) ?? 0);
      this.#op(op);
    }
  }

  #scalar(v: Value | undefined): number {
    const x = v === undefined ? undefined : this.#known.get(v);
    if (x === undefined) throw new Error('a scalar without a value');
    return x;
  }

  #op(op: Op): void {
    switch (op.name) {
      case 'for':
        this.#loop(op as Op<'for'>);
        break;
      case 'if':
        this.block(op.regions[this.#scalar(op.operands[0]) !== 0 ? 0 : 1] as Block);
        break;
      case 'smem_write':
        this.#write(op);
        break;
      case 'smem_read':
        this.#slotRead.set(op, this.#scalar(op.operands[1]));
        this.#read(op, this.#scalar(op.operands[1]));
        break;
      case 'smem_copy':
        this.#copy(op);
        break;
      case 'smem_commit':
        this.#groups.push(this.#open);
        this.#open = this.#newGroup();
        break;
      case 'smem_wait':
        this.#wait((op as Op<'smem_wait'>).attrs.left);
        break;
      case 'barrier':
        this.#barrier(op as Op<'barrier'>);
        break;
      default:
        this.#compute(op);
    }
  }

  #compute(op: Op): void {
    const [result] = op.results;
    if (result?.type.kind !== 'tile' || result.type.shape.length > 0) return;
    if (op.name === 'dim') this.set(result, this.#scalars[(op as Op<'dim'>).attrs.name] ?? 1);
    if (op.name === 'program_id') this.set(result, this.#scalars[(op as Op<'program_id'>).attrs.axis] ?? 0);
    if (op.name === 'get') this.set(result, 1);
    if (op.name === 'const') this.set(result, (op as Op<'const'>).attrs.value);
    const row = opRow(op.name as OpName);
    const operands = op.operands.map((v) => this.#known.get(v));
    if (row.evaluate === undefined || operands.includes(undefined)) return;
    const dtype = op.operands[0]?.type.dtype ?? 'i32';
    this.set(result, row.evaluate(operands as number[], dtype, op.attrs as Record<string, never>));
  }

  #loop(op: Op<'for'>): void {
    const body = op.regions[0] as Block;
    const [begin, end, step] = op.operands.slice(0, 3).map((v) => this.#scalar(v)) as [number, number, number];
    const assign = (values: readonly Value[]): void => {
      const numbers = values.map((v) => this.#known.get(v));
      body.args.slice(1).forEach((arg, i) => {
        if (numbers[i] !== undefined) this.set(arg, numbers[i]);
      });
    };
    assign(op.operands.slice(3));
    const trips = Math.max(0, Math.ceil((end - begin) / step));
    for (let t = 0; t < trips; t++) {
      this.set(body.args[0] as Value, begin + (op.attrs.reverse === true ? trips - 1 - t : t) * step);
      this.block(body);
      assign(yielded(body));
    }
  }

  // ---- memory

  #cell(buffer: Value, byte: number): Cell {
    const { space, start } = bytesOfSlot(buffer, 0);
    const base = space === null ? 0 : (space.id + 1) * APART - start;
    const key = Math.floor((base + byte) / GRANULE);
    let cell = this.#cells.get(key);
    if (cell === undefined) {
      cell = { writer: -1, written: -1, flying: -1, read: new Array<number>(this.#warps).fill(-1) };
      this.#cells.set(key, cell);
    }
    return cell;
  }

  /** Cells of a slot that each warp touches; without a layout granules go to warps in turn, as those of a copy do. */
  #footprint(buffer: Value, slot: number, layout: Layout | undefined): Cell[][] {
    const key = `${buffer.id} ${slot} ${layout === undefined ? '' : layoutKey(layout)}`;
    const known = this.#footprints.get(key);
    if (known !== undefined) return known;
    const cells = this.#findFootprint(buffer, slot, layout);
    this.#footprints.set(key, cells);
    return cells;
  }

  #findFootprint(buffer: Value, slot: number, layout: Layout | undefined): Cell[][] {
    if (buffer.type.kind !== 'buffer' || buffer.def.kind !== 'op') throw new Error('a buffer was expected');
    const { shape, dtype } = buffer.type;
    const { start, end } = bytesOfSlot(buffer, slot);
    if (layout === undefined) {
      const all = Array.from({ length: (end - start) / GRANULE }, (_, i) => this.#cell(buffer, start + i * GRANULE));
      return Array.from({ length: this.#warps }, (_, w) => all.filter((_, i) => i % this.#warps === w));
    }
    const storage = storageOfSwizzle((buffer.def as Op<'smem_alloc'>).attrs.swizzle);
    const places = offsetBases(shape, bytesOf(dtype), storage) ?? [];
    const granule = (index: number): number => Math.floor(combine(places, index) / GRANULE);
    const own = basesOf(layout, ['register', 'lane']).map(granule);
    const touched = spanInOrder(independent(own).map((i) => own[i] ?? 0));
    return Array.from({ length: this.#warps }, (_, w) => {
      const at = granule(combine(layout.ins.warp ?? [], w));
      return touched.map((g) => this.#cell(buffer, start + (g ^ at) * GRANULE));
    });
  }

  #epoch(w: number): number {
    return this.#clocks[w]?.[w] ?? 0;
  }

  /** What warp `by` did in its epoch `at` comes before what warp `w` does now. */
  #ordered(by: number, at: number, w: number): boolean {
    if (by < 0 || at < 0) return true;
    return by === w ? at < this.#epoch(w) : (this.#clocks[w]?.[by] ?? 0) >= at;
  }

  #check(cell: Cell, w: number, op: Op, writes: boolean): void {
    const fail = (what: string): void => void this.races.add(`${op.name}: ${what}`);
    if (cell.flying >= 0) fail('touches a copy in flight');
    if (!this.#ordered(cell.writer, cell.written, w)) fail('not ordered behind a write');
    if (writes && cell.read.some((at, by) => !this.#ordered(by, at, w))) fail('not ordered behind a read');
  }

  #read(op: Op, slot: number): void {
    this.#footprint(op.operands[0] as Value, slot, op.results[0]?.layout).forEach((cells, w) => {
      for (const cell of cells) {
        this.#check(cell, w, op, false);
        cell.read[w] = this.#epoch(w);
      }
    });
  }

  /** Two warps that write the same value in one op do not race. */
  #write(op: Op): void {
    const touched = this.#footprint(op.operands[0] as Value, this.#scalar(op.operands[1]), op.operands[2]?.layout);
    touched.forEach((cells, w) => {
      for (const cell of cells) this.#check(cell, w, op, true);
    });
    touched.forEach((cells, w) => {
      for (const cell of cells) Object.assign(cell, { writer: w, written: this.#epoch(w) });
    });
  }

  #newGroup(): Group {
    return { cells: Array.from({ length: this.#warps }, () => []) };
  }

  #copy(op: Op): void {
    this.#footprint(op.operands[1] as Value, this.#scalar(op.operands[2]), undefined).forEach((cells, w) => {
      for (const cell of cells) {
        this.#check(cell, w, op, true);
        cell.flying = w;
        this.#open.cells[w]?.push(cell);
      }
    });
  }

  #wait(left: number): void {
    const arrived = this.#groups.slice(0, Math.max(0, this.#groups.length - left));
    this.#groups = this.#groups.slice(arrived.length);
    for (const { cells } of arrived)
      cells.forEach((list, w) => {
        for (const cell of list) Object.assign(cell, { flying: -1, writer: w, written: this.#epoch(w) });
      });
  }

  #barrier({ attrs: { scope, map = [], warps = 1 } }: Op<'barrier'>): void {
    const all = [...Array(this.#warps).keys()];
    const number = (w: number): number => (scope === 'cta' ? 0 : scope === 'warp' ? w : combine(map, w));
    for (const n of new Set(all.map(number))) {
      const met = all.filter((w) => number(w) === n);
      if (scope === 'warps' && met.length !== warps) this.races.add('barrier: the count is wrong');
      const joined = all.map((k) => Math.max(...met.map((w) => this.#clocks[w]?.[k] ?? 0)));
      for (const w of met) {
        this.#clocks[w] = [...joined];
        (this.#clocks[w] as number[])[w] = (joined[w] ?? 0) + 1;
      }
    }
  }
}
