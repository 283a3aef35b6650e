import fc from 'fast-check';
import { isPowerOfTwo } from '../../compiler/analysis/padding.js';
import { Builder } from '../../compiler/ir/builder.js';
import {
  type Block,
  type Kernel,
  type Loc,
  type Module,
  newBlock,
  newValue,
  type Op,
  type Param,
  type Value,
  walk,
} from '../../compiler/ir/module.js';
import { printModule } from '../../compiler/ir/print.js';
import {
  type DType,
  isFloat,
  isInt,
  sameShape,
  sameType,
  type TileType,
  type Type,
  tileType,
  viewType,
} from '../../compiler/ir/types.js';
import type { AttrsOf, OpName } from '../../compiler/ops/table.js';

/**
 * Random kernels that are well-typed and can be interpreted: every program stores to places of its own, integer
 * divisors are constants, loops end. A kernel is grown from a tree of steps, so that fast-check can shrink it; a step
 * picks its operands by number among the values that fit, and is skipped where none do.
 */
export interface Step {
  readonly kind: number;
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly value: number;
  readonly body: readonly Step[];
}

export interface GenerateOptions {
  /** Only float ops that are exact on small whole numbers, so that results can be compared across re-ordered sums. */
  readonly exact?: boolean;
  /** Extents of tiles; default 1, 3, 4, 8. */
  readonly extents?: readonly number[];
  /** No infinities: WebGPU may assume them away. */
  readonly finite?: boolean;
}

/** A step tree; regions nest three deep at most. */
export const steps = (maxLength = 24): fc.Arbitrary<readonly Step[]> => stepList(maxLength, 3);

function stepList(maxLength: number, depth: number): fc.Arbitrary<readonly Step[]> {
  const nat = fc.nat({ max: 1000 });
  const value = fc.oneof(fc.integer({ min: -3, max: 4 }), fc.double(), fc.constantFrom(0.1, -0, Infinity, -Infinity));
  const body = depth === 0 ? fc.constant([]) : stepList(6, depth - 1);
  return fc.array(fc.record({ kind: nat, a: nat, b: nat, c: nat, value, body }), {
    maxLength,
    size: 'max',
  });
}

/** A generated module of one kernel; a counterexample is shown as IR text. */
export const modules = (options: GenerateOptions = {}): fc.Arbitrary<Module> =>
  steps().map((list) => {
    const module = { kernels: [grow(list, options)] };
    const text = printModule(module);
    return Object.defineProperty(module, fc.toStringMethod, { value: () => text, enumerable: false });
  });

/** Reductions by max and min of a row of NaN are the one thing that padding may change. */
export const foldsNaN = (kernel: Kernel): boolean =>
  [...walk(kernel.body)].some((op) => {
    if (op.name !== 'reduce') return false;
    const { op: fold, axis } = (op as Op<'reduce'>).attrs;
    const type = op.operands[0]?.type;
    return (fold === 'max' || fold === 'min') && type?.kind === 'tile' && !isPowerOfTwo(type.shape[axis] ?? 1);
  });

const UNARY: readonly OpName[] = [
  'neg',
  'abs',
  'exp',
  'exp2',
  'log',
  'sqrt',
  'rsqrt',
  'sigmoid',
  'tanh',
  'erf',
  'sin',
  'cos',
  'floor',
  'ceil',
  'round',
];
const EXACT_UNARY: readonly OpName[] = ['neg', 'abs', 'floor'];
const FLOAT_BINARY: readonly OpName[] = ['add', 'sub', 'mul', 'div', 'max', 'min', 'rem'];
const EXACT_BINARY: readonly OpName[] = ['add', 'sub', 'mul', 'max', 'min'];
const INT_BINARY: readonly OpName[] = ['add', 'sub', 'mul', 'max', 'min', 'and', 'or', 'xor', 'shl', 'shr', 'ushr'];
const MASK_BINARY: readonly OpName[] = ['and', 'or', 'xor'];
const PREDICATES = ['lt', 'le', 'gt', 'ge', 'eq', 'ne'] as const;
const NUMBERS: readonly DType[] = ['f32', 'i32', 'f16', 'bf16', 'u32'];

