/** Slot numbers that a loop carries, for buffers of several slots. */
import { Builder } from '../ir/builder.js';
import { type Block, newValue, type Op, type Value } from '../ir/module.js';
import { constantOf, yieldOf } from '../ir/rewrite.js';

export interface CarriedSlot {
  /** 0 in the first trip, then one more in each, modulo the number of slots. */
  readonly slot: Value;
  /** The slot of the trip before; in the first trip the last slot. */
  readonly previous: Value;
}

/**
 * Makes the loop carry a slot number; constants go to the end of `before`, which stands before the loop. Of two slots the
 * previous one is also the next: `1 - slot` at the top of the body, shared by all who ask.
 */
export function carrySlot(loop: Op<'for'>, count: number, before: Block): CarriedSlot {
  const body = loop.regions[0] as Block;
  if (count === 2) {
    const known = alternating(loop, body);
    if (known !== null) return known;
  }
  const outside = new Builder(before, loop.loc);
  const zero = outside.constant(0, 'i32');
  const one = outside.constant(1, 'i32');
  const slot = addCarried(loop, zero, 'slot');
  if (count === 2) {
    const previous = new Builder(body, loop.loc).value('sub', [one, slot], {});
    moveToTop(body);
    yieldOf(body)?.operands.push(previous);
    return { slot, previous };
  }
  const last = outside.constant(count - 1, 'i32');
  const previous = addCarried(loop, last, 'previous');
  const end = body.ops.pop() as Op;
  const inside = new Builder(body, loop.loc);
  const up = inside.value('add', [slot, one], {});
  const wraps = inside.value('cmp', [slot, last], { pred: 'eq' });
  end.operands.push(inside.value('select', [wraps, zero, up], {}), slot);
  body.ops.push(end);
  return { slot, previous };
}

function moveToTop(body: Block): void {
  const op = body.ops.pop();
  if (op !== undefined) body.ops.unshift(op);
}

/** A new carried value of the loop; its yield is the caller's to append. */
function addCarried(loop: Op, init: Value, hint: string): Value {
  const body = loop.regions[0] as Block;
  const arg = newValue(init.type, body, hint);
  loop.operands.push(init);
  body.args.push(arg);
  loop.results.push(newValue(init.type, loop));
  return arg;
}

/** A carried value that goes 0, 1, 0, 1 already, its other half made at the top. */
function alternating(loop: Op, body: Block): CarriedSlot | null {
  const end = yieldOf(body);
  for (const [i, slot] of body.args.entries()) {
    const init = loop.operands[i + 2];
    const next = end?.operands[i - 1];
    if (i === 0 || init === undefined || constantOf(init) !== 0 || next === undefined || next.def !== body.ops[0])
      continue;
    const { name, operands } = next.def;
    const [one, self] = operands;
    if (name === 'sub' && one !== undefined && constantOf(one) === 1 && self === slot) return { slot, previous: next };
  }
  return null;
}
