import { Bug } from '../diag/diagnostic.js';
import type { Op } from '../ir/module.js';
import { roundTo } from '../ops/round.js';
import { rowMajor } from './lanes.js';
import type { Machine, Step } from './machine.js';
import { addTo, read, write } from './memory-access.js';

type Addressed = Op<'gather'> | Op<'scatter'> | Op<'scatter_add'>;

/** Lanes with an address each: `inside` gets lane and address of those that touch memory, `off` the others. */
type Walk = (inside: (lane: number, address: number) => void, off: (lane: number) => void) => void;

function walkLanes(op: Addressed, m: Machine, firstIndex: number): Walk {
  const view = m.view(op.operands[0]);
  const type = (op.name === 'gather' ? op.results[0] : op.operands[1])?.type;
  if (type?.kind !== 'tile') throw new Bug(`${op.name}: a tile was expected`);
  const rank = op.operands.length - firstIndex - (op.attrs.masked === true ? 1 : 0);
  const indices = op.operands.slice(firstIndex, firstIndex + rank).map((v) => m.tile(v));
  const mask = op.attrs.masked === true ? m.tile(op.operands.at(-1)) : null;
  const counts = isValid(type.shape, op.attrs.valid);
  return (inside, off) => {
    const { strides, lo, hi, base, empty } = view;
    for (let lane = 0; lane < counts.length; lane++) {
      if (counts[lane] === 0 || (mask !== null && mask[lane] === 0)) {
        off(lane);
        continue;
      }
      let address = base;
      let outside = empty ? 0 : -1;
      for (let axis = 0; axis < rank; axis++) {
        const i = indices[axis]?.[lane] as number;
        if (!(i >= (lo[axis] as number) && i < (hi[axis] as number))) outside = axis;
        address += i * (strides[axis] as number);
      }
      if (outside < 0) inside(lane, address);
      else {
        if (op.attrs.in_bounds === true) brokenPromise(op, m, indices, lane);
        off(lane);
      }
    }
  };
}

function brokenPromise(op: Addressed, m: Machine, indices: readonly Float64Array[], lane: number): never {
  const { memory, hi } = m.view(op.operands[0]);
  const index = indices.map((x) => x[lane]);
  return m.trap(
    'LAC0801',
    op,
    `inBounds promises what does not hold: index [${index.join(', ')}] of ${memory?.name ?? 'a null argument'}, of extents [${hi.join(', ')}]`,
    ['drop inBounds: lanes outside then read `pad`, and stores drop them'],
  );
}

/** 1 for every lane below the logical extents `valid`, in row-major order. */
export function isValid(shape: readonly number[], valid: readonly number[] | undefined): Uint8Array {
  const counts = new Uint8Array(shape.reduce((n, e) => n * e, 1)).fill(1);
  if (valid === undefined) return counts;
  const strides = rowMajor(shape);
  return counts.map((_, lane) =>
    shape.every((e, axis) => Math.floor(lane / (strides[axis] as number)) % e < (valid[axis] as number)) ? 1 : 0,
  );
}

export function gather(op: Op<'gather'>, m: Machine): Step {
  const walk = walkLanes(op, m, 1);
  const view = m.view(op.operands[0]);
  const out = m.tile(op.results[0]);
  const pad = m.mode === 'round' ? roundTo(op.results[0]?.type.dtype ?? 'f32', op.attrs.pad) : op.attrs.pad;
  const any = op as Op;
  return () =>
    walk(
      (lane, address) => {
        out[lane] = read(view.memory, address, any, m);
      },
      (lane) => {
        out[lane] = pad;
      },
    );
}

const nothing = (): void => {};

export function scatter(op: Op<'scatter'>, m: Machine): Step {
  return into(op, m, write);
}

export function scatterAdd(op: Op<'scatter_add'>, m: Machine): Step {
  return into(op, m, addTo);
}

function into(op: Op<'scatter'> | Op<'scatter_add'>, m: Machine, put: typeof write): Step {
  const walk = walkLanes(op, m, 2);
  const view = m.view(op.operands[0]);
  const value = m.tile(op.operands[1]);
  const any = op as Op;
  return () => {
    m.stores = (m.stores + 1) | 0;
    walk((lane, address) => put(view.memory, address, value[lane] as number, any, m), nothing);
  };
}
