/**
 * Sets of tile indices as unions of half-spaces: what is known of masks that compare indices. A half-space is every
 * index x of a tile with sum of coefs[axis] * x[axis] + constant < 0; all numbers are integers.
 */
import { gcd } from './linear.js';

export interface HalfSpace {
  readonly coefs: readonly number[];
  readonly constant: number;
}

/** A union. In normal form for a shape: no half-space is empty, none lies in another that is parallel to it. */
export type Region = readonly HalfSpace[];

export const NOWHERE: Region = [];
export const everywhere = (rank: number): Region => [{ coefs: Array<number>(rank).fill(0), constant: -1 }];

/** Indices at or past `limit` on one axis. */
export const pastLimit = (rank: number, axis: number, limit: number): HalfSpace => ({
  coefs: Array.from({ length: rank }, (_, i) => (i === axis ? -1 : 0)),
  constant: limit - 1,
});

const isAll = (h: HalfSpace): boolean => h.constant < 0 && h.coefs.every((c) => c === 0);
const parallel = (a: HalfSpace, b: HalfSpace): boolean => a.coefs.every((c, i) => c === b.coefs[i]);

export const union = (a: Region, b: Region): Region => keepLargest([...a, ...b]);

/** What two regions surely share: a half-space with all, and with those parallel to it; other corners are left out. */
export function intersection(a: Region, b: Region): Region {
  const shared = a.flatMap((x) =>
    b.flatMap((y) => {
      if (isAll(y)) return [x];
      if (isAll(x)) return [y];
      return parallel(x, y) ? [x.constant > y.constant ? x : y] : [];
    }),
  );
  return keepLargest(shared);
}

/** Of parallel half-spaces the one that holds the others; all, where there is all. */
function keepLargest(region: Region): Region {
  const all = region.find(isAll);
  if (all !== undefined) return [all];
  const kept: HalfSpace[] = [];
  for (const h of region) {
    const at = kept.findIndex((k) => parallel(k, h));
    if (at < 0) kept.push(h);
    else if (h.constant < (kept[at] as HalfSpace).constant) kept[at] = h;
  }
  return kept;
}

/** The same set among the indices of a tile, in normal form: axes of extent 1 without coefficient, coefficients coprime. */
export function withinShape(region: Region, shape: readonly number[]): Region {
  return keepLargest(
    region.flatMap((h) => {
      const coefs = h.coefs.map((c, i) => (shape[i] === 1 ? 0 : c));
      const [least, most] = bounds({ coefs, constant: h.constant }, shape);
      if (least >= 0) return [];
      if (most < 0) return everywhere(shape.length);
      // g x + c < 0 holds for the integers x with x + floor(c / g) < 0.
      const g = coefs.reduce(gcd, 0);
      return [{ coefs: coefs.map((c) => c / g + 0), constant: Math.floor(h.constant / g) }];
    }),
  );
}

/** Least and greatest value of a form over the indices of a tile. */
export function bounds(h: HalfSpace, shape: readonly number[]): [number, number] {
  const ends = h.coefs.map((c, i) => c * ((shape[i] ?? 1) - 1));
  return [
    ends.reduce((sum, e) => sum + Math.min(0, e), h.constant),
    ends.reduce((sum, e) => sum + Math.max(0, e), h.constant),
  ];
}
