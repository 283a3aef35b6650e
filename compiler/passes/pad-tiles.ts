/**
 * Enters: a kernel with tiles of any extents. Leaves: the same kernel with every extent rounded up to a power of two
 * (1 stays 1). Loads and stores get `valid`, the logical extents: padding lanes touch no memory and load `pad`. Where
 * an op folds lanes together (dot over K, reductions, backward scans), padding lanes are selected to the identity of
 * the fold unless they are known to hold it; a divisor of integers is selected to 1. All other ops work lane by lane,
 * so that nothing in a padding lane, NaN and Infinity included, reaches a lane that the program names.
 *
 * WebGPU may assume NaN away: there the identity of max is -Infinity, and a row of NaN only gives that where its extent
 * was padded.
 */
import { type Fact, isPowerOfTwo, nextPowerOfTwo, paddingFacts } from '../analysis/padding.js';
import { groupAxes } from '../analysis/reshape-groups.js';
import { Builder } from '../ir/builder.js';
import { type Block, type Kernel, newValue, type Op, type Value, walk } from '../ir/module.js';
import { type DType, isFloat, isInt, type TileType, tileType } from '../ir/types.js';
import type { Pass, PassContext } from './pass.js';

export const padTiles: Pass = {
  name: 'pad-tiles',
  summary: 'Rounds tile extents up to powers of two; padding lanes reach no result.',
  requires: [],
  run: padKernel,
};

const isPadded = (shape: readonly number[]): boolean => !shape.every(isPowerOfTwo);
const tileOf = (v: Value | undefined): TileType | null => (v?.type.kind === 'tile' ? v.type : null);

const valuesOf = (kernel: Kernel): Value[] =>
  [...walk(kernel.body)].flatMap((op) => [...op.results, ...op.regions.flatMap((r) => r.args)]);

function padKernel(kernel: Kernel, ctx: PassContext): void {
  const isOdd = (v: Value): boolean => isPadded(tileOf(v)?.shape ?? []);
  if (!valuesOf(kernel).some(isOdd)) return;
  takeReshapes(kernel.body);
  const values = valuesOf(kernel);
  const logical = new Map<Value, readonly number[]>();
  for (const v of values) logical.set(v, tileOf(v)?.shape ?? []);
  const facts = paddingFacts(kernel);
  for (const v of values) {
    const type = tileOf(v);
    if (type !== null) v.type = tileType(type.dtype, type.shape.map(nextPowerOfTwo));
  }
  new Padder(facts, logical, ctx.target !== 'webgpu').block(kernel.body);
}

/** Row-major order survives padding only where a group of merged or split axes has its padding on the leading axis. */
function keepsOrder(from: readonly number[], to: readonly number[]): boolean {
  const clean = (shape: readonly number[], axes: readonly number[]): boolean =>
    axes.slice(1).every((axis) => isPowerOfTwo(shape[axis] as number));
  const groups = groupAxes(from, to);
  return (
    groups?.every(
      (g) => (g.source.length === 1 && g.target.length === 1) || (clean(from, g.source) && clean(to, g.target)),
    ) ?? false
  );
}

/** Reshapes that padding would tear apart take every element from where it was. */
function takeReshapes(block: Block): void {
  const ops = block.ops;
  block.ops = [];
  const b = new Builder(block);
  for (const op of ops) {
    for (const region of op.regions) takeReshapes(region);
    b.loc = op.loc;
    if (op.name === 'reshape') takeReshaped(op, b);
    block.ops.push(op);
  }
}

function takeReshaped(op: Op, b: Builder): void {
  const [from, to] = [tileOf(op.operands[0])?.shape ?? [], tileOf(op.results[0])?.shape ?? []];
  if (keepsOrder(from, to)) return;
  const flat = rowMajorIndex(b, to);
  const type = tileType('i32', to);
  const all = (value: number): Value => b.value('const', [], { value }, type);
  let rest = flat;
  const indices = from.map((_, axis) => {
    const inner = from.slice(axis + 1).reduce((n, e) => n * e, 1);
    const index = b.value('idiv', [rest, all(inner)], {});
    rest = b.value('rem', [rest, all(inner)], {});
    return index;
  });
  const changed = op as Op;
  changed.name = 'take';
  changed.operands = [op.operands[0] as Value, ...indices];
}

