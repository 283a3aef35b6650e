import { Bug } from '../diag/diagnostic.js';
import { axisField, coordinates, flatten } from './axes.js';
import { combine, inverse, spanContains } from './gf2.js';
import type { InDim, Ins, Layout } from './layout.js';
import { basesOf, dimsOf, IN_DIMS, log2, makeLayout, mapBases, tileBits } from './layout.js';

/**
 * The map `outer` after the layout: hardware bits to, say, byte offsets in workgroup memory. `outer[i]` is the image of
 * bit i of the tile index, `outBits` the number of bits of the result, which is one flat axis.
 */
export function compose(outer: readonly number[], l: Layout, outBits: number): Layout {
  if (outer.length !== tileBits(l.shape))
    throw new Bug(`layout: ${outer.length} bases for a tile of ${l.shape.join('x')}`);
  return mapBases(l, [2 ** outBits], (b) => combine(outer, b));
}

/** Image of each bit of the tile index under the inverse of a layout that is a bijection from its `offset` bits. */
export function offsetsOf(l: Layout): readonly number[] {
  const bases = basesOf(l, ['offset']);
  const out = bases.length === tileBits(l.shape) ? inverse(bases) : null;
  if (out === null) throw new Bug('layout: offsets do not map one to one to elements');
  return out;
}

/**
 * `inner` repeated by `outer`: extents multiply axis by axis, inner positions in the low bits of each axis; outer's
 * bases follow inner's in each input dim. Instruction tile x repetition x warps is a product.
 */
export function product(inner: Layout, outer: Layout): Layout {
  if (inner.shape.length !== outer.shape.length) throw new Bug('layout: product of different ranks');
  const shape = inner.shape.map((e, i) => e * axisField(outer.shape, i).extent);
  const low = mapBases(inner, shape, (b) => flatten(shape, coordinates(inner.shape, b)));
  const high = mapBases(outer, shape, (b) =>
    flatten(
      shape,
      coordinates(outer.shape, b).map((x, i) => x * axisField(inner.shape, i).extent),
    ),
  );
  const ins: { [D in InDim]?: readonly number[] } = {};
  for (const d of IN_DIMS)
    if (low.ins[d] !== undefined || high.ins[d] !== undefined) ins[d] = [...(low.ins[d] ?? []), ...(high.ins[d] ?? [])];
  return makeLayout(shape, ins);
}

/** One bit of a hardware index and the image that an instruction demands of it. */
export interface InBit {
  readonly dim: InDim;
  readonly bit: number;
  readonly image: number;
}

/**
 * L divided by an instruction's tile. It divides iff L maps the listed bits to the images demanded and no other basis
 * touches the output bits in `field` (default: those of the images). The quotient has the other bases, in order, with
 * the outputs where they were; null where it does not divide. This one test decides vector width, ldmatrix, stmatrix.
 */
export function divideLeft(l: Layout, tile: readonly InBit[], field?: number): Layout | null {
  const reserved = field ?? tile.reduce((m, t) => m | t.image, 0);
  const ins: { [D in InDim]?: readonly number[] } = {};
  for (const d of dimsOf(l)) {
    const taken = new Map<number, number>();
    for (const t of tile) if (t.dim === d) taken.set(t.bit, t.image);
    const bases = l.ins[d] ?? [];
    const rest: number[] = [];
    for (let i = 0; i < bases.length; i++) {
      const basis = bases[i] as number;
      const image = taken.get(i);
      if (image === undefined ? (basis & reserved) !== 0 : image !== basis) return null;
      if (image === undefined) rest.push(basis);
    }
    ins[d] = rest;
  }
  return tile.every((t) => t.bit < (l.ins[t.dim]?.length ?? 0)) ? makeLayout(l.shape, ins) : null;
}

/** Only the listed input dims. */
export function sublayout(l: Layout, dims: readonly InDim[]): Layout {
  const ins: { [D in InDim]?: readonly number[] } = {};
  for (const d of dims) {
    const bases = l.ins[d];
    if (bases !== undefined) ins[d] = bases;
  }
  return makeLayout(l.shape, ins);
}

/** a and b map the same hardware bits, and their bases differ only by vectors of the span of `modulo`. */
export function equalModulo(a: Layout, b: Layout, modulo: readonly number[]): boolean {
  const differences: number[] = [];
  for (const d of IN_DIMS) {
    const [x, y] = [a.ins[d] ?? [], b.ins[d] ?? []];
    if (x.length !== y.length) return false;
    x.forEach((v, i) => {
      differences.push(v ^ (y[i] ?? 0));
    });
  }
  return spanContains(modulo, differences);
}

/** Groups of registers that lie side by side in memory. */
export interface Run {
  /** Elements of one group; a power of two. */
  readonly width: number;
  /** Register bits inside a group; bit i of the position in the group comes from register bit bits[i]. */
  readonly bits: readonly number[];
}

/**
 * Longest aligned runs along `axis`, up to `most` elements: register bits whose images are the lowest bits of the axis,
 * which no other basis touches. Elements of a run are neighbours wherever the stride of the axis is 1.
 */
export function registerRun(l: Layout, axis: number, most: number): Run {
  const { extent, shift } = axisField(l.shape, axis);
  const register = l.ins.register ?? [];
  const bits: number[] = [];
  const tile: InBit[] = [];
  for (let i = 0; i < log2(Math.min(most, extent)); i++) {
    const image = 2 ** (shift + i);
    const bit = register.indexOf(image);
    if (bit < 0) break;
    tile.push({ dim: 'register', bit, image });
    if (divideLeft(l, tile) === null) break;
    bits.push(bit);
  }
  return { width: 2 ** bits.length, bits };
}

/** 32 lanes and warps of a layout over invocations, and back. */
export function splitThreads(l: Layout): Layout {
  const { invocation = [], ...rest } = l.ins;
  const lane = Array.from({ length: 5 }, (_, i) => invocation[i] ?? 0);
  return makeLayout(l.shape, { ...rest, lane, warp: invocation.slice(5) });
}

export function joinThreads(l: Layout): Layout {
  const { lane = [], warp = [], ...rest } = l.ins;
  if (warp.length > 0 && lane.length !== 5) throw new Bug(`layout: ${lane.length} lane bits`);
  return makeLayout(l.shape, { ...rest, invocation: [...lane, ...warp] } satisfies Ins);
}
