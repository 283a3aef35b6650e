import { Bug } from '../../compiler/diag/diagnostic.js';
import type { Op, Value } from '../../compiler/ir/module.js';
import type { DType } from '../../compiler/ir/types.js';
import { coordinates } from '../../compiler/layout/axes.js';
import { freeBits } from '../../compiler/layout/holders.js';
import { apply, type Layout, registerCount } from '../../compiler/layout/layout.js';
import { axisIndexOf, type Emitter, layoutOf, product, rankOf, sum, tileOf } from './emitter.js';
import { elected, fromWord, toWord } from './memory.js';
import { component, laneType, pack, widthOf } from './registers.js';
import { offsetMark } from './statement.js';

/** How two partial results become one. A partial is a value, and for argmax and argmin its position too. */
interface Fold {
  readonly positions: boolean;
  /** Lines that fold (y, py) into the variables (x, px). */
  readonly combine: (x: string, px: string, y: string, py: string) => string;
}

function foldOf(op: string, d: DType): Fold {
  const plain = (f: (x: string, y: string) => string): Fold => ({
    positions: false,
    combine: (x, _px, y) => `${x} = ${f(x, y)};`,
  });
  // NaN never wins: a comparison with it is false. Ties go to the lowest position.
  const arg = (o: string): Fold => ({
    positions: true,
    combine: (x, px, y, py) =>
      `if (${y} ${o} ${x} || (${y} == ${x} && ${py} < ${px}) || (${x} != ${x} && ${y} == ${y})) { ${x} = ${y}; ${px} = ${py}; }`,
  });
  switch (op) {
    case 'sum':
      return plain((x, y) => `${x} + ${y}`);
    case 'max':
      return plain((x, y) => `max(${x}, ${y})`);
    case 'min':
      return plain((x, y) => `min(${x}, ${y})`);
    case 'argmax':
      return arg('>');
    case 'argmin':
      return arg('<');
    default:
      throw new Bug(`reduction ${op} of ${d}`);
  }
}

/** Of more results than these an invocation reads only the value, at the price of one more round: less text, less work. */
const MOST_FOLDS = 8;

/** Workgroup memory that one reduction takes, in words: what is more is combined in turns that use the same memory. */
const MOST_WORDS = 4096;

/** Partials that one invocation folds in a round: more rounds cost barriers, longer ones latency. */
const RADIX = 16;

/** Positions along the axis that stand in different invocations: the bits of the invocation index that move along it. */
interface Spread {
  /** Bits of the local index, lowest first, whose partials must be combined. */
  readonly bits: readonly number[];
}

function spreadOf(l: Layout, axis: number): Spread {
  const free = freeBits(l).invocation;
  const bits = (l.ins.invocation ?? []).flatMap((basis, bit) =>
    ((free >> bit) & 1) === 0 && (coordinates(l.shape, basis)[axis] ?? 0) !== 0 ? [bit] : [],
  );
  return { bits };
}

export function emitReduce(e: Emitter, op: Op<'reduce'>): void {
  const source = op.operands[0] as Value;
  const result = op.results[0] as Value;
  const layout = layoutOf(source);
  const { axis } = op.attrs;
  const dtype = tileOf(source).dtype;
  const fold = foldOf(op.attrs.op, dtype);
  const tile = e.tile(source);
  const along = axisIndexOf(e, layout, axis);
  const free = freeBits(layout).register;

  // In-thread: registers with the same kept index fold into one.
  const kept = (r: number): number => keptIndex(layout, axis, r);
  const partials = new Map<number, { value: string; position: string }>();
  const lane = laneType(dtype);
  for (let r = 0; r < registerCount(layout); r++) {
    if ((r & free) !== 0) continue;
    const [x, p] = [component(tile, r), fold.positions ? sum(along.invocation, along.register[r] ?? 0) : '0i'];
    const known = partials.get(kept(r));
    if (known === undefined) {
      const [value, position] = [e.name('r'), e.name('q')];
      e.line(`var ${value}: ${lane} = ${x};`);
      if (fold.positions) e.line(`var ${position}: i32 = ${p};`);
      partials.set(kept(r), { value, position });
    } else e.line(fold.combine(known.value, known.position, x, p));
  }

  const { bits } = spreadOf(layout, axis);
  const out = bits.length === 0 ? partials : combineInTurns(e, layout, axis, partials, bits, fold, dtype);
  const pick = (k: number): string => {
    const p = out.get(k);
    if (p === undefined) throw new Bug('reduce: a result without a partial');
    return fold.positions ? p.position : p.value;
  };
  if (rankOf(result) === 0) {
    e.scalars.set(result, e.roundedScalar(pick(0), tileOf(result).dtype));
    return;
  }
  const target = layoutOf(result);
  const registers = registerCount(target);
  const width = widthOf(registers);
  const groups: string[] = [];
  const type = laneType(tileOf(result).dtype);
  for (let r = 0; r < registers; r += width)
    groups.push(
      pack(
        type,
        Array.from({ length: width }, (_, i) => pick(apply(target, { register: r + i }))),
      ),
    );
  e.define(result, groups, false);
}

