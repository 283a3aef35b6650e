import { Bug } from '../../../compiler/diag/diagnostic.js';
import type { Op, Value } from '../../../compiler/ir/module.js';
import { type DType, isFloat } from '../../../compiler/ir/types.js';
import { coordinates, flatten, indexParts } from '../../../compiler/layout/axes.js';
import { apply, type Layout, registerCount } from '../../../compiler/layout/layout.js';
import { roundTo } from '../../../compiler/ops/round.js';
import { f32, imm, type Operand } from '../isa/operand.js';
import { dtypeOf, type Emitter, layoutOf, rankOf } from './emitter.js';
import { add32, xor32 } from './integers.js';
import { renamedTile } from './rename.js';
import { makeTile } from './tile.js';

/** Ops that move nothing: which register has an element is known while emitting. */

const operandOf = (op: Op): Value => {
  const v = op.operands[0];
  if (v === undefined) throw new Bug(`${op.name} without an operand`);
  return v;
};
const resultOf = (op: Op): Value => {
  const v = op.results[0];
  if (v === undefined) throw new Bug(`${op.name} without a result`);
  return v;
};

/** A number as an operand that holds it in the way of its dtype. */
export const literal = (x: number, d: DType): Operand => (isFloat(d) ? f32(roundTo(d, x)) : imm(x));

/** One value in every register. */
function uniform(e: Emitter, v: Value, x: Operand): void {
  if (rankOf(v) === 0) {
    e.setScalar(v, x);
    return;
  }
  const layout = layoutOf(v);
  const one = makeTile(e, dtypeOf(v), { shape: [], ins: {} }, { lane: () => x });
  const both = makeTile(e, dtypeOf(v), { shape: [2], ins: { register: [1] } }, { lane: () => one.lane(0) });
  e.setTile(
    v,
    renamedTile(
      e,
      both,
      layout,
      Array.from({ length: registerCount(layout) }, (_, r) => r & 1),
    ),
  );
}

export function emitConst(e: Emitter, op: Op<'const'>): void {
  const v = resultOf(op);
  uniform(e, v, literal(op.attrs.value, dtypeOf(v)));
}

export const emitSplat = (e: Emitter, op: Op<'splat'>): void => uniform(e, resultOf(op), e.scalar(operandOf(op)));

/** Register r is the thread's part and a constant. */
export function emitIota(e: Emitter, op: Op<'iota'>): void {
  const v = resultOf(op);
  const parts = indexParts(layoutOf(v), 0);
  const thread = e.threadPart({ lane: parts.laneBases, warp: parts.warpBases });
  const join = parts.disjoint ? add32 : xor32;
  e.define(v, { lane: (r) => join(e.b, thread, imm(parts.register[r] ?? 0)) });
}

/** Register of the operand that holds each element of the result; `element` gives the operand's index of one. */
function moved(e: Emitter, op: Op, element: (index: number) => number): void {
  const [from, v] = [operandOf(op), resultOf(op)];
  if (rankOf(from) === 0) {
    uniform(e, v, e.scalar(from));
    return;
  }
  const tile = e.tile(from);
  if (rankOf(v) === 0) {
    // A tile of one element: every thread holds it.
    e.setScalar(v, e.roundedScalar(tile.lane(0), tile.dtype));
    return;
  }
  const layout = layoutOf(v);
  e.setTile(v, renamedTile(e, tile, layout, sourcesOf(tile.layout, layout, element)));
}

function sourcesOf(from: Layout, to: Layout, element: (index: number) => number): number[] {
  const holder = new Map<number, number>();
  for (let r = registerCount(from) - 1; r >= 0; r--) holder.set(apply(from, { register: r }), r);
  return Array.from({ length: registerCount(to) }, (_, r) => {
    const source = holder.get(element(apply(to, { register: r })));
    if (source === undefined) throw new Bug('no register of the operand has an element of the result');
    return source;
  });
}

export const emitExpand = (e: Emitter, op: Op<'expand'>): void => moved(e, op, (index) => index);
export const emitReshape = (e: Emitter, op: Op<'reshape'>): void => moved(e, op, (index) => index);

export function emitBroadcast(e: Emitter, op: Op<'broadcast'>): void {
  const [small, big] = [shapeOf(operandOf(op)), shapeOf(resultOf(op))];
  moved(e, op, (index) =>
    flatten(
      small,
      coordinates(big, index).map((c, i) => (small[i] === 1 ? 0 : c)),
    ),
  );
}

/** One that only a dot reads through has no layout, and nothing to emit. */
export function emitTrans(e: Emitter, op: Op<'trans'>): void {
  const v = resultOf(op);
  if (v.layout === undefined) return;
  const [m = 1, n = 1] = shapeOf(v);
  moved(e, op, (index) => (index % n) * m + Math.floor(index / n));
}

function shapeOf(v: Value): readonly number[] {
  if (v.type.kind !== 'tile') throw new Bug('a tile was expected');
  return v.type.shape;
}
