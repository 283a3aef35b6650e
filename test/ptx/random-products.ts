import fc from 'fast-check';
import type { Builder } from '../../compiler/ir/builder.js';
import type { Kernel, Value } from '../../compiler/ir/module.js';
import { type DType, sameShape, sameType, type TileType } from '../../compiler/ir/types.js';
import { makeKernel, region, tile } from '../interp/make.js';

/**
 * Random kernels around tensor cores: a loop over blocks of a sequence loads tiles, multiplies them in any order and
 * orientation, masks, scales, folds and narrows what comes out, multiplies that again, and carries tiles from trip to
 * trip. All on small whole numbers, so that every dtype is exact.
 */
export interface Step {
  readonly kind: number;
  readonly a: number;
  readonly b: number;
  readonly c: number;
}

export interface ProductsSpec {
  readonly dtype: DType;
  /** Tokens of a block, columns of q and k, columns of v. */
  readonly C: number;
  readonly D: number;
  readonly E: number;
  /** Of the body of the loop. */
  readonly steps: readonly Step[];
  /** Tokens by which k is ahead of the others: its blocks may begin anywhere. */
  readonly ahead: number;
  /** Of each tile that is carried, what picks its shape and its value at the end of a trip. */
  readonly carried: readonly Step[];
  /** Store in every trip; what is carried is stored at the end in any case. */
  readonly stores: readonly Step[];
  /** A loop that tests its condition, in place of one that counts. */
  readonly tests: boolean;
}

const EXTENTS = [16, 8, 32, 24, 64, 1, 5];
const nat = fc.nat({ max: 99 });
const step = fc.record({ kind: nat, a: nat, b: nat, c: nat });
const extent = fc.constantFrom(...EXTENTS);

export const productsSpecs: fc.Arbitrary<ProductsSpec> = fc.record({
  dtype: fc.constantFrom<DType[]>('bf16', 'f16', 'f32'),
  C: extent,
  D: extent,
  E: extent,
  steps: fc.array(step, { minLength: 2, maxLength: 12, size: 'max' }),
  ahead: fc.constantFrom(0, 0, 1, 8),
  carried: fc.array(step, { maxLength: 2 }),
  stores: fc.array(step, { minLength: 1, maxLength: 2 }),
  tests: fc.constantFrom(false, false, true),
});

/** Beyond this nothing is multiplied: sums of 64 products of two such numbers, over many trips, are exact in f32. */
const SMALL = 16;

/** The kernel of a specification: q, k [H, N, D], v [H, N, E]; one output for each store and carried tile. */
export function productsKernel(spec: ProductsSpec): Kernel {
  const io = (last: string) => ['in', spec.dtype, 'H', 'N', last] as const;
  const shapes = spec.carried.map((s) => shapeOf(spec, s));
  const outputs = Object.fromEntries([
    ...spec.stores.map((s, i) => [`o${i}`, ['out', storedType(spec, s), 'H', `R${i}`, `W${i}`] as const]),
    ...spec.carried.map((_, i) => [`s${i}`, ['out', 'f32', 'H', `A${i}`, `B${i}`] as const]),
  ]);
  return makeKernel({ q: io('D'), k: io('D'), v: io('E'), ...outputs }, ['h'], (b, args) => {
    const h = b.value('program_id', [], { axis: 'h' });
    const head = (name: string): Value => b.value('view_at', [args[name] as Value, h], { keep: [false, true, true] });
    const zero = b.constant(0, 'i32');
    const inits = shapes.map((shape) => b.value('const', [], { value: 0 }, tile('f32', ...shape)));
    const [Q, K, V] = [head('q'), head('k'), head('v')];
    const ahead = b.constant(spec.ahead, 'i32');
    const outs = spec.stores.map((_, i) => head(`o${i}`));
    const ends = spec.carried.map((_, i) => head(`s${i}`));
    const [end, block] = [b.value('dim', [], { name: 'N' }), b.constant(spec.C, 'i32')];
    const types = [tile('i32'), ...shapes.map((s) => tile('f32', ...s))];
    const trip = (r: Builder, n: Value, carried: readonly Value[]): readonly Value[] => {
      const load = (view: Value, at: Value, width: number): Value =>
        r.value('load', [view, at, zero], { pad: 0 }, tile(spec.dtype, spec.C, width));
      const later = r.value('add', [n, ahead], {});
      const loads = [load(Q, n, spec.D), load(K, later, spec.D), load(V, n, spec.E)];
      const grower = new Grower(r, [...loads, ...carried], r.value('idiv', [n, block], {}));
      for (const s of spec.steps) grower.step(s);
      spec.stores.forEach((s, i) => {
        r.op('store', [outs[i] as Value, grower.stored(s, spec.C, storedType(spec, s)), n, zero], {});
      });
      return carried.map((v, i) => grower.next(v, spec.carried[i] as Step));
    };
    const loop = (): readonly Value[] => {
      if (!spec.tests) {
        const body = region(types, (r, [n, ...carried]) => trip(r, n as Value, carried));
        return b.op('for', [zero, end, block, ...inits], {}, undefined, [body]).results;
      }
      const condition = region(types, (r, [n]) => [r.value('cmp', [n as Value, end], { pred: 'lt' })]);
      const body = region(types, (r, [n, ...carried]) => {
        const next = trip(r, n as Value, carried);
        return [r.value('add', [n as Value, block], {}), ...next];
      });
      return b.op('while', [zero, ...inits], {}, undefined, [condition, body]).results.slice(1);
    };
    loop().forEach((v, i) => {
      b.op('store', [ends[i] as Value, v, zero, zero], {});
    });
  });
}

