import { Bug } from '../diag/diagnostic.js';
import type { Op } from '../ir/module.js';
import { roundTo } from '../ops/round.js';
import type { Machine, Step, ViewState } from './machine.js';
import { addTo, read, write } from './memory-access.js';

export function viewAt(op: Op<'view_at'>, m: Machine): Step {
  const from = m.view(op.operands[0]);
  const out = m.view(op.results[0]);
  const indices = op.operands.slice(1).map((v) => m.tile(v));
  const keep = op.attrs.keep;
  return () => {
    Object.assign(out, { memory: from.memory, base: from.base, strides: [], lo: [], hi: [], empty: from.empty });
    let next = 0;
    for (let axis = 0; axis < keep.length; axis++) {
      const [stride, lo, hi] = [from.strides[axis], from.lo[axis], from.hi[axis]] as [number, number, number];
      if (keep[axis]) {
        out.strides.push(stride);
        out.lo.push(lo);
        out.hi.push(hi);
        continue;
      }
      const index = indices[next++]?.[0] as number;
      if (index >= lo && index < hi) out.base += index * stride;
      else if (op.attrs.inside === true) throw new Bug(`view_at: index ${index} was proven inside, but is not`);
      else out.empty = true;
    }
  };
}

/** Coordinate 0 stays at `begin`, even where that lies before the parent: such lanes do not exist. */
export function viewSlice(op: Op<'view_slice'>, m: Machine): Step {
  const from = m.view(op.operands[0]);
  const out = m.view(op.results[0]);
  const [begin, end] = [m.tile(op.operands[1]), m.tile(op.operands[2])];
  return () => {
    const [b, e] = [begin[0] as number, end[0] as number];
    const [lo, hi] = [from.lo[0] as number, from.hi[0] as number];
    Object.assign(out, { ...from, strides: [...from.strides] });
    out.base += b * (from.strides[0] as number);
    out.lo = [Math.max(lo - b, 0), ...from.lo.slice(1)];
    out.hi = [Math.min(hi, e) - b, ...from.hi.slice(1)];
  };
}

type Access = Op<'load'> | Op<'store'> | Op<'atomic_add'> | Op<'smem_copy'>;

/** A box of lanes on a view, on exactly three axes: missing ones are put in front, of extent 1. */
class Box {
  readonly #op: Access;
  readonly #m: Machine;
  readonly #view: ViewState;
  readonly #shape: readonly number[];
  readonly #valid: readonly number[];
  readonly #origins: Float64Array[];
  readonly #mask: Float64Array | null;
  readonly #rank: number;

  constructor(op: Access, m: Machine, shape: readonly number[], firstOrigin: number) {
    this.#op = op;
    this.#m = m;
    this.#rank = shape.length;
    this.#view = m.view(op.operands[0]);
    const front = new Array<number>(3 - shape.length).fill(1);
    this.#shape = [...front, ...shape];
    this.#valid = [...front, ...(op.attrs.valid ?? shape)];
    this.#origins = op.operands.slice(firstOrigin, firstOrigin + shape.length).map((v) => m.tile(v));
    this.#mask =
      op.name !== 'smem_copy' && op.attrs.masked === true ? m.tile(op.operands[firstOrigin + shape.length]) : null;
  }