/** Row-major index, among the kept axes, of register r of invocation 0. */
function keptIndex(l: Layout, axis: number, r: number): number {
  const at = coordinates(l.shape, apply(l, { register: r }));
  return l.shape.reduce((index, extent, i) => (i === axis ? index : index * extent + (at[i] ?? 0)), 0);
}

type Partials = ReadonlyMap<number, { value: string; position: string }>;

/** Where the results lie in memory: how many there are, and the number among them of kept index k of this invocation. */
interface Places {
  readonly count: number;
  readonly at: (k: number) => string;
}

/** All kept indices at once, row-major; those of many registers in turns, each as [holder][register]. */
function combineInTurns(
  e: Emitter,
  l: Layout,
  axis: number,
  partials: Partials,
  bits: readonly number[],
  fold: Fold,
  dtype: DType,
): Partials {
  const count = l.shape.filter((_, i) => i !== axis).reduce((n, x) => n * x, 1);
  const words = 2 ** bits.length * (fold.positions ? 2 : 1);
  if (count * words <= MOST_WORDS) {
    const base = e.hoisted(keptInvocation(e, l, axis), 'g');
    return combineThroughMemory(e, l, partials, { count, at: (k) => sum(base, k) }, bits, fold, dtype);
  }
  const mine = holderBits(l, bits);
  const holders = 2 ** mine.length;
  const holder = mine.length === 0 ? '0i' : e.hoisted(partText(mine), 'g');
  const turn = Math.max(1, Math.floor(MOST_WORDS / (words * holders)));
  const all = [...partials];
  const out = new Map<number, { value: string; position: string }>();
  for (let from = 0; from < all.length; from += turn) {
    const some = all.slice(from, from + turn);
    const order = new Map(some.map(([k], i) => [k, i]));
    const at = (k: number): string => sum(product(holder, some.length), order.get(k) ?? 0);
    const places = { count: holders * some.length, at };
    for (const [k, x] of combineThroughMemory(e, l, new Map(some), places, bits, fold, dtype)) out.set(k, x);
  }
  return out;
}

/** Row-major index, among the kept axes, that the invocation contributes. */
const keptInvocation = (e: Emitter, l: Layout, axis: number): string =>
  l.shape.reduce(
    (text, extent, i) => (i === axis ? text : sum(product(text, extent), axisIndexOf(e, l, i).invocation)),
    '0i',
  );

/** Bits of the invocation index that tell kept indices apart: those that move, but not along the axis. */
function holderBits(l: Layout, along: readonly number[]): number[] {
  const free = freeBits(l).invocation;
  const all = (l.ins.invocation ?? []).map((_, bit) => bit);
  return all.filter((bit) => ((free >> bit) & 1) === 0 && !along.includes(bit));
}

/**
 * Partials go to memory as [place][part]; rounds of RADIX fold them until few enough are left for each reader to fold. Every
 * invocation then has the results of the kept indices that it holds.
 */
