import { Bug } from '../diag/diagnostic.js';
import type { Op, Value } from '../ir/module.js';
import type { TileType } from '../ir/types.js';
import { roundTo } from '../ops/round.js';
import { rowMajor, sourceIndex } from './lanes.js';
import type { Machine, Step } from './machine.js';

const tileTypeOf = (v: Value | undefined): TileType => {
  if (v?.type.kind !== 'tile') throw new Bug('interpreter: a tile was expected');
  return v.type;
};

/** Constants are filled when the launch is prepared; nothing runs. */
export function constant(op: Op<'const'>, m: Machine): null {
  const { dtype } = tileTypeOf(op.results[0]);
  m.tile(op.results[0]).fill(m.mode === 'round' ? roundTo(dtype, op.attrs.value) : op.attrs.value);
  return null;
}

export function iota(op: Op<'iota'>, m: Machine): null {
  const out = m.tile(op.results[0]);
  for (let i = 0; i < out.length; i++) out[i] = i;
  return null;
}

export function splat(op: Op<'splat'>, m: Machine): Step {
  const out = m.tile(op.results[0]);
  const x = m.tile(op.operands[0]);
  return () => void out.fill(x[0] as number);
}

/** Row-major order does not change: the result is the operand's buffer. */
export function alias(op: Op, m: Machine): null {
  if (op.results[0] === undefined) throw new Bug(`${op.name} has no result`);
  m.tiles.set(op.results[0], m.tile(op.operands[0]));
  return null;
}

export function broadcast(op: Op<'broadcast'>, m: Machine): Step {
  const from = tileTypeOf(op.operands[0]).shape;
  const to = tileTypeOf(op.results[0]).shape;
  const strides = rowMajor(from).map((s, i) => (from[i] === 1 ? 0 : s));
  return gather(op, m, sourceIndex(to, strides));
}

export function trans(op: Op<'trans'>, m: Machine): Step {
  const [, n] = tileTypeOf(op.operands[0]).shape as [number, number];
  return gather(op, m, sourceIndex(tileTypeOf(op.results[0]).shape, [1, n]));
}

function gather(op: Op, m: Machine, index: Int32Array): Step {
  const out = m.tile(op.results[0]);
  const x = m.tile(op.operands[0]);
  return () => {
    for (let i = 0; i < out.length; i++) out[i] = x[index[i] as number] as number;
  };
}