/** Of every lane of a tile, its place in row-major order. */
function rowMajorIndex(b: Builder, shape: readonly number[]): Value {
  const type = tileType('i32', shape);
  const all = (value: number): Value => b.value('const', [], { value }, type);
  return shape.reduce((index, extent, axis) => {
    const along = alongAxis(b, b.value('iota', [], {}, tileType('i32', [extent])), shape, axis);
    return b.value('add', [b.value('mul', [index, all(extent)], {}), along], {});
  }, all(0));
}

/** A vector along one axis, repeated along the others. */
function alongAxis(b: Builder, vector: Value, shape: readonly number[], axis: number): Value {
  let tile = vector;
  for (let i = 0; i < shape.length; i++) if (i !== axis) tile = b.value('expand', [tile], { axis: i });
  return shape.length === 1 ? tile : b.value('broadcast', [tile], {}, tileType(vector.type.dtype, shape));
}

/** Ops with `valid`. */
type Limited =
  | Op<'load'>
  | Op<'gather'>
  | Op<'slice'>
  | Op<'take'>
  | Op<'store'>
  | Op<'scatter'>
  | Op<'atomic_add'>
  | Op<'scatter_add'>
  | Op<'insert'>;

/** Rewrites ops in place, inserting selects before those that fold lanes. */
class Padder {
  readonly #facts: ReadonlyMap<Value, Fact>;
  readonly #logical: Map<Value, readonly number[]>;
  readonly #nan: boolean;

  constructor(facts: ReadonlyMap<Value, Fact>, logical: Map<Value, readonly number[]>, nan: boolean) {
    this.#nan = nan;
    this.#facts = facts;
    this.#logical = logical;
  }

  block(block: Block): void {
    const ops = block.ops;
    block.ops = [];
    const b = new Builder(block);
    for (const op of ops) {
      for (const region of op.regions) this.block(region);
      b.loc = op.loc;
      this.#op(op, b);
      block.ops.push(op);
      if (op.name === 'reduce') this.#keepInside(op as Op<'reduce'>, b);
    }
  }