/** The kernel that a step tree describes. */
export function grow(list: readonly Step[], options: GenerateOptions = {}): Kernel {
  return new Grower(options).kernel(list);
}

const at = <T>(items: readonly T[], i: number): T | undefined => items[i % items.length];
const tile = (v: Value): TileType | null => (v.type.kind === 'tile' ? v.type : null);

class Grower {
  readonly #exact: boolean;
  readonly #finite: boolean;
  readonly #extents: readonly number[];
  readonly #body: Block = newBlock([]);
  readonly #params: Param[] = [];
  #b = new Builder(this.#body);
  /** Tiles that can be used here, oldest first. */
  #pool: Value[] = [];
  #views: { read: Value; write: Value; sums: Value; pid: Value; n: Value } | null = null;
  #locs = 0;

  constructor(options: GenerateOptions) {
    this.#exact = options.exact ?? false;
    this.#finite = options.finite ?? false;
    this.#extents = options.extents ?? [1, 3, 4, 8];
  }

  kernel(list: readonly Step[]): Kernel {
    const x = this.#view('x', 'in', 'f32', ['R', 'K']);
    this.#view('h', 'in', this.#exact ? 'f32' : 'f16', ['R', 'K']);
    const w = this.#view('w', 'inout', 'f32', ['P', 'WR', 'WC']);
    const sums = this.#view('sums', 'inout', this.#exact ? 'i32' : 'f32', ['S']);
    const n = this.#scalar('n', 'i32');
    const s = this.#scalar('s', 'f32');
    const pid = this.#b.value('program_id', [], { axis: 'p' });
    const own = this.#b.value('view_at', [w, pid], { keep: [false, true, true] });
    this.#views = { read: x, write: own, sums, pid, n };
    this.#pool = [pid, n, s, this.#b.value('dim', [], { name: 'K' })];
    this.#pool.push(this.#b.value('load', [x, pid, n], { pad: 0 }, tileType('f32', [4, 8])));
    this.#steps(list);
    this.#outputs();
    return { name: 'generated', params: this.#params, axes: ['p'], comptime: {}, config: {}, body: this.#body };
  }

  #view(
    name: string,
    access: 'in' | 'out' | 'inout',
    dtype: DType,
    dims: readonly string[],
    extents: readonly (number | null)[] = dims.map(() => null),
  ): Value {
    const value = newValue(viewType(dtype, access, extents), this.#body, name);
    this.#body.args.push(value);
    this.#params.push({ kind: 'view', name, dims, value });
    return value;
  }
  #scalar(name: string, dtype: DType): Value {
    const value = newValue(tileType(dtype, []), this.#body, name);
    this.#body.args.push(value);
    this.#params.push({ kind: 'scalar', name, dtype, value });
    return value;
  }

  /** Every program stores the last few values, cast to f32, into its own slice of an output each. */
  #outputs(): void {
    const pid = this.#views?.pid as Value;
    for (const [i, v] of this.#pool.slice(-4).entries()) {
      const shape = tile(v)?.shape ?? [];
      const dims = ['P', ...shape.map((_, axis) => `Y${i}_${axis}`)];
      const y = this.#view(`y${i}`, 'out', 'f32', dims, [null, ...shape]);
      const own = this.#b.value('view_at', [y, pid], { keep: [false, ...shape.map(() => true)] });
      const x = v.type.dtype === 'f32' ? v : this.#b.value('cast', [v], { to: 'f32' });
      const zero = shape.length === 0 ? [] : [this.#b.constant(0, 'i32')];
      this.#b.op('store', [own, x, ...shape.flatMap(() => zero)], {});
    }
  }

  #steps(list: readonly Step[]): void {
    for (const s of list) {
      this.#b.loc = this.#loc(s);
      const made = at(this.#recipes, s.kind)?.(s);
      if (made) this.#pool.push(made);
    }
  }

  #loc(s: Step): Loc | null {
    if (s.kind % 3 === 0) return null;
    const span = (file: string) => ({ file, start: s.a, end: s.a + s.b });
    const outer: Loc = { span: span('a "quoted" file.ts'), ...(s.b % 2 ? { callee: 'outer' } : {}) };
    return s.kind % 3 === 1 ? outer : { span: span(`f${this.#locs++}.ts`), callee: 'loc', caller: outer };
  }