function combineThroughMemory(
  e: Emitter,
  l: Layout,
  partials: Partials,
  places: Places,
  bits: readonly number[],
  fold: Fold,
  dtype: DType,
): Partials {
  const kept = places.count;
  const part = e.hoisted(partText(bits), 'g');
  let parts = 2 ** bits.length;
  let from = slots(e, kept * parts, fold);
  const holder = (body: string): string => elected(e, l, body);
  const at = (k: number, p: string): string => sum(product(places.at(k), parts), p);
  e.line(
    holder([...partials].map(([k, x]) => from.write(at(k, part), x.value, x.position, dtype)).join('\n')),
    [],
    from.buffers,
  );

  const lane = laneType(dtype);
  while (parts > (partials.size > MOST_FOLDS ? 1 : RADIX)) {
    const radix = Math.min(RADIX, parts);
    const next = parts / radix;
    const to = slots(e, kept * next, fold);
    const [i, j, x, p] = [e.name('n'), e.name('j'), e.name('x'), e.name('x')];
    const body = [
      `for (var ${i} = i32(inv); ${i} < ${kept * next}i; ${i} += ${e.threads}i) {`,
      `var ${x}: ${lane} = ${from.value(product(i, radix), dtype)};`,
      fold.positions ? `var ${p}: i32 = ${from.position(product(i, radix))};` : '',
      `for (var ${j} = 1i; ${j} < ${radix}i; ${j}++) {`,
      ...foldFrom(e, from, sum(product(i, radix), j), x, p, fold, dtype),
      '}',
      to.write(i, x, p, dtype),
      '}',
    ];
    e.line(body.filter((s) => s !== '').join('\n'), from.buffers, to.buffers);
    from = to;
    parts = next;
  }
  const out = new Map<number, { value: string; position: string }>();
  for (const k of partials.keys()) {
    const [value, position, j] = [e.name('r'), e.name('q'), e.name('j')];
    const first = sum(product(places.at(k), parts));
    e.line(`var ${value}: ${lane} = ${from.value(first, dtype)};`, from.buffers);
    if (fold.positions) e.line(`var ${position}: i32 = ${from.position(first)};`, from.buffers);
    const rest = foldFrom(e, from, sum(first, j), value, position, fold, dtype);
    if (parts > 1) e.line([`for (var ${j} = 1i; ${j} < ${parts}i; ${j}++) {`, ...rest, '}'].join('\n'), from.buffers);
    out.set(k, { value, position });
  }
  return out;
}

function foldFrom(e: Emitter, from: Slots, at: string, x: string, p: string, fold: Fold, d: DType): string[] {
  const [y, q] = [e.name('y'), e.name('y')];
  const lines = [`let ${y} = ${from.value(at, d)};`];
  if (fold.positions) lines.push(`let ${q} = ${from.position(at)};`);
  return [...lines, fold.combine(x, p, y, q)];
}

/** The part number: the chosen bits of the invocation index, side by side. */
function partText(bits: readonly number[]): string {
  return `i32(${bits.map((bit, i) => `(((inv >> ${bit}u) & 1u) << ${i}u)`).join(' | ')})`;
}

interface Slots {
  readonly buffers: ReturnType<Emitter['buffer']>[];
  readonly value: (at: string, d: DType) => string;
  readonly position: (at: string) => string;
  readonly write: (at: string, value: string, position: string, d: DType) => string;
}

function slots(e: Emitter, n: number, fold: Fold): Slots {
  const values = e.buffer('word', n);
  const positions = fold.positions ? e.buffer('word', n) : null;
  const mark = (b: typeof values, at: string): string => `mem1[${sum(offsetMark(b), at)}]`;
  return {
    buffers: positions === null ? [values] : [values, positions],
    value: (at, d) => fromWord(mark(values, at), d),
    position: (at) => (positions === null ? '0i' : fromWord(mark(positions, at), 'i32')),
    write: (at, value, position, d) =>
      `${mark(values, at)} = ${toWord(value, d)};${positions === null ? '' : `\n${mark(positions, at)} = ${toWord(position, 'i32')};`}`,
  };
}