  /** Calls `inside` with lane and address for lanes that touch memory, `off` for the others. */
  walk(inside: (lane: number, address: number) => void, off: (lane: number) => void): void {
    const [n0, n1, n2] = this.#shape as [number, number, number];
    const [v0, v1, v2] = this.#valid as [number, number, number];
    const [x0, x1, x2] = [this.#axis(0), this.#axis(1), this.#axis(2)];
    const mask = this.#mask;
    let lane = 0;
    for (let i = 0; i < n0; i++)
      for (let j = 0; j < n1; j++) {
        const rowIn = x0.inside(i) && x1.inside(j) && !this.#view.empty;
        const rowValid = i < v0 && j < v1;
        const rowBase = this.#view.base + x0.offset(i) + x1.offset(j);
        for (let k = 0; k < n2; k++, lane++) {
          if (!rowValid || k >= v2 || (mask !== null && mask[lane] === 0)) off(lane);
          else if (rowIn && x2.inside(k)) inside(lane, rowBase + x2.offset(k));
          else {
            this.#outside([i, j, k]);
            off(lane);
          }
        }
      }
  }

  #axis(position: number): { inside: (i: number) => boolean; offset: (i: number) => number } {
    const axis = position - (3 - this.#rank);
    if (axis < 0) return { inside: () => true, offset: () => 0 };
    const origin = this.#origins[axis]?.[0] as number;
    const { strides, lo, hi } = this.#view;
    const [stride, from, to] = [strides[axis], lo[axis], hi[axis]] as [number, number, number];
    return { inside: (i) => origin + i >= from && origin + i < to, offset: (i) => (origin + i) * stride };
  }

  /** An enabled lane outside the view: fine, unless somebody promised or proved otherwise. */
  #outside(lane: readonly number[]): void {
    const { guard, in_bounds: promised } = this.#op.attrs;
    if (promised !== true && guard?.includes(false) !== true) return;
    const { lo, hi, memory } = this.#view;
    const index = lane.slice(3 - this.#rank).map((i, axis) => i + (this.#origins[axis]?.[0] as number));
    const bad = index.findIndex((i, axis) => i < (lo[axis] as number) || i >= (hi[axis] as number));
    const text = `index [${index.join(', ')}] of ${memory?.name ?? 'a null argument'}, of extents [${hi.join(', ')}]`;
    if (promised === true)
      this.#m.trap('LAC0801', this.#op, `inBounds promises what does not hold: ${text}`, [
        'drop inBounds: lanes outside then read `pad`, and stores drop them',
      ]);
    if (guard?.[bad] === false) throw new Bug(`axis ${bad} was proven inside, but is not: ${text}`);
  }
}

const shapeOf = (op: Op<'load'> | Op<'store'> | Op<'atomic_add'>, tile: 'result' | 'value'): readonly number[] => {
  const type = (tile === 'result' ? op.results[0] : op.operands[1])?.type;
  if (type?.kind !== 'tile') throw new Bug(`${op.name}: a tile was expected`);
  return type.shape;
};

export function load(op: Op<'load'>, m: Machine): Step {
  const fill = fillFrom(op, m, shapeOf(op, 'result'), 1);
  const out = m.tile(op.results[0]);
  const dtype = op.results[0]?.type.dtype ?? 'f32';
  const pad = m.mode === 'round' ? roundTo(dtype, op.attrs.pad) : op.attrs.pad;
  return () => fill(out, pad);
}

/** Fills a tile of `shape` from the view, the origins being the operands from `firstOrigin` on. */
export function fillFrom(
  op: Op<'load'> | Op<'smem_copy'>,
  m: Machine,
  shape: readonly number[],
  firstOrigin: number,
): (out: Float64Array, pad: number) => void {
  const box = new Box(op, m, shape, firstOrigin);
  const view = m.view(op.operands[0]);
  const any = op;
  return (out, pad) => {
    const { memory } = view;
    box.walk(
      (lane, address) => {
        out[lane] = read(memory, address, any, m);
      },
      (lane) => {
        out[lane] = pad;
      },
    );
  };
}

export function get(op: Op<'get'>, m: Machine): Step {
  const view = m.view(op.operands[0]);
  const indices = op.operands.slice(1).map((v) => m.tile(v));
  const out = m.tile(op.results[0]);
  return () => {
    let address = view.base;
    let inside = true;
    for (let axis = 0; axis < indices.length; axis++) {
      const i = indices[axis]?.[0] as number;
      inside &&= i >= (view.lo[axis] as number) && i < (view.hi[axis] as number);
      address += i * (view.strides[axis] as number);
    }
    if (!inside && op.attrs.inside === true) throw new Bug('get: the element was proven inside, but is not');
    out[0] = inside && !view.empty ? read(view.memory, address, op, m) : 0;
  };
}

export function store(op: Op<'store'>, m: Machine): Step {
  return putBox(op, m, write);
}

function putBox(op: Op<'store'> | Op<'atomic_add'>, m: Machine, put: typeof write): Step {
  const box = new Box(op, m, shapeOf(op, 'value'), 2);
  const view = m.view(op.operands[0]);
  const value = m.tile(op.operands[1]);
  const any = op as Op;
  return () => {
    const memory = view.memory;
    m.stores = (m.stores + 1) | 0;
    box.walk(
      (lane, address) => put(memory, address, value[lane] as number, any, m),
      () => {},
    );
  };
}

export function atomicAdd(op: Op<'atomic_add'>, m: Machine): Step {
  return putBox(op, m, addTo);
}