  #pick(i: number, ok: (t: TileType, v: Value) => boolean): Value | undefined {
    const fits = this.#pool.filter((v) => v.type.kind === 'tile' && ok(v.type, v));
    return fits.length === 0 ? undefined : fits[fits.length - 1 - (i % fits.length)];
  }
  #like(v: Value, i: number): Value {
    return this.#pick(i, (t) => sameType(t, v.type)) ?? v;
  }
  #int(i: number): Value {
    return this.#pick(i, (t) => t.dtype === 'i32' && t.shape.length === 0) as Value;
  }
  #shape(s: Step): number[] {
    const e = (i: number): number => at(this.#extents, i) ?? 1;
    return [[], [e(s.a)], [e(s.a), e(s.b)], [e(s.a), e(s.b)]][s.c % 4] ?? [];
  }

  /** A literal of the dtype near the step's number. */
  #literal(s: Step, dtype: DType): number {
    if (dtype === 'i1') return s.a % 2;
    if (isFloat(dtype))
      return this.#exact ? Math.trunc(s.c % 7) - 3 : dtype === 'f32' ? Math.fround(s.value) : (s.c % 9) / 4 - 1;
    return dtype === 'u32' ? s.b % 40 : (s.b % 40) - 20;
  }

  readonly #recipes: readonly ((s: Step) => Value | undefined)[] = [
    (s) => {
      const dtype = this.#exact ? at<DType>(['f32', 'i32', 'i1'], s.b) : at<DType>([...NUMBERS, 'i1'], s.b);
      return this.#b.value(
        'const',
        [],
        { value: this.#literal(s, dtype ?? 'f32') },
        tileType(dtype ?? 'f32', this.#shape(s)),
      );
    },
    (s) => this.#b.value('iota', [], {}, tileType('i32', [at(this.#extents, s.a) ?? 4])),
    (s) => this.#unary(s),
    (s) => this.#unary(s),
    (s) => this.#binary(s),
    (s) => this.#binary(s),
    (s) => this.#binary(s),
    (s) => this.#divide(s),
    (s) => {
      const a = this.#pick(s.a, () => true);
      if (a === undefined) return undefined;
      const pred = at(PREDICATES, a.type.dtype === 'i1' ? 4 + (s.c % 2) : s.c) ?? 'eq';
      return this.#b.value('cmp', [a, this.#like(a, s.b)], { pred });
    },
    (s) => {
      const m = this.#pick(s.a, (t) => t.dtype === 'i1');
      const a = m && this.#pick(s.b, (t) => sameShape(t.shape, (m.type as TileType).shape));
      return m && a && this.#b.value('select', [m, a, this.#like(a, s.c)], {});
    },
    (s) => this.#cast(s),
    (s) => {
      const x = this.#pick(s.a, (t) => t.shape.length === 0);
      return x && this.#b.value('splat', [x], {}, tileType(x.type.dtype, this.#shape({ ...s, c: 1 + (s.c % 2) })));
    },
    (s) => {
      const x = this.#pick(s.a, (t) => t.shape.includes(1));
      const shape = x && (x.type as TileType).shape.map((e) => (e === 1 ? (at(this.#extents, s.b) ?? 1) : e));
      return x && shape && this.#b.value('broadcast', [x], {}, tileType(x.type.dtype, shape));
    },
    (s) => {
      const x = this.#pick(s.a, (t) => t.shape.length < 3);
      return x && this.#b.value('expand', [x], { axis: s.b % ((x.type as TileType).shape.length + 1) });
    },
    (s) => {
      const x = this.#pick(s.a, (t) => t.shape.length > 0);
      const size = (x?.type as TileType | undefined)?.shape.reduce((m, e) => m * e, 1) ?? 1;
      return x && this.#b.value('reshape', [x], {}, tileType(x.type.dtype, s.b % 2 ? [size] : [1, size]));
    },
    (s) => {
      const x = this.#pick(s.a, (t) => t.shape.length === 2);
      return x && this.#b.value('trans', [x], {});
    },
    (s) => this.#dot(s),
    (s) => this.#dot(s),
    (s) => {
      const x = this.#pick(s.a, (t) => t.shape.length > 0 && t.dtype !== 'i1');
      const op = at(this.#exact ? ['sum', 'max'] : ['sum', 'max', 'min', 'argmax', 'argmin'], s.c) ?? 'sum';
      return x && this.#b.value('reduce', [x], { op, axis: s.b % (x.type as TileType).shape.length });
    },
    (s) => {
      const x = this.#pick(s.a, (t) => t.shape.length > 0 && t.dtype !== 'i1');
      return (
        x &&
        this.#b.value('scan', [x], {
          op: 'sum',
          axis: s.b % (x.type as TileType).shape.length,
          ...(s.c % 2 ? { reverse: true } : {}),
        })
      );
    },
    (s) => this.#load(s),
    (s) => this.#load(s),
    (s) => this.#b.value('get', [this.#views?.read as Value, this.#int(s.a), this.#int(s.b)], {}),
    (s) => this.#store(s),
    (s) => this.#for(s),
    (s) => this.#for(s),
    (s) => this.#if(s),
    (s) => this.#inline(s),
    (s) => this.#part(s),
    (s) => this.#insert(s),
    (s) => this.#take(s),
    (s) => this.#fold(s),
    (s) => this.#fold(s),
    (s) => this.#gather(s),
    (s) => this.#scatter(s),
    (s) => this.#add(s),
    (s) => this.#while(s),
  ];

  #unary(s: Step): Value | undefined {
    const x = this.#pick(s.a, () => true);
    if (x === undefined) return undefined;
    const ints: readonly OpName[] = ['neg', 'abs', 'not'];
    const names = isFloat(x.type.dtype)
      ? this.#exact
        ? EXACT_UNARY
        : UNARY
      : isInt(x.type.dtype)
        ? ints
        : ['not' as const];
    return this.#b.value(at(names, s.b) ?? 'abs', [x], {} as AttrsOf<OpName>);
  }

  #binary(s: Step): Value | undefined {
    const a = this.#pick(s.a, () => true);
    if (a === undefined) return undefined;
    const floats = this.#exact ? EXACT_BINARY : FLOAT_BINARY;
    const names = isFloat(a.type.dtype) ? floats : isInt(a.type.dtype) ? INT_BINARY : MASK_BINARY;
    const pair = s.value < 0 ? [this.#like(a, s.b), a] : [a, this.#like(a, s.b)];
    return this.#b.value(at(names, s.c) ?? 'max', pair, {} as AttrsOf<OpName>);
  }

  #divide(s: Step): Value | undefined {
    const a = this.#pick(s.a, (t) => isInt(t.dtype));
    if (a === undefined) return undefined;
    const divisor = this.#b.value('const', [], { value: 1 + (s.b % 5) }, a.type);
    return this.#b.value(s.c % 2 ? 'idiv' : 'rem', [a, divisor], {});
  }

  #cast(s: Step): Value | undefined {
    const x = this.#pick(s.a, () => true);
    const to = this.#exact ? at<DType>(['f32', 'i32'], s.b) : at(NUMBERS, s.b);
    return x && this.#b.value('cast', [x], { to: to ?? 'f32' });
  }

  #dot(s: Step): Value | undefined {
    const matrix = (t: TileType): boolean => t.shape.length === 2 && isFloat(t.dtype);
    const a = this.#pick(s.a, matrix) ?? this.#load({ ...s, c: 0 });
    if (a === undefined) return undefined;
    const { dtype, shape } = a.type as TileType;
    const b =
      this.#pick(s.b, (t) => matrix(t) && t.dtype === dtype && t.shape[0] === shape[1]) ??
      this.#b.value('trans', [a], {});
    const product = this.#b.value('dot', [a, b], {});
    const acc = this.#pick(s.c, (t) => sameType(t, product.type));
    if (s.c % 3 === 0 || acc === undefined) return product;
    return this.#b.value('add', s.c % 3 === 1 ? [acc, product] : [product, acc], {});
  }

  #load(s: Step): Value | undefined {
    const own = s.c % 5 === 4;
    const view = own ? this.#views?.write : s.c % 5 === 3 ? this.#body.args[1] : this.#views?.read;
    const shape = [at(this.#extents, s.a) ?? 4, at(this.#extents, s.b) ?? 4];
    const mask = this.#pick(s.a, (t) => t.dtype === 'i1' && sameShape(t.shape, shape));
    const pad = s.b % 4 === 0 ? (this.#finite ? -4 : -Infinity) : 0;
    const origins = [this.#int(s.b), this.#int(s.a)];
    const masked = mask !== undefined && s.value < 0;
    if (view === undefined) return undefined;
    const operands = [view, ...origins, ...(masked && mask ? [mask] : [])];
    return this.#b.value('load', operands, { pad, ...(masked ? { masked } : {}) }, tileType(view.type.dtype, shape));
  }

  #store(s: Step): undefined {
    const x = this.#pick(s.a, (t) => t.shape.length === 2 && t.dtype === 'f32');
    if (x !== undefined) this.#b.op('store', [this.#views?.write as Value, x, this.#int(s.b), this.#int(s.c)], {});
    return undefined;
  }

  /** Grows a region; its values are forgotten at its end, but what it yields. */
  #region(block: Block, list: readonly Step[], results: readonly Type[]): void {
    const [outer, pool] = [this.#b, this.#pool];
    this.#b = new Builder(block, this.#b.loc);
    this.#pool = [...pool, ...block.args];
    this.#steps(list);
    const yields = results.map((t, i) => this.#pick(i, (u) => sameType(t, u)) as Value);
    this.#b.op('yield', yields, {});
    [this.#b, this.#pool] = [outer, pool];
  }

  /** Values of the pool whose types a region can yield: there is always one of each. */
  #some(s: Step): Value[] {
    const picks = [s.a, s.b].slice(0, s.c % 3).map((i) => this.#pick(i, () => true));
    return picks.filter((v) => v !== undefined);
  }

  #for(s: Step): Value | undefined {
    const inits = this.#some(s);
    const end = s.a % 3 === 0 ? (this.#views?.n as Value) : this.#b.constant(s.b % 5, 'i32');
    const bounds = [this.#b.constant(s.c % 2, 'i32'), end, this.#b.constant(1 + (s.a % 2), 'i32')];
    const types = inits.map((v) => v.type);
    const body = newBlock([tileType('i32', []), ...types], ['i']);
    this.#region(body, s.body, types);
    const loop = this.#b.op('for', [...bounds, ...inits], s.b % 4 === 0 ? { reverse: true } : {}, types, [body]);
    this.#pool.push(...loop.results);
    return undefined;
  }

  #if(s: Step): Value | undefined {
    const condition =
      this.#pick(s.a, (t) => t.dtype === 'i1' && t.shape.length === 0) ??
      this.#b.value('cmp', [this.#int(s.a), this.#int(s.b)], { pred: 'lt' });
    const types = this.#some(s).map((v) => v.type);
    const regions = [newBlock([]), newBlock([])] as const;
    const half = s.body.length >> 1;
    this.#region(regions[0], s.body.slice(0, half), types);
    this.#region(regions[1], s.body.slice(half), types);
    this.#pool.push(...this.#b.op('if', [condition], {}, types, regions).results);
    return undefined;
  }

  /** Origins at which a part of `shape` stays in `whole`: constants, or scalars that are kept inside. */
  #origin(s: Step, whole: readonly number[], shape: readonly number[]): Value[] {
    return whole.map((extent, axis) => {
      const room = extent - (shape[axis] as number);
      if ((s.b + axis) % 3 !== 0) return this.#b.constant((s.c + axis) % (room + 1), 'i32');
      const low = this.#b.value('max', [this.#int(s.a + axis), this.#b.constant(0, 'i32')], {});
      return this.#b.value('min', [low, this.#b.constant(room, 'i32')], {});
    });
  }

  #part(s: Step): Value | undefined {
    const x = this.#pick(s.a, (t) => t.shape.length > 0);
    if (x === undefined) return undefined;
    const { shape, dtype } = x.type as TileType;
    const part = shape.map((e, axis) => {
      const some = at(this.#extents, s.b + axis) ?? 1;
      return Math.min(some, e);
    });
    return this.#b.value('slice', [x, ...this.#origin(s, shape, part)], {}, tileType(dtype, part));
  }

  #insert(s: Step): Value | undefined {
    const x = this.#pick(s.a, (t) => t.shape.length > 0);
    if (x === undefined) return undefined;
    const { shape, dtype } = x.type as TileType;
    const fits = (t: TileType): boolean =>
      t.dtype === dtype && t.shape.length === shape.length && t.shape.every((e, i) => e <= (shape[i] as number));
    const part = this.#pick(s.b, fits) ?? x;
    return this.#b.value('insert', [x, part, ...this.#origin(s, shape, (part.type as TileType).shape)], {});
  }

  /** An i32 tile in 0..extent-1, of the shape of `like`: from a tile of the pool, or from where its lanes lie. */
  #index(i: number, extent: number, like: TileType): Value {
    const type = tileType('i32', like.shape);
    const all = (value: number): Value => this.#b.value('const', [], { value }, type);
    const some = this.#pick(i, (t) => sameType(t, type)) ?? this.#lanes(like.shape);
    const positive = this.#b.value('and', [some, all(2 ** 31 - 1)], {});
    return this.#b.value('rem', [positive, all(extent)], {});
  }

  /** A different number in each lane. */
  #lanes(shape: readonly number[]): Value {
    const type = tileType('i32', shape);
    const size = shape.reduce((m, e) => m * e, 1);
    const flat = this.#b.value('iota', [], {}, tileType('i32', [size]));
    return shape.length === 0 ? this.#b.constant(0, 'i32') : this.#b.value('reshape', [flat], {}, type);
  }

  #take(s: Step): Value | undefined {
    const x = this.#pick(s.a, (t) => t.shape.length > 0);
    if (x === undefined) return undefined;
    const { shape, dtype } = x.type as TileType;
    const result = tileType(dtype, this.#shape({ ...s, a: s.b, b: s.a }));
    const indices = shape.map((extent, axis) => this.#index(s.c + axis, extent, result));
    return this.#b.value('take', [x, ...indices], {}, result);
  }

  /** Folds and scans by functions that are associative, exactly so: of one tile, or of a factor and a summand. */
  #fold(s: Step): Value | undefined {
    const name = s.b % 2 ? 'reduce_by' : 'scan_by';
    const ok = (t: TileType): boolean => t.shape.length > 0 && t.dtype !== 'i1';
    const x = this.#pick(s.a, ok);
    if (x === undefined) return undefined;
    const { shape, dtype } = x.type as TileType;
    const y = this.#pick(s.c, (t) => t.dtype === 'i32' && sameShape(t.shape, shape));
    const tiles = y !== undefined && dtype === 'i32' && s.b % 3 === 0 ? [x, y] : [x];
    const lanes = tiles.map((v) => tileType(v.type.dtype, []));
    const region = newBlock([...lanes, ...lanes]);
    const b = new Builder(region, this.#b.loc);
    const [f1, g1, f2, g2] = region.args as [Value, Value, Value, Value];
    const pairs = (): Value[] => {
      const moved = b.value('add', [b.value('mul', [f2, g1], {}), g2], {});
      return [b.value('mul', [f1, f2], {}), moved];
    };
    const [left, right] = region.args as [Value, Value];
    const one = (): Value => {
      const kind = s.c % 4;
      if (kind === 0) return left;
      if (kind === 1) return right;
      return b.value(kind === 2 ? 'max' : 'min', [left, right], {});
    };
    b.op('yield', tiles.length === 2 ? pairs() : [one()], {});
    const axis = s.c % shape.length;
    const attrs = { axis, ...(name === 'scan_by' && s.value < 0 ? { reverse: true } : {}) };
    const { results } = this.#b.op(name, tiles, attrs, undefined, [region]);
    this.#pool.push(...results.slice(1));
    return results[0];
  }

  #gather(s: Step): Value | undefined {
    const own = s.c % 3 === 2;
    const view = own ? this.#views?.write : this.#views?.read;
    if (view === undefined) return undefined;
    const shape = this.#shape(s);
    const index = (i: number): Value =>
      this.#pick(i, (t) => t.dtype === 'i32' && sameShape(t.shape, shape)) ?? this.#index(i, 5, tileType('i32', shape));
    const mask = s.value < 0 ? this.#pick(s.a, (t) => t.dtype === 'i1' && sameShape(t.shape, shape)) : undefined;
    const operands = [view, index(s.a), index(s.b), ...(mask ? [mask] : [])];
    const attrs = { pad: s.b % 3 === 0 ? -1 : 0, ...(mask ? { masked: true } : {}) };
    return this.#b.value('gather', operands, attrs, tileType(view.type.dtype, shape));
  }

  /** No two lanes have one address: the numbers of the lanes are rows and columns of the program's own part. */
  #scatter(s: Step): undefined {
    const x = this.#pick(s.a, (t) => t.dtype === 'f32');
    if (x === undefined) return undefined;
    const type = tileType('i32', (x.type as TileType).shape);
    const all = (value: number): Value => this.#b.value('const', [], { value }, type);
    const lanes = this.#lanes(type.shape);
    const [row, column] = [this.#b.value('idiv', [lanes, all(5)], {}), this.#b.value('rem', [lanes, all(5)], {})];
    this.#b.op('scatter', [this.#views?.write as Value, x, row, column], {});
    return undefined;
  }

  /** Sums that nobody reads, of all programs. */
  #add(s: Step): undefined {
    const view = this.#views?.sums as Value;
    const x = this.#pick(s.a, (t) => t.dtype === view.type.dtype && (s.b % 2 === 0 || t.shape.length === 1));
    if (x === undefined) return undefined;
    const shape = (x.type as TileType).shape;
    if (s.b % 2 === 0) this.#b.op('scatter_add', [view, x, this.#index(s.c, 7, tileType('i32', shape))], {});
    else this.#b.op('atomic_add', [view, x, this.#int(s.c)], {});
    return undefined;
  }

  /** Counts up to a bound, which may be less than where it begins. */
  #while(s: Step): Value | undefined {
    const inits = [this.#b.constant(s.c % 2, 'i32'), ...this.#some(s)];
    const types = inits.map((v) => v.type);
    const end = s.a % 3 === 0 ? (this.#views?.n as Value) : this.#b.constant(s.b % 5, 'i32');
    const [test, body] = [newBlock(types), newBlock(types)];
    const count = (block: Block): Value => block.args[0] as Value;
    const t = new Builder(test, this.#b.loc);
    t.op('yield', [t.value('cmp', [count(test), end], { pred: 'lt' })], {});
    const next = (b: Builder): Value => b.value('add', [count(body), b.constant(1, 'i32')], {});
    this.#region(body, s.body, types);
    const last = body.ops.pop() as Op;
    const b = new Builder(body, this.#b.loc);
    b.op('yield', [next(b), ...last.operands.slice(1)], {});
    this.#pool.push(...this.#b.op('while', inits, {}, types, [test, body]).results);
    return undefined;
  }

  #inline(s: Step): Value | undefined {
    const types = this.#some(s).map((v) => v.type);
    const body = newBlock([]);
    this.#region(body, s.body, types);
    this.#pool.push(...this.#b.op('inline', [], { callee: `helper ${s.a % 3}` }, types, [body]).results);
    return undefined;
  }
}