  #op(op: Op, b: Builder): void {
    switch (op.name) {
      case 'load':
      case 'gather':
      case 'slice':
      case 'take':
        this.#limit(op as Limited, op.results[0]);
        break;
      case 'store':
      case 'scatter':
      case 'atomic_add':
      case 'scatter_add':
      case 'insert':
        this.#limit(op as Limited, op.operands[1]);
        break;
      case 'reduce_by':
      case 'scan_by':
        this.#limitFold(op as Op<'reduce_by'> | Op<'scan_by'>);
        break;
      case 'dot':
        this.#select(op, b, 0, 1, 0);
        this.#select(op, b, 1, 0, 0);
        break;
      case 'reduce':
        this.#reduce(op as Op<'reduce'>, b);
        break;
      case 'scan':
        this.#scan(op as Op<'scan'>, b);
        break;
      case 'idiv':
      case 'rem':
        this.#divisor(op, b);
        break;
      default:
    }
  }

  #shape(v: Value | undefined): readonly number[] {
    return (v && this.#logical.get(v)) ?? [];
  }

  #limitFold(op: Op<'reduce_by'> | Op<'scan_by'>): void {
    const extent = this.#shape(op.operands[0])[op.attrs.axis];
    if (extent !== undefined && !isPowerOfTwo(extent)) op.attrs.valid = Math.min(extent, op.attrs.valid ?? extent);
  }

  #limit(op: Limited, tile: Value | undefined): void {
    const shape = this.#shape(tile);
    const valid = op.attrs.valid ?? shape;
    if (isPadded(shape)) op.attrs.valid = shape.map((extent, i) => Math.min(extent, valid[i] as number));
  }

  /** Operand `i` of `op` with `identity` past the logical extent of `axis`. */
  #select(op: Op, b: Builder, i: number, axis: number, identity: number): void {
    const x = op.operands[i];
    const type = tileOf(x);
    const extent = this.#shape(x)[axis];
    if (x === undefined || type === null || extent === undefined || isPowerOfTwo(extent)) return;
    const fact = this.#facts.get(x)?.[axis] ?? null;
    if (fact === identity || Object.is(fact, identity)) return;
    const inside = belowExtent(b, type.shape, axis, extent);
    const other = b.value('const', [], { value: identity }, type);
    const selected = b.value('select', [inside, x, other], {});
    this.#logical.set(selected, this.#shape(x));
    op.operands[i] = selected;
  }

  #reduce(op: Op<'reduce'>, b: Builder): void {
    const any = op;
    const { axis, op: fold } = op.attrs;
    const dtype = tileOf(op.operands[0])?.dtype ?? 'f32';
    this.#select(any, b, 0, axis, identityOf(fold, dtype, this.#nan));
  }

  /** A forward scan meets the padding last; a backward one first. */
  #scan(op: Op<'scan'>, b: Builder): void {
    if (op.attrs.reverse === true) this.#select(op, b, 0, op.attrs.axis, 0);
  }

  /** argmax of NaN only is 0, but a padding lane of -Infinity beats NaN: its position becomes 0. */
  #keepInside(op: Op<'reduce'>, b: Builder): void {
    const result = op.results[0];
    const extent = this.#shape(op.operands[0])[op.attrs.axis];
    const type = tileOf(result);
    const from = tileOf(op.operands[0])?.dtype ?? 'i32';
    if (!op.attrs.op.startsWith('arg') || !isFloat(from) || result === undefined || type === null) return;
    if (extent === undefined || isPowerOfTwo(extent)) return;
    const position = newValue(type, op);
    op.results = [position];
    const all = (value: number): Value => b.value('const', [], { value }, type);
    const inside = b.value('cmp', [position, all(extent)], { pred: 'lt' });
    const chosen = b.op('select', [inside, position, all(0)], {});
    chosen.results = [result];
    result.def = chosen;
  }

  /** Padding lanes of a divisor: 1, so that nothing divides by zero where the program does not. */
  #divisor(op: Op, b: Builder): void {
    const type = tileOf(op.results[0]);
    if (type === null || !isInt(type.dtype)) return;
    const fact = op.operands[1] && this.#facts.get(op.operands[1]);
    this.#shape(op.operands[1]).forEach((_, axis) => {
      const known = fact?.[axis] ?? null;
      if (known === null || known === 0 || known === -1) this.#select(op, b, 1, axis, 1);
    });
  }
}

/** Mask of the lanes of `shape` whose index on `axis` is below `extent`. */
function belowExtent(b: Builder, shape: readonly number[], axis: number, extent: number): Value {
  const size = shape[axis] as number;
  const limit = b.value('const', [], { value: extent }, tileType('i32', [size]));
  const mask = b.value('cmp', [b.value('iota', [], {}, tileType('i32', [size])), limit], { pred: 'lt' });
  return alongAxis(b, mask, shape, axis);
}

/**
 * What changes no fold: 0 for sums; the value that loses against all, or ties and comes last, for the others. NaN loses
 * against every number in max and min, where the target can tell (`nan`).
 */
function identityOf(fold: string, dtype: DType, nan: boolean): number {
  if (fold === 'sum') return 0;
  const lowest = fold === 'max' || fold === 'argmax';
  if (isFloat(dtype) && nan && (fold === 'max' || fold === 'min')) return NaN;
  if (isFloat(dtype)) return lowest ? -Infinity : Infinity;
  if (dtype === 'u32') return lowest ? 0 : 2 ** 32 - 1;
  return lowest ? -(2 ** 31) : 2 ** 31 - 1;
}
