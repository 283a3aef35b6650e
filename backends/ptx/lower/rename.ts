import type { Layout } from '../../../compiler/layout/layout.js';
import { imm, type Reg } from '../isa/operand.js';
import type { Emitter } from './emitter.js';
import { packPair } from './halves.js';
import { makeTile, type Tile } from './tile.js';

/**
 * A tile whose register r is register source[r] of another. Pairs that stay pairs are the same registers, so that an
 * accumulator becomes an operand for the price of packing it; the others are put together from the halves of two.
 */
export function renamedTile(e: Emitter, from: Tile, layout: Layout, source: readonly number[]): Tile {
  // A single register has no neighbour: its pair holds it twice.
  const at = (r: number): number => source[r] ?? source[0] ?? 0;
  const stays = (i: number): boolean => (at(2 * i) & 1) === 0 && at(2 * i + 1) === at(2 * i) + 1;
  const repaired = makeTile(e, from.dtype, layout, {
    pair: (i) => joined(e, from, at(2 * i), at(2 * i + 1)),
  });
  return {
    dtype: from.dtype,
    layout,
    registers: source.length,
    packed: from.packed,
    lane: (r) => from.lane(at(r)),
    pair: (i) => (stays(i) ? from.pair(at(2 * i) >> 1) : repaired.pair(i)),
    force: () => from.force(),
  };
}

/** Two registers of a tile in one, the first in the low half. */
function joined(e: Emitter, from: Tile, low: number, high: number): Reg {
  if (!from.packed) return packPair(e, from.lane(low), from.lane(high), from.dtype);
  const selector = ((low & 1) === 0 ? 0x10 : 0x32) | ((high & 1) === 0 ? 0x5400 : 0x7600);
  return e.b.op('prmt.b32', from.pair(low >> 1), from.pair(high >> 1), imm(selector));
}
