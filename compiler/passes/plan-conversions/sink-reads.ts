import type { Structure } from '../../analysis/structure.js';
import { type Block, type Op, type Value, walk } from '../../ir/module.js';
import { bytesOf } from '../../ir/types.js';
import { registerCount } from '../../layout/layout.js';

/** A tile of more 32-bit registers a thread is read again in a loop rather than held over it. */
const HELD_REGISTERS = 8;

/**
 * Puts reads of a tile from shared memory in front of their users, and makes these use them instead of `value`. `read`
 * makes new ones, of which the last op gives the tile. A block gets one read, before the first op that needs it; loops get their own where the tile is large
 * (its buffer has one write, outside of the loop), and so do the branches of an `if` that are its only users.
 */
export function sinkReads(value: Value, block: Block, s: Structure, read: () => readonly Op[]): void {
  const users = new Set(s.users(value));
  const carriers = new Set([...users].flatMap((op) => [...s.path(op, block)]));
  place(block);

  function place(at: Block): void {
    const rereading = at.ops.filter((op) => op.name === 'for' && holdsUsers(op) && isLarge(value));
    for (const loop of rereading) for (const region of loop.regions) place(region);
    const holding = at.ops.filter((op) => users.has(op) || (carriers.has(op) && !rereading.includes(op)));
    const [first] = holding;
    if (first === undefined) return;
    if (holding.length === 1 && first.name === 'if' && !users.has(first)) {
      for (const region of first.regions) place(region);
      return;
    }
    const ops = read();
    const result = ops.at(-1)?.results[0];
    if (result !== undefined) for (const h of holding) replaceIn(h, value, result);
    at.ops.splice(at.ops.indexOf(first), 0, ...ops);
  }

  function holdsUsers(op: Op): boolean {
    return op.regions.some((r) => r.ops.some((inner) => carriers.has(inner)));
  }
}

function isLarge({ type, layout }: Value): boolean {
  return (
    layout !== undefined && type.kind === 'tile' && (registerCount(layout) * bytesOf(type.dtype)) / 4 > HELD_REGISTERS
  );
}

/** In an op and its regions. */
function replaceIn(op: Op, from: Value, to: Value): void {
  for (const o of [op, ...op.regions.flatMap((r) => [...walk(r)])])
    o.operands = o.operands.map((v) => (v === from ? to : v));
}
