/**
 * What masks of indices tell about lanes: where a mask is surely true or false, where a tile is surely zero, where the
 * lanes of a tile are surely never used. All facts are about single lanes, so that they pass through elementwise ops
 * and ops that rename lanes, and stop at products, folds, memory and control flow.
 */
import { type Kernel, type Op, type Value, walk } from '../ir/module.js';
import { constantOf } from '../ir/rewrite.js';
import { isElementwise, opRow } from '../ops/table.js';
import { AffineTiles, difference } from './affine-tiles.js';
import {
  everywhere,
  type HalfSpace,
  intersection,
  NOWHERE,
  pastLimit,
  type Region,
  union,
  withinShape,
} from './half-spaces.js';
import type { LaunchFacts } from './ranges.js';
import { backwardRegion, forwardRegion, renamesLanes, shapeOf } from './shape-maps.js';

interface MaskFact {
  readonly yes: Region;
  readonly no: Region;
}

/**
 * Where a tile is 0 (of either sign), and where that 0 annihilates in products: the constant of a select and padding
 * lanes do, whatever the other factor is; any other zero times NaN or an infinity is NaN.
 */
interface ZeroFact {
  readonly zero: Region;
  readonly absorbing: Region;
}

const UNKNOWN_MASK: MaskFact = { yes: NOWHERE, no: NOWHERE };
const NO_ZEROS: ZeroFact = { zero: NOWHERE, absorbing: NOWHERE };

export class LaneFacts {
  readonly #affine: AffineTiles;
  readonly #masks = new Map<Value, MaskFact>();
  readonly #zeros = new Map<Value, ZeroFact>();
  readonly #unused = new Map<Value, Region>();
  readonly #uses = new Map<Value, { op: Op; index: number }[]>();

  constructor(kernel: Kernel, facts: LaunchFacts) {
    this.#affine = new AffineTiles(kernel, facts);
    for (const op of walk(kernel.body))
      for (const [index, v] of op.operands.entries()) {
        const list = this.#uses.get(v);
        if (list === undefined) this.#uses.set(v, [{ op, index }]);
        else list.push({ op, index });
      }
  }

  /** Lanes of a mask whose value is known. */
  mask(v: Value): MaskFact {
    return memo(this.#masks, v, () => (v.def.kind === 'op' ? this.#maskOf(v.def) : UNKNOWN_MASK));
  }

  #maskOf(op: Op): MaskFact {
    const [a, b] = op.operands;
    if (a === undefined) return op.name === 'const' ? constantMask(op) : UNKNOWN_MASK;
    if (op.name === 'not') return { yes: this.mask(a).no, no: this.mask(a).yes };
    if (renamesLanes(op)) {
      const { yes, no } = this.mask(a);
      return { yes: forwardRegion(op, yes), no: forwardRegion(op, no) };
    }
    if (b === undefined) return UNKNOWN_MASK;
    if (op.name === 'cmp') return this.#comparison(op as Op<'cmp'>, a, b);
    const [m, n] = [this.mask(a), this.mask(b)];
    if (op.name === 'and') return { yes: intersection(m.yes, n.yes), no: union(m.no, n.no) };
    if (op.name === 'or') return { yes: union(m.yes, n.yes), no: intersection(m.no, n.no) };
    return UNKNOWN_MASK;
  }

  #comparison(op: Op<'cmp'>, a: Value, b: Value): MaskFact {
    const [fa, fb] = [this.#affine.of(a), this.#affine.of(b)];
    const d = fa && fb ? difference(fa, fb) : null;
    if (d === null) return UNKNOWN_MASK;
    const shape = shapeOf(a);
    const region = (...parts: readonly HalfSpace[]): Region => withinShape(parts, shape);
    // a < b is d < 0; a <= b is d - 1 < 0; a > b is -d < 0; a >= b is -d - 1 < 0.
    const flipped = { coefs: d.coefs.map((c) => -c), constant: -d.constant };
    const [lt, gt] = [region(d), region(flipped)];
    const le = region({ ...d, constant: d.constant - 1 });
    const ge = region({ ...flipped, constant: flipped.constant - 1 });
    switch (op.attrs.pred) {
      case 'lt':
        return { yes: lt, no: ge };
      case 'le':
        return { yes: le, no: gt };
      case 'gt':
        return { yes: gt, no: le };
      case 'ge':
        return { yes: ge, no: lt };
      case 'eq':
        return { yes: intersection(le, ge), no: union(lt, gt) };
      default:
        return { yes: union(lt, gt), no: intersection(le, ge) };
    }
  }

  /** Lanes of a tile that are surely zero. */
  zeros(v: Value): ZeroFact {
    return memo(this.#zeros, v, () => (v.def.kind === 'op' ? this.#zerosOf(v.def) : NO_ZEROS));
  }

  #zerosOf(op: Op): ZeroFact {
    const [a] = op.operands;
    if (op.name === 'const') return constantZeros(op);
    if (op.name === 'load') return this.#loaded(op as Op<'load'>);
    if (op.name === 'select') return this.#selected(op);
    if (op.name === 'cast' && a?.type.dtype === 'i1') return { ...NO_ZEROS, zero: this.mask(a).no };
    if (renamesLanes(op) && a !== undefined) {
      const { zero, absorbing } = this.zeros(a);
      return { zero: forwardRegion(op, zero), absorbing: forwardRegion(op, absorbing) };
    }
    return isElementwise(op.name) && op.name !== 'cmp' ? this.#computed(op) : NO_ZEROS;
  }

