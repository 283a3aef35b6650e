import type { Op, Value } from '../../../compiler/ir/module.js';
import { is16Bit } from '../../../compiler/ir/types.js';
import type { Operand } from '../isa/operand.js';
import { ELEMENTWISE, type ElementwiseName, isElementwiseName } from './elementwise.js';
import { dtypeOf, type Emitter, rankOf } from './emitter.js';
import { packPair } from './halves.js';

export { type ElementwiseName, isElementwiseName };

/** Scalars at once; tiles register by register, on demand. */
export function emitElementwise(e: Emitter, op: Op<ElementwiseName>): void {
  const v = op.results[0] as Value;
  const to = dtypeOf(v);
  const from = dtypeOf(op.operands[op.name === 'select' ? 1 : 0] as Value);
  const apply = (x: readonly Operand[]): Operand => ELEMENTWISE[op.name]({ b: e.b, x, from, to, op });
  if (rankOf(v) === 0) {
    e.setScalar(v, e.roundedScalar(apply(op.operands.map((x) => e.scalar(x))), to));
    return;
  }
  const tiles = op.operands.map((x) => e.tile(x));
  const lane = (r: number): Operand => apply(tiles.map((t) => t.lane(r)));
  const [x] = tiles;
  if (op.name !== 'cast' || !is16Bit(to) || x === undefined) e.define(v, { lane });
  else if (from === to && x.packed) e.define(v, { pair: (i) => x.pair(i) });
  else {
    // A cast rounds, whoever reads it: two at a time.
    const number = (r: number): Operand => (r >= x.registers ? { kind: 'imm', value: 0 } : asFloat(e, op, x.lane(r)));
    e.define(v, { pair: (i) => packPair(e, number(2 * i), number(2 * i + 1), to) });
  }
}

/** What is cast, as f32. */
function asFloat(e: Emitter, op: Op<ElementwiseName>, x: Operand): Operand {
  const from = dtypeOf(op.operands[0] as Value);
  return from === 'f32' || is16Bit(from) ? x : ELEMENTWISE.cast({ b: e.b, x: [x], from, to: 'f32', op });
}
