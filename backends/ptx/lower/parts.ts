import { Bug } from '../../../compiler/diag/diagnostic.js';
import type { Op, Value } from '../../../compiler/ir/module.js';
import { constantOf } from '../../../compiler/ir/rewrite.js';
import { planDirect } from '../../../compiler/layout/convert.js';
import type { Layout } from '../../../compiler/layout/layout.js';
import { partLayout, partRegisters, partStaysInWarp } from '../../../compiler/layout/parts.js';
import { imm, type Operand } from '../isa/operand.js';
import { type BoxOrigin, elementAddresses, loadBox, takeElements } from './elements.js';
import { type Emitter, layoutOf, rankOf } from './emitter.js';
import { known, min32u } from './integers.js';
import { inLayout, published } from './published.js';
import { renamedTile } from './rename.js';
import { takenRegisters } from './take-registers.js';
import type { Tile } from './tile.js';

/** Parts of tiles and elements at any index, of what lies in registers: renamed where that is possible, else by memory. */

const shapeOf = (v: Value): readonly number[] => {
  if (v.type.kind !== 'tile') throw new Bug('a tile was expected');
  return v.type.shape;
};

export function emitSlice(e: Emitter, op: Op<'slice'>): void {
  const [x, result] = [op.operands[0] as Value, op.results[0] as Value];
  const tile = e.tile(x);
  const kept = slicedInPlace(e, op, tile) ?? slicedInMemory(e, op, tile);
  computeNow(kept);
  e.setTile(result, kept);
}

/** Whether a slice or take reads its tile in shared memory. */
export const readsPublished = (e: Emitter, op: Op<'slice'> | Op<'take'>): boolean =>
  op.name === 'take' || placeInTile(op as Op<'slice'>, e.tile(op.operands[0] as Value).layout) === null;

/** A layout in which the part lies where it is, and the register of the tile that each of its registers is. */
interface PlaceInTile {
  readonly layout: Layout;
  readonly source: readonly number[];
}

/** Where the elements of a part are in the thread that wants them, or lanes can send them there; null elsewhere. */
function placeInTile(op: Op<'slice'>, whole: Layout): PlaceInTile | null {
  const origin = op.operands.slice(1).map(constantOf);
  if (!origin.every((x) => x !== null)) return null;
  const wanted = layoutOf(op.results[0] as Value);
  for (const layout of [wanted, partLayout(whole, wanted.shape, origin)]) {
    const source = layout === null ? null : partRegisters(whole, origin, layout);
    if (layout !== null && source !== null && planDirect(layout, wanted) !== null) return { layout, source };
  }
  return null;
}

function slicedInPlace(e: Emitter, op: Op<'slice'>, tile: Tile): Tile | null {
  const place = placeInTile(op, tile.layout);
  return place && inLayout(e, renamedTile(e, tile, place.layout, place.source), layoutOf(op.results[0] as Value));
}

function slicedInMemory(e: Emitter, op: Op<'slice'>, tile: Tile): Tile {
  const layout = layoutOf(op.results[0] as Value);
  const inWarp = partStaysInWarp(tile.layout, op.operands.slice(1).map(constantOf), layout);
  return loadBox(e, published(e, tile, inWarp ? 'warp' : 'cta'), layout, sliceOrigin(e, op));
}

/** Tiles are planned as if these ops read their operands where they stand. */
function computeNow(tile: Tile): void {
  if (tile.packed) for (let i = 0; 2 * i < tile.registers; i++) tile.pair(i);
  else for (let r = 0; r < tile.registers; r++) tile.lane(r);
}

/** Where a slice begins, held inside the tile. */
function sliceOrigin(e: Emitter, op: Op<'slice'>): BoxOrigin {
  const [whole, part] = [shapeOf(op.operands[0] as Value), shapeOf(op.results[0] as Value)];
  const origins = op.operands.slice(1);
  const places = part.map((extent, axis) => {
    const origin = origins[axis] as Value;
    const most = (whole[axis] ?? 1) - extent;
    const constant = constantOf(origin);
    if (constant !== null) return { at: imm(constant), wraps: constant < 0 || constant > most };
    const ragged = (op.attrs.valid?.[axis] ?? extent) < extent;
    return ragged ? { at: e.scalar(origin), wraps: true } : { at: clamped(e, origin, most), wraps: false };
  });
  const last = origins.at(-1);
  return {
    at: places.map((p) => p.at),
    wraps: places.map((p) => p.wraps),
    multiple: last === undefined ? 1 : e.multiple(last),
  };
}

const clamped = (e: Emitter, origin: Value, most: number): Operand =>
  most === 0 ? imm(0) : min32u(e.b, e.scalar(origin), most);

export function emitTake(e: Emitter, op: Op<'take'>): void {
  const [x, ...indices] = op.operands as [Value, ...Value[]];
  const result = op.results[0] as Value;
  const tile = e.tile(x);
  if (rankOf(result) === 0) {
    const scalars = indices.map((v) => e.scalar(v));
    const layout: Layout = { shape: [], ins: {} };
    const at = elementAddresses(e, published(e, tile), (axis) => scalars[axis] as Operand);
    e.setScalar(result, takeElements(e, published(e, tile), layout, at).lane(0));
    return;
  }
  const layout = layoutOf(result);
  const index = (axis: number, r: number): Operand => e.tile(indices[axis] as Value).lane(r);
  const source = takenRegisters(tile.layout, layout, indices, (axis, r) => known(index(axis, r)));
  const made =
    source === null
      ? takeElements(e, published(e, tile), layout, elementAddresses(e, published(e, tile), index))
      : renamedTile(e, tile, layout, source);
  computeNow(made);
  e.setTile(result, made);
}