const storedType = ({ dtype }: ProductsSpec, { b }: Step): DType => (b % 2 === 0 ? dtype : 'f32');

/** Of what shape a tile is carried. */
function shapeOf({ C, D, E }: ProductsSpec, { a, b }: Step): readonly [number, number] {
  const at = (i: number): number => [C, D, E][i % 3] ?? C;
  return [at(a), at(b)];
}

const typeOf = (v: Value): TileType => v.type as TileType;
const extentOf = (v: Value, axis: number): number => typeOf(v).shape[axis] ?? 1;

class Grower {
  readonly #b: Builder;
  readonly #pool: Value[];
  readonly #dtype: DType;
  readonly #trip: Value;

  /** @param trip a number that grows from trip to trip. */
  constructor(b: Builder, pool: readonly Value[], trip: Value) {
    this.#b = b;
    this.#trip = trip;
    this.#pool = [...pool];
    this.#dtype = (pool[0] as Value).type.dtype;
  }

  /** Rather a late one than an early one: what is made is used. */
  #pick(i: number, fits: (v: Value) => boolean = () => true): Value | undefined {
    const those = this.#pool.filter(fits);
    return those[those.length - 1 - Math.floor(((i % 10) / 10) ** 2 * those.length)];
  }
  #wide(i: number): Value | undefined {
    return this.#pick(i, (v) => v.type.dtype === 'f32');
  }

  step(s: Step): void {
    const made = this.#make(s);
    if (made !== undefined) this.#pool.push(made);
  }

  #make(s: Step): Value | undefined {
    switch (s.kind % 12) {
      case 0:
      case 1:
      case 2:
        return this.#dot(s);
      case 3:
        return this.#masked(s);
      case 4:
        return this.#scaled(s);
      case 5:
        return this.#combined(s);
      case 6:
        return this.#folded(s);
      case 7:
        return this.#part(s);
      case 8:
        return this.#moved(s);
      case 9:
        return this.#permuted(s);
      case 10:
        return this.#latest(s);
      default: {
        const x = this.#pick(s.a);
        return x && this.#b.value('trans', [x], {});
      }
    }
  }

  /** The product of two operands, one of them turned where that is what fits; sometimes added to what is there. */
  #dot(s: Step): Value | undefined {
    const a = this.#pick(s.a) as Value;
    const straight = this.#pick(s.b, (v) => extentOf(v, 0) === extentOf(a, 1));
    const turned = this.#pick(s.b, (v) => extentOf(v, 1) === extentOf(a, 1));
    const b = s.c % 2 === 0 ? (straight ?? turned) : (turned ?? straight);
    if (b === undefined) return undefined;
    const right = b === straight ? this.#narrow(b) : this.#b.value('trans', [this.#narrow(b)], {});
    const product = this.#b.value('dot', [this.#narrow(a), right], {});
    const acc = this.#pick(s.b, (v) => sameType(v.type, product.type));
    return s.c % 3 === 0 && acc !== undefined ? this.#b.value('add', [acc, product], {}) : product;
  }

  /** An operand of a product: what was loaded as it is, results as small numbers of the dtype. */
  #narrow(x: Value): Value {
    if (x.def.kind === 'op' && (x.def.name === 'load' || (x.def.name === 'trans' && x.type.dtype !== 'f32'))) return x;
    const small = this.#clamped(x);
    return this.#dtype === 'f32' ? small : this.#b.value('cast', [small], { to: this.#dtype });
  }

  #clamped(x: Value): Value {
    const wide = x.type.dtype === 'f32' ? x : this.#b.value('cast', [x], { to: 'f32' });
    const bound = (value: number): Value => this.#b.value('const', [], { value }, wide.type);
    return this.#b.value('max', [this.#b.value('min', [wide, bound(SMALL)], {}), bound(-SMALL)], {});
  }

  #index(like: Value, axis: number): Value {
    const { shape } = typeOf(like);
    const i = this.#b.value('iota', [], {}, tile('i32', extentOf(like, axis)));
    const wide = this.#b.value('expand', [i], { axis: 1 - axis });
    return this.#b.value('broadcast', [wide], {}, tile('i32', ...shape));
  }

  /** Zero above, below or beside a diagonal. */
  #masked(s: Step): Value | undefined {
    const x = this.#wide(s.a);
    if (x === undefined) return undefined;
    const offset = this.#b.value('const', [], { value: s.b % 5 }, tile('i32', ...typeOf(x).shape));
    const column = this.#b.value('add', [this.#index(x, 1), offset], {});
    const mask = this.#b.value('cmp', [this.#index(x, 0), column], { pred: ['ge', 'lt', 'ne'][s.c % 3] ?? 'ge' });
    const zero = this.#b.value('const', [], { value: 0 }, x.type);
    return this.#b.value('select', [mask, x, zero], {});
  }

  /** Times 1 or 2, by the row or by the column. */
  #scaled(s: Step): Value | undefined {
    const x = this.#wide(s.a);
    if (x === undefined) return undefined;
    const axis = s.b % 2;
    const i = this.#b.value('iota', [], {}, tile('i32', extentOf(x, axis)));
    const ones = this.#b.value('const', [], { value: 1 }, i.type);
    const factor = this.#b.value('add', [this.#b.value('and', [i, ones], {}), ones], {});
    const wide = this.#b.value('expand', [this.#b.value('cast', [factor], { to: 'f32' })], { axis: 1 - axis });
    const all = this.#b.value('broadcast', [wide], {}, x.type);
    return this.#b.value('mul', [this.#clamped(x), all], {});
  }

  #combined(s: Step): Value | undefined {
    const x = this.#wide(s.a);
    const y = x && this.#pick(s.b, (v) => sameType(v.type, x.type));
    if (x === undefined || y === undefined) return undefined;
    return this.#b.value((['add', 'sub', 'max'] as const)[s.c % 3] ?? 'add', [x, y], {});
  }

  /** Minus the maximum or the sum of each row or column. */
  #folded(s: Step): Value | undefined {
    const x = this.#wide(s.a);
    if (x === undefined) return undefined;
    const small = this.#clamped(x);
    const axis = s.b % 2;
    const fold = this.#b.value('reduce', [small], { op: s.c % 2 ? 'max' : 'sum', axis });
    const wide = this.#b.value('broadcast', [this.#b.value('expand', [fold], { axis })], {}, x.type);
    return this.#b.value('sub', [small, wide], {});
  }

  /** A place for `part` positions of `whole`: known, or other from trip to trip. */
  #origin(whole: number, part: number, pick: number): Value {
    const places = whole - part + 1;
    if (pick % 3 !== 0) return this.#b.constant(pick % places, 'i32');
    const at = this.#b.value('add', [this.#trip, this.#b.constant(pick, 'i32')], {});
    return this.#b.value('rem', [at, this.#b.constant(places, 'i32')], {});
  }

  /** Some rows and columns. */
  #slice(x: Value, shape: readonly number[], pick: number): Value {
    const origins = shape.map((n, axis) => this.#origin(extentOf(x, axis), n, pick + 5 * axis));
    return this.#b.value('slice', [x, ...origins], {}, tile(x.type.dtype, ...shape));
  }

  #part(s: Step): Value {
    const x = this.#pick(s.a) as Value;
    return this.#slice(
      x,
      typeOf(x).shape.map((n, axis) => Math.ceil(n / (1 + ((s.b >> axis) % 3)))),
      s.c,
    );
  }

  /** A part of one tile in another one. */
  #moved(s: Step): Value | undefined {
    const x = this.#pick(s.a) as Value;
    const part = this.#pick(s.b, (v) => {
      const { dtype, shape } = typeOf(v);
      return dtype === x.type.dtype && shape.every((n, axis) => n <= extentOf(x, axis)) && !sameType(v.type, x.type);
    });
    const { shape } = typeOf(part ?? x);
    const rows = part === undefined ? [Math.ceil((shape[0] ?? 1) / 2), shape[1] ?? 1] : shape;
    const inner = part ?? this.#slice(x, rows, s.b);
    const origins = rows.map((n, axis) => this.#origin(extentOf(x, axis), n, s.c + 3 * axis));
    return this.#b.value('insert', [x, inner, ...origins], {});
  }

  /** Rows or columns in another order, some of them several times. */
  #permuted(s: Step): Value {
    const x = this.#pick(s.a) as Value;
    const axis = s.b % 2;
    const like = (n: number): Value => this.#b.value('const', [], { value: n }, tile('i32', ...typeOf(x).shape));
    const times = this.#b.value('mul', [this.#index(x, axis), like(1 + (s.c % 7))], {});
    const other = this.#b.value('rem', [times, like(extentOf(x, axis))], {});
    const indices = axis === 0 ? [other, this.#index(x, 1)] : [this.#index(x, 0), other];
    return this.#b.value('take', [x, ...indices], {}, x.type);
  }

  /** The nearest number before each place that is not 0, or the last one of each row or column. */
  #latest(s: Step): Value | undefined {
    const x = this.#wide(s.a);
    if (x === undefined) return undefined;
    const lane = tile('f32');
    const body = region([lane, lane], (b, [left, right]) => {
      const none = b.constant(0, 'f32');
      const counts = b.value('cmp', [right as Value, none], { pred: 'ne' });
      return [b.value('select', [counts, right as Value, left as Value], {})];
    });
    const [axis, how] = [s.b % 2, s.c % 3];
    if (how > 0) {
      const attrs = how === 2 ? { axis, reverse: true } : { axis };
      return this.#b.op('scan_by', [x], attrs, undefined, [body]).results[0];
    }
    const fold = this.#b.op('reduce_by', [x], { axis }, undefined, [body]).results[0] as Value;
    const wide = this.#b.value('broadcast', [this.#b.value('expand', [fold], { axis })], {}, x.type);
    return this.#b.value('max', [x, wide], {});
  }

  /** What a trip stores: C rows, as they are in f32, or small and in the dtype of the inputs. */
  stored({ a }: Step, rows: number, dtype: DType): Value {
    const x = this.#pick(a, (v) => extentOf(v, 0) === rows) as Value;
    if (dtype !== 'f32') return this.#b.value('cast', [this.#clamped(x)], { to: dtype });
    return x.type.dtype === 'f32' ? x : this.#b.value('cast', [x], { to: 'f32' });
  }

  /** What a carried tile becomes: itself plus something of its shape that was made in this trip, or that alone. */
  next(carried: Value, { b, c }: Step): Value {
    const x = this.#pick(b, (v) => v !== carried && sameShape(typeOf(v).shape, typeOf(carried).shape));
    if (x === undefined) return carried;
    const wide = x.type.dtype === 'f32' ? x : this.#b.value('cast', [x], { to: 'f32' });
    return c % 4 === 0 ? wide : this.#b.value('add', [this.#clamped(carried), wide], {});
  }
}

/** Columns of what the stores and the carried tiles hold: known when the kernel is built. */
export function outputShapes(kernel: Kernel, heads: number, tokens: number): Record<string, readonly number[]> {
  const shapes: Record<string, readonly number[]> = {};
  const stores = storesOf(kernel);
  for (const p of kernel.params) {
    const stored = p.kind === 'view' && p.value.type.kind === 'view' && p.value.type.access === 'out';
    const value = stored ? stores.get(p.value) : undefined;
    if (value === undefined) continue;
    const [rows = 1, columns = 1] = typeOf(value).shape;
    shapes[p.name] = [heads, p.name.startsWith('o') ? tokens : rows, columns];
  }
  return shapes;
}

function storesOf(kernel: Kernel): Map<Value, Value> {
  const found = new Map<Value, Value>();
  const visit = (ops: Kernel['body']['ops']): void => {
    for (const op of ops) {
      for (const r of op.regions) visit(r.ops);
      const [view, value] = op.operands;
      if (op.name === 'store' && view?.def.kind === 'op' && value) found.set(view.def.operands[0] as Value, value);
    }
  };
  visit(kernel.body.ops);
  return found;
}
