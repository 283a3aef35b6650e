import { type BufferType, bytesOf, type DType, is16Bit, sizeOf } from '../../../compiler/ir/types.js';
import { planDirect } from '../../../compiler/layout/convert.js';
import { equalLayouts, type Layout } from '../../../compiler/layout/layout.js';
import { layoutKey } from '../../../compiler/layout/shape.js';
import { imm } from '../isa/operand.js';
import { loadBox, wholeTile } from './elements.js';
import type { Emitter } from './emitter.js';
import { meetAll, meetInWarp } from './exchange.js';
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

/** Who reads: any thread of the block, or each warp only what it wrote itself. */
export type Reach = 'cta' | 'warp';

/** Shared memory that tiles take in turn, and the one that is there now. */
interface Stage {
  readonly offset: number;
  readonly bytes: number;
  holds: Tile;
}

/** A tile that can be read where it was published: in that scope, one with memory of its own in inner ones too. */
interface Known {
  readonly at: Published;
  readonly depth: number;
  readonly own: boolean;
  readonly stage: Stage | null;
  readonly reach: Reach;
}

/** By what shares one: tiles for all, and, for each layout, those of which every warp has bytes of its own. */
const stages = new WeakMap<Emitter, Map<string, Stage>>();
const known = new WeakMap<Tile, Known>();

const bytesFor = (tile: Tile): 2 | 4 => (bytesOf(tile.dtype) === 2 ? 2 : 4);
const sizeInBytes = (tile: Tile): number => sizeOf(tile.layout.shape) * bytesFor(tile);

/** Where the tile can be read: it is written, unless it still lies there since the last reader asked for it. */
export function published(e: Emitter, tile: Tile, wanted: Reach = 'cta'): Published {
  const before = known.get(tile);
  if (before !== undefined && isThere(e, tile, before, wanted)) return before.at;
  const bytes = sizeInBytes(tile);
  const all = stages.get(e) ?? new Map<string, Stage>();
  stages.set(e, all);
  const ownStage = `${bytesFor(tile)} ${layoutKey(tile.layout)}`;
  const fits = all.has(ownStage) || e.sharedBytes + bytes <= e.target.sharedBytesPerBlock;
  const reach = wanted === 'warp' && fits ? 'warp' : 'cta';
  const key = reach === 'warp' ? ownStage : 'all';
  const old = all.get(key);
  const stage = old !== undefined && old.bytes >= bytes ? old : { offset: e.scratch(bytes), bytes, holds: tile };
  all.set(key, stage);
  stage.holds = tile;
  // Where code may run again, an earlier trip has left readers.
  const at = write(e, tile, stage.offset, old !== undefined || e.inScope, reach);
  remember(e, tile, { at, depth: e.depth, own: false, stage, reach });
  return at;
}

const isThere = (e: Emitter, tile: Tile, { own, depth, stage, reach }: Known, wanted: Reach): boolean =>
  own || (depth === e.depth && stage?.holds === tile && (reach === 'cta' || wanted === 'warp'));

/**
 * Publishes a tile for readers in a loop that is about to begin, in memory of its own; where that does not fit, each trip
 * publishes it.
 */
export function publishOutside(e: Emitter, tile: Tile): void {
  const bytes = sizeInBytes(tile);
  if (known.get(tile)?.own === true || e.sharedBytes + bytes > e.target.sharedBytesPerBlock) return;
  const at = write(e, tile, e.scratch(bytes), e.inScope, 'cta');
  remember(e, tile, { at, depth: e.depth, own: true, stage: null, reach: 'cta' });
}

function remember(e: Emitter, tile: Tile, entry: Known): void {
  known.set(tile, entry);
  e.onLeave(() => known.delete(tile));
}

function write(e: Emitter, tile: Tile, offset: number, read: boolean, reach: Reach): Published {
  const { shape } = tile.layout;
  tile.force();
  const type: BufferType = { kind: 'buffer', dtype: tile.dtype === 'i1' ? 'i32' : tile.dtype, shape, slots: 1 };
  const meet = reach === 'warp' ? meetInWarp : meetAll;
  if (read) meet(e);
  writeTile(e, { type, swizzle: undefined, offset, slotBytes: sizeInBytes(tile) }, imm(0), inWords(e, tile));
  meet(e);
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
