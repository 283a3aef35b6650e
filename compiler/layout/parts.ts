import { axisField, axisIndex, coordinates, flatten } from './axes.js';
import { combine, rank, solver, spanContains } from './gf2.js';
import { basesOf, type Layout, log2, makeLayout, registerCount } from './layout.js';

/**
 * The layout in which a part of a tile lies where it is: the registers that hold it, renamed. Null where the part is not
 * one setting of register bits: its origin is unknown or no multiple of its extents, or bits that choose the part are
 * those of lanes or warps, or mixed with others.
 */
export function partLayout(l: Layout, part: readonly number[], origin: readonly (number | null)[]): Layout | null {
  const aligned = part.every((e, axis) => origin[axis] !== null && (origin[axis] as number) % e === 0);
  if (!aligned) return null;
  const chosen = bitsOutside(l.shape, part);
  const isChoice = (basis: number): boolean => (basis & chosen) !== 0;
  const { register = [], ...threads } = l.ins;
  if (Object.values(threads).some((bases) => bases.some(isChoice))) return null;
  const choices = register.filter(isChoice);
  if (choices.some((b) => (b & (b - 1)) !== 0) || new Set(choices).size !== choices.length) return null;
  const inPart = (basis: number): number => indexInPart(l.shape, part, basis);
  const ins = Object.fromEntries(Object.entries(threads).map(([dim, bases]) => [dim, bases.map(inPart)]));
  return makeLayout(part, { ...ins, register: register.filter((b) => !isChoice(b)).map(inPart) });
}

/** Bits of the tile index in which a part of these extents, at an aligned origin, is one value. */
function bitsOutside(shape: readonly number[], part: readonly number[]): number {
  let bits = 0;
  for (const [axis, e] of part.entries()) {
    const { extent, shift } = axisField(shape, axis);
    bits |= (extent - 1 - (e - 1)) << shift;
  }
  return bits;
}

/** Index in the part of an element that lies in the part at the origin. */
export function indexInPart(shape: readonly number[], part: readonly number[], index: number): number {
  return part.reduce((at, e, axis) => (at << log2(e)) | ((index >>> axisField(shape, axis).shift) & (e - 1)), 0);
}

/**
 * For each register of `to`, a layout of the part at the origin, the register of the same thread of `l` that has its
 * element; null where another thread may have it. The origin is taken modulo the extents of the tile.
 */
export function partRegisters(l: Layout, origin: readonly number[], to: Layout): number[] | null {
  const inWhole = (index: number): number => flatten(l.shape, coordinates(to.shape, index));
  const stays = (['lane', 'warp'] as const).every((dim) =>
    (to.ins[dim] ?? []).every(
      (basis, bit) =>
        l.ins[dim]?.[bit] === inWhole(basis) &&
        to.shape.every((e, axis) => (origin[axis] ?? 0) % e === 0 || axisIndex(to.shape, axis, basis) === 0),
    ),
  );
  if (!stays) return null;
  const find = solver(l.ins.register ?? []);
  const sources: number[] = [];
  for (let r = 0; r < registerCount(to); r++) {
    const at = coordinates(to.shape, combine(to.ins.register ?? [], r));
    const wrapped = at.map((x, axis) => (x + (origin[axis] ?? 0)) & ((l.shape[axis] ?? 1) - 1));
    const source = find(flatten(l.shape, wrapped));
    if (source === null) return null;
    sources.push(source);
  }
  return sources;
}

/**
 * Whether each warp finds its elements of a part, laid out as `to`, among those that it has of the tile and no other warp
 * has. Along axes of which every warp has all positions the origin may be unknown (null), or no multiple of the extent.
 */
export function partStaysInWarp(l: Layout, origin: readonly (number | null)[], to: Layout): boolean {
  const { warp = [] } = l.ins;
  const own = basesOf(l, ['register', 'lane']);
  if (rank([...own, ...warp]) !== rank(own) + warp.length) return false;
  const isWhole = l.shape.map((extent, axis) => {
    const { shift } = axisField(l.shape, axis);
    return spanContains(
      own,
      Array.from({ length: log2(extent) }, (_, bit) => 2 ** (shift + bit)),
    );
  });
  const isPlaced = (x: number | null, axis: number): boolean => {
    const [extent = 1, part = 1] = [l.shape[axis], to.shape[axis]];
    return isWhole[axis] === true || (x !== null && x % part === 0 && x >= 0 && x < extent);
  };
  if (!origin.every(isPlaced)) return false;
  const inWhole = (index: number): number => flatten(l.shape, coordinates(to.shape, index));
  const start = flatten(
    l.shape,
    origin.map((x, axis) => (isWhole[axis] ? 0 : (x ?? 0))),
  );
  const moves = (to.ins.warp ?? []).map((basis, bit) => inWhole(basis) ^ (warp[bit] ?? 0));
  return spanContains(own, [start, ...moves, ...basesOf(to, ['register', 'lane']).map(inWhole)]);
}
