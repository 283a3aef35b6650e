import type { Value } from '../../compiler/ir/module.js';
import { scalarType } from '../../compiler/ir/types.js';
import { coerce } from './convert.js';
import type { Evaluator } from './evaluator.js';
import type { ForOf } from './loop.js';
import type { Stride } from './run-time-loop.js';
import { type NumVal, num, type RangeVal, type TileVal, tileOf } from './value.js';

const MAX_STEP = 2 ** 31 - 1;

/**
 * A range as the loops that run it, in order of time. `{ unroll: k }` gives two: one whose trips take k indices at once,
 * and one for the rest. A step known at run time, or too large to be multiplied by k, leaves the range as it is.
 */
export function unrolledBy(ev: Evaluator, loop: ForOf, range: RangeVal): readonly Stride[] {
  const k = typeof range.unroll === 'number' ? range.unroll : 1;
  if (k === 1 || range.step.kind !== 'num' || range.step.value * k > MAX_STEP) return [{ ...range, offsets: [0] }];
  const step = range.step.value;
  const middle = middleOf(ev, loop, range, step, k);
  const offsets = Array.from({ length: k }, (_, i) => i * step);
  const whole: Stride = {
    ...range,
    end: middle,
    step: num(step * k),
    offsets: range.reverse ? offsets.reverse() : offsets,
  };
  const rest: Stride = { ...range, begin: middle, offsets: [0] };
  const parts = [whole, rest].filter(
    ({ begin, end }) => begin.kind !== 'num' || end.kind !== 'num' || begin.value < end.value,
  );
  return range.reverse ? parts.reverse() : parts;
}

/** The first index of the rest: the end of the range where k divides the number of indices. */
function middleOf(ev: Evaluator, { node }: ForOf, range: RangeVal, step: number, k: number): NumVal | TileVal {
  const { begin, end } = range;
  if (begin.kind === 'num' && end.kind === 'num') {
    const count = Math.max(0, Math.ceil((end.value - begin.value) / step));
    return count % k === 0 ? end : num(begin.value + (count - (count % k)) * step);
  }
  const at = node.expression;
  const [b, e] = [begin, end].map((val) => coerce(ev, { val, node: at }, 'i32', []));
  if (b == null || e == null) return end;
  const u32 = (value: number): Value => ev.constant(at, value, scalarType('u32'));
  const op = (name: 'add' | 'sub' | 'mul' | 'idiv' | 'rem', x: Value, y: Value): Value =>
    ev.value(at, name, [x, y], {});
  // All modulo 2^32, where the length of a range fits: (end - begin - 1) / step + 1 indices, if there are any.
  const length = ev.value(at, 'cast', [op('sub', e, b)], { to: 'u32' });
  const count = op('add', op('idiv', op('sub', length, u32(1)), u32(step)), u32(1));
  const left = op('rem', count, u32(k));
  const covered = ev.value(at, 'cast', [op('mul', op('sub', count, left), u32(step))], { to: 'i32' });
  const isLeft = ev.value(at, 'cmp', [left, u32(0)], { pred: 'ne' });
  const isAny = ev.value(at, 'cmp', [b, e], { pred: 'lt' });
  const both = ev.value(at, 'and', [isLeft, isAny], {});
  return tileOf(ev.value(at, 'select', [both, op('add', b, covered), e], {}));
}