  /** Padding lanes hold `pad` and count for nothing; so do masked lanes, but for the program they hold a number. */
  #loaded(op: Op<'load'>): ZeroFact {
    if (op.attrs.pad !== 0) return NO_ZEROS;
    const absorbing = dropped(op);
    const mask = op.attrs.masked === true ? op.operands.at(-1) : undefined;
    return { absorbing, zero: mask === undefined ? absorbing : union(absorbing, this.mask(mask).no) };
  }

  /** select(m, a, b) is the arm that m picks; where both are zero, m does not matter. */
  #selected(op: Op): ZeroFact {
    const [m, a, b] = op.operands;
    if (m === undefined || a === undefined || b === undefined) return NO_ZEROS;
    const [fa, fb, { yes, no }] = [this.zeros(a), this.zeros(b), this.mask(m)];
    const [za, zb] = [constantOf(a) === 0, constantOf(b) === 0];
    const both = (x: Region, y: Region): Region =>
      union(intersection(x, y), union(intersection(yes, x), intersection(no, y)));
    const all = everywhere(shapeOf(a).length);
    return {
      zero: both(fa.zero, fb.zero),
      absorbing: both(za ? all : fa.absorbing, zb ? all : fb.absorbing),
    };
  }

  /**
   * f of zeros and constants that gives zero gives it wherever its operands are zero; a product is zero wherever a
   * factor is that annihilates. f(-0) is then zero too, for every f but bitcast.
   */
  #computed(op: Op): ZeroFact {
    const facts = op.operands.map((v) => this.zeros(v));
    const rank = shapeOf(op.results[0]).length;
    const constants = op.operands.map(constantOf);
    const inputs = constants.map((c) => c ?? 0);
    const meet = (part: (f: ZeroFact) => Region): Region =>
      facts.map((f, i) => (constants[i] === null ? part(f) : everywhere(rank))).reduce(intersection);
    const kept: ZeroFact = isZeroAt(op, inputs)
      ? { zero: meet((f) => f.zero), absorbing: meet((f) => f.absorbing) }
      : NO_ZEROS;
    const varies = constants.includes(null);
    if (!varies) return NO_ZEROS;
    if (op.name !== 'mul') return kept;
    const absorbing = facts.map((f) => f.absorbing).reduce(union);
    return { zero: union(kept.zero, absorbing), absorbing };
  }

  /** Lanes of a tile that no store, fold, product or condition ever depends on. */
  unused(v: Value): Region {
    const rank = shapeOf(v).length;
    return memo(this.#unused, v, () =>
      (this.#uses.get(v) ?? [])
        .map(({ op, index }) => this.#unusedBy(op, index))
        .reduce(intersection, everywhere(rank)),
    );
  }

  #unusedBy(op: Op, index: number): Region {
    if (op.name === 'store') return index === 1 ? this.#unstored(op as Op<'store'>) : NOWHERE;
    const [result] = op.results;
    if (result === undefined) return NOWHERE;
    if (op.name === 'dot') return index === 2 ? this.unused(result) : NOWHERE;
    if (renamesLanes(op)) return backwardRegion(op, this.unused(result));
    if (!isElementwise(op.name)) return NOWHERE;
    const [mask] = op.operands;
    if (op.name !== 'select' || index === 0 || mask === undefined) return this.unused(result);
    const { yes, no } = this.mask(mask);
    return union(index === 1 ? no : yes, this.unused(result));
  }

  #unstored(op: Op<'store'>): Region {
    const mask = op.attrs.masked === true ? op.operands.at(-1) : undefined;
    return mask === undefined ? dropped(op) : union(dropped(op), this.mask(mask).no);
  }
}

function memo<F>(table: Map<Value, F>, v: Value, make: () => F): F {
  let fact = table.get(v);
  if (fact === undefined) {
    fact = make();
    table.set(v, fact);
  }
  return fact;
}

const rankOf = (op: Op): number => shapeOf(op.results[0]).length;

const constantMask = (op: Op): MaskFact =>
  (op as Op<'const'>).attrs.value === 0
    ? { yes: NOWHERE, no: everywhere(rankOf(op)) }
    : { yes: everywhere(rankOf(op)), no: NOWHERE };

const constantZeros = (op: Op): ZeroFact =>
  (op as Op<'const'>).attrs.value === 0 ? { ...NO_ZEROS, zero: everywhere(rankOf(op)) } : NO_ZEROS;

/** Lanes of an access at positions >= `valid`. */
function dropped(op: Op<'load'> | Op<'store'>): Region {
  const shape = shapeOf(op.name === 'load' ? op.results[0] : op.operands[1]);
  const parts = (op.attrs.valid ?? []).map((limit, axis) => pastLimit(shape.length, axis, limit));
  return withinShape(parts, shape);
}

function isZeroAt(op: Op, inputs: readonly number[]): boolean {
  const { evaluate } = opRow(op.name);
  const from = op.operands[0]?.type.dtype;
  if (evaluate === undefined || from === undefined || ['idiv', 'rem', 'bitcast'].includes(op.name)) return false;
  return evaluate(inputs, from, op.attrs as Parameters<typeof evaluate>[2]) === 0;
}
