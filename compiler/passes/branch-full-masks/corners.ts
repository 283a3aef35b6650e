/**
 * Tiles of i32 by their corner, the lane at index 0: lane x is corner + sum of coefs[axis] * x[axis] modulo 2^32. That
 * holds of every sum and multiple of such tiles, whatever wraps on the way, because i32 arithmetic is a ring.
 */
import { forward, renamesLanes, shapeOf } from '../../analysis/shape-maps.js';
import type { Op, Value } from '../../ir/module.js';
import { constantOf } from '../../ir/rewrite.js';

/** constant + the sum of factor * scalar, modulo 2^32. */
export interface Corner {
  readonly constant: number;
  readonly terms: ReadonlyMap<Value, number>;
}

export interface CorneredTile {
  readonly coefs: readonly number[];
  readonly corner: Corner;
}

export class Corners {
  readonly #known = new Map<Value, CorneredTile | null>();

  /** Null: no tile of i32, or made by something else than indices, scalars, their sums and their multiples. */
  of(v: Value): CorneredTile | null {
    let tile = this.#known.get(v);
    if (tile === undefined) {
      tile = v.type.kind === 'tile' && v.type.dtype === 'i32' ? this.#make(v) : null;
      this.#known.set(v, tile);
    }
    return tile;
  }

  #make(v: Value): CorneredTile | null {
    const rank = shapeOf(v).length;
    const value = constantOf(v);
    if (value !== null) return { coefs: Array<number>(rank).fill(0), corner: constantCorner(value) };
    const made = v.def.kind === 'op' && (rank > 0 || addsConstant(v.def)) ? this.#result(v.def) : null;
    if (made !== null || rank > 0) return made;
    return { coefs: [], corner: { constant: 0, terms: new Map([[v, 1]]) } };
  }

  #result(op: Op): CorneredTile | null {
    if (op.name === 'iota') return { coefs: [1], corner: constantCorner(0) };
    const [a, b] = op.operands.map((v) => this.of(v));
    if (renamesLanes(op)) {
      const coefs = a ? forward(op, a.coefs) : null;
      return a && coefs ? { coefs, corner: a.corner } : null;
    }
    if (op.name === 'neg') return a ? scaled(a, -1) : null;
    if (!a || !b) return null;
    if (op.name === 'add') return sum(a, b, 1);
    if (op.name === 'sub') return sum(a, b, -1);
    return op.name === 'mul' ? product(a, b) : null;
  }
}

/** Other arithmetic of scalars is there already, and is not done again. */
const addsConstant = (op: Op): boolean =>
  (op.name === 'add' || op.name === 'sub') && op.operands.some((v) => constantOf(v) !== null);

const constantCorner = (n: number): Corner => ({ constant: n | 0, terms: new Map() });

const sum = (a: CorneredTile, b: CorneredTile, factor: 1 | -1): CorneredTile => ({
  coefs: a.coefs.map((c, i) => c + factor * (b.coefs[i] ?? 0)),
  corner: sumOf(a.corner, b.corner, factor),
});

const scaled = (a: CorneredTile, factor: number): CorneredTile => ({
  coefs: a.coefs.map((c) => c * factor),
  corner: sumOf(constantCorner(0), a.corner, factor),
});

/** a + factor * b. */
function sumOf(a: Corner, b: Corner, factor: number): Corner {
  const terms = new Map(a.terms);
  for (const [v, n] of b.terms) {
    const total = ((terms.get(v) ?? 0) + Math.imul(n, factor)) | 0;
    if (total === 0) terms.delete(v);
    else terms.set(v, total);
  }
  return { constant: (a.constant + Math.imul(b.constant, factor)) | 0, terms };
}

function product(a: CorneredTile, b: CorneredTile): CorneredTile | null {
  const [m, n] = [uniformNumber(a), uniformNumber(b)];
  return n !== null ? scaled(a, n) : m !== null ? scaled(b, m) : null;
}

const uniformNumber = (a: CorneredTile): number | null =>
  a.corner.terms.size === 0 && a.coefs.every((c) => c === 0) ? a.corner.constant : null;

/** Whether a - b is the same in every launch. */
export const isFixedDistance = (a: Corner, b: Corner): boolean => sumOf(a, b, -1).terms.size === 0;
