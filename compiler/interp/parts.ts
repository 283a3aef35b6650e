import { Bug } from '../diag/diagnostic.js';
import type { Op, Value } from '../ir/module.js';
import { isValid } from './addressed.js';
import { rowMajor, sourceIndex } from './lanes.js';
import type { Machine, Step } from './machine.js';

const shapeOf = (v: Value | undefined): readonly number[] => {
  if (v?.type.kind !== 'tile') throw new Bug('interpreter: a tile was expected');
  return v.type.shape;
};

/** Element of `whole` at which a part begins. Traps where a lane of the part that counts lies outside. */
function placing(op: Op<'slice'> | Op<'insert'>, m: Machine, part: readonly number[], first: number): () => number {
  const whole = shapeOf(op.operands[0]);
  const origins = op.operands.slice(first).map((v) => m.tile(v));
  const reach = op.attrs.valid ?? part;
  const strides = rowMajor(whole);
  return () => {
    let start = 0;
    for (const [axis, origin] of origins.entries()) {
      const at = origin[0] as number;
      if (at < 0 || at + (reach[axis] as number) > (whole[axis] as number))
        m.trap('LAC0810', op, outside(op.name, origins, reach, whole), [
          'keep 0 <= origin and origin + extent <= the extent of the tile',
        ]);
      start += at * (strides[axis] as number);
    }
    return start;
  };
}

const outside = (what: string, origins: readonly Float64Array[], part: readonly number[], whole: readonly number[]) =>
  `${what} of [${part.join(', ')}] at [${origins.map((o) => o[0]).join(', ')}] leaves the tile of [${whole.join(', ')}]`;

/** Lanes of a part that count, and where each lies in the whole behind the part's origin. */
function lanesOf(part: readonly number[], whole: readonly number[], valid: readonly number[] | undefined) {
  return { counts: isValid(part, valid), offset: sourceIndex(part, rowMajor(whole)) };
}

export function slice(op: Op<'slice'>, m: Machine): Step {
  const shape = shapeOf(op.results[0]);
  const start = placing(op, m, shape, 1);
  const [x, out] = [m.tile(op.operands[0]), m.tile(op.results[0])];
  const { counts, offset } = lanesOf(shape, shapeOf(op.operands[0]), op.attrs.valid);
  return () => {
    const from = start();
    for (let i = 0; i < out.length; i++) out[i] = counts[i] === 0 ? 0 : (x[from + (offset[i] as number)] as number);
  };
}

export function insert(op: Op<'insert'>, m: Machine): Step {
  const shape = shapeOf(op.operands[1]);
  const start = placing(op, m, shape, 2);
  const [x, part, out] = [m.tile(op.operands[0]), m.tile(op.operands[1]), m.tile(op.results[0])];
  const { counts, offset } = lanesOf(shape, shapeOf(op.operands[0]), op.attrs.valid);
  return () => {
    const at = start();
    out.set(x);
    for (let i = 0; i < part.length; i++) if (counts[i] !== 0) out[at + (offset[i] as number)] = part[i] as number;
  };
}

export function take(op: Op<'take'>, m: Machine): Step {
  const whole = shapeOf(op.operands[0]);
  const strides = rowMajor(whole);
  const [x, out] = [m.tile(op.operands[0]), m.tile(op.results[0])];
  const indices = op.operands.slice(1).map((v) => m.tile(v));
  const counts = isValid(shapeOf(op.results[0]), op.attrs.valid);
  return () => {
    for (let lane = 0; lane < out.length; lane++) {
      let at = 0;
      for (const [axis, index] of indices.entries()) {
        const i = index[lane] as number;
        if (counts[lane] !== 0 && !(i >= 0 && i < (whole[axis] as number)))
          m.trap('LAC0810', op, `take: index ${i} on axis ${axis} of a tile of [${whole.join(', ')}]`, [
            'keep the index inside, as with minimum(maximum(i, 0), extent - 1)',
          ]);
        at += i * (strides[axis] as number);
      }
      out[lane] = counts[lane] === 0 ? 0 : (x[at] as number);
    }
  };
}
