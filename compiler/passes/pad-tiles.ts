/**
 * Enters: a kernel with tiles of any extents. Leaves: the same kernel with every extent rounded up to a power of two
 * (1 stays 1). Loads and stores get `valid`, the logical extents: padding lanes touch no memory and load `pad`. Where
 * an op folds lanes together (dot over K, reductions, backward scans), padding lanes are selected to the identity of
 * the fold unless they are known to hold it; a divisor of integers is selected to 1. All other ops work lane by lane,
 * so that nothing in a padding lane, NaN and Infinity included, reaches a lane that the program names.
 *
 * The identity of max is -Infinity: a row of NaN only gives -Infinity, not NaN, where its extent was padded.
 */
import { type Fact, isPowerOfTwo, nextPowerOfTwo, paddingFacts } from '../analysis/padding.js';
import { groupAxes } from '../analysis/reshape-groups.js';
import { callLabels } from '../diag/call-labels.js';
import { diagnostic, LacError } from '../diag/diagnostic.js';
import { Builder } from '../ir/builder.js';
import { type Block, type Kernel, newValue, type Op, type Value, walk } from '../ir/module.js';
import { type DType, isFloat, isInt, type TileType, tileType } from '../ir/types.js';
import type { Pass } from './pass.js';

export const padTiles: Pass = {
  name: 'pad-tiles',
  summary: 'Rounds tile extents up to powers of two; padding lanes reach no result.',
  requires: [],
  run: padKernel,
};

const isPadded = (shape: readonly number[]): boolean => !shape.every(isPowerOfTwo);
const tileOf = (v: Value | undefined): TileType | null => (v?.type.kind === 'tile' ? v.type : null);

function padKernel(kernel: Kernel): void {
  const values = [...walk(kernel.body)].flatMap((op) => [...op.results, ...op.regions.flatMap((r) => r.args)]);
  if (!values.some((v) => isPadded(tileOf(v)?.shape ?? []))) return;
  const logical = new Map<Value, readonly number[]>();
  for (const v of values) logical.set(v, tileOf(v)?.shape ?? []);
  const facts = paddingFacts(kernel);
  for (const op of walk(kernel.body)) checkReshape(op);
  for (const v of values) {
    const type = tileOf(v);
    if (type !== null) v.type = tileType(type.dtype, type.shape.map(nextPowerOfTwo));
  }
  new Padder(facts, logical).block(kernel.body);
}

/** Row-major order survives padding only where a group of merged or split axes has its padding on the leading axis. */
function checkReshape(op: Op): void {
  if (op.name !== 'reshape') return;
  const from = tileOf(op.operands[0])?.shape ?? [];
  const to = tileOf(op.results[0])?.shape ?? [];
  const clean = (shape: readonly number[], axes: readonly number[]): boolean =>
    axes.slice(1).every((axis) => isPowerOfTwo(shape[axis] as number));
  const groups = groupAxes(from, to);
  if (
    groups?.every(
      (g) => (g.source.length === 1 && g.target.length === 1) || (clean(from, g.source) && clean(to, g.target)),
    )
  )
    return;
  throw new LacError(
    diagnostic('LAC0550', `reshape of [${from}] to [${to}] is not built yet`, op.loc?.span ?? null, {
      labels: callLabels(op.loc),
      help: ['use powers of two for all extents that are merged or split, except the leading one'],
    }),
  );
}

/** Rewrites ops in place, inserting selects before those that fold lanes. */
class Padder {
  readonly #facts: ReadonlyMap<Value, Fact>;
  readonly #logical: Map<Value, readonly number[]>;

  constructor(facts: ReadonlyMap<Value, Fact>, logical: Map<Value, readonly number[]>) {
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
        this.#limit(op as Op<'load'>, op.results[0]);
        break;
      case 'store':
        this.#limit(op as Op<'store'>, op.operands[1]);
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

  #limit(op: Op<'load'> | Op<'store'>, tile: Value | undefined): void {
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
    if (fact === identity) return;
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
    this.#select(any, b, 0, axis, identityOf(fold, dtype));
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
  let mask = b.value('cmp', [b.value('iota', [], {}, tileType('i32', [size])), limit], { pred: 'lt' });
  for (let i = 0; i < shape.length; i++) if (i !== axis) mask = b.value('expand', [mask], { axis: i });
  const target = tileType('i1', shape);
  return shape.length === 1 ? mask : b.value('broadcast', [mask], {}, target);
}

/** What changes no fold: 0 for sums; the value that loses against all, or ties and comes last, for the others. */
function identityOf(fold: string, dtype: DType): number {
  if (fold === 'sum') return 0;
  const lowest = fold === 'max' || fold === 'argmax';
  if (isFloat(dtype)) return lowest ? -Infinity : Infinity;
  if (dtype === 'u32') return lowest ? 0 : 2 ** 32 - 1;
  return lowest ? -(2 ** 31) : 2 ** 31 - 1;
}
