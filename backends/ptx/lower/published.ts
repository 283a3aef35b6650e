import { type BufferType, bytesOf, type DType, is16Bit, sizeOf } from '../../../compiler/ir/types.js';
import { planDirect } from '../../../compiler/layout/convert.js';
import { equalLayouts, type Layout } from '../../../compiler/layout/layout.js';
import { imm } from '../isa/operand.js';
import { loadBox, wholeTile } from './elements.js';
import type { Emitter } from './emitter.js';
import { meetAll } from './exchange.js';
import { writeTile } from './shared.js';
import { asWord, convertedTile } from './shuffle.js';
import { makeTile, type Tile } from './tile.js';

/** A whole tile in shared memory, row-major, where every thread may read it. */
export interface Published {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly elementBytes: 2 | 4;
  /** Byte offset of element 0. */
  readonly offset: number;
}

/** Shared memory that tiles take in turn, and the one that is there now. */
interface Stage {
  offset: number;
  bytes: number;
  holds: Tile | null;
}

const stages = new WeakMap<Emitter, Stage>();
/** Tiles that can be read where they were published: in that scope, and those with memory of their own in inner ones too. */
const known = new WeakMap<Tile, { readonly at: Published; readonly depth: number; readonly own: boolean }>();

const bytesFor = (tile: Tile): 2 | 4 => (bytesOf(tile.dtype) === 2 ? 2 : 4);
const sizeInBytes = (tile: Tile): number => sizeOf(tile.layout.shape) * bytesFor(tile);

/** Where the tile can be read: it is written, unless it still lies there since the last reader asked for it. */
export function published(e: Emitter, tile: Tile): Published {
  const before = known.get(tile);
  if (before !== undefined && (before.own || (before.depth === e.depth && stages.get(e)?.holds === tile)))
    return before.at;
  const bytes = sizeInBytes(tile);
  let stage = stages.get(e);
  // Where code may run again, an earlier trip has left readers.
  const read = stage !== undefined || e.inScope;
  if (stage === undefined || stage.bytes < bytes) {
    stage = { offset: e.scratch(bytes), bytes, holds: null };
    stages.set(e, stage);
  }
  const at = write(e, tile, stage.offset, read);
  stage.holds = tile;
  remember(e, tile, at, false);
  return at;
}

/**
 * Publishes a tile for readers in a loop that is about to begin, in memory of its own; where that does not fit, each trip
 * publishes it.
 */
export function publishOutside(e: Emitter, tile: Tile): void {
  const bytes = sizeInBytes(tile);
  if (known.get(tile)?.own === true || e.sharedBytes + bytes > e.target.sharedBytesPerBlock) return;
  remember(e, tile, write(e, tile, e.scratch(bytes), e.inScope), true);
}

function remember(e: Emitter, tile: Tile, at: Published, own: boolean): void {
  known.set(tile, { at, depth: e.depth, own });
  e.onLeave(() => known.delete(tile));
}

function write(e: Emitter, tile: Tile, offset: number, read: boolean): Published {
  const { shape } = tile.layout;
  tile.force();
  const type: BufferType = { kind: 'buffer', dtype: tile.dtype === 'i1' ? 'i32' : tile.dtype, shape, slots: 1 };
  if (read) meetAll(e);
  writeTile(e, { type, swizzle: undefined, offset, slotBytes: sizeInBytes(tile) }, imm(0), inWords(e, tile));
  meetAll(e);
  return { dtype: tile.dtype, shape, elementBytes: bytesFor(tile), offset };
}

/** Masks lie in memory as words of 0 and 1. */
const inWords = (e: Emitter, tile: Tile): Tile =>
  tile.dtype === 'i1' ? makeTile(e, 'i32', tile.layout, { lane: (r) => asWord(e, tile.lane(r)) }) : tile;

/** The same tile in another layout, by the cheapest way that there is. */
export function inLayout(e: Emitter, tile: Tile, layout: Layout): Tile {
  if (equalLayouts(tile.layout, layout)) return tile;
  if (planDirect(tile.layout, layout, { elementBytes: is16Bit(tile.dtype) ? 2 : 4 }) !== null)
    return convertedTile(e, tile, layout);
  return loadBox(e, published(e, tile), layout, wholeTile(layout.shape.length));
}
