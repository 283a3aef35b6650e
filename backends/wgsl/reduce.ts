import { Bug } from '../../compiler/diag/diagnostic.js';
import type { Op, Value } from '../../compiler/ir/module.js';
import { type DType, sizeOf } from '../../compiler/ir/types.js';
import { divideLeft } from '../../compiler/layout/algebra.js';
import { permuteAxes } from '../../compiler/layout/axes.js';
import { storedRegisters } from '../../compiler/layout/holders.js';
import { equalLayouts, type Layout, mapBases, registerCount, tileBits } from '../../compiler/layout/layout.js';
import { planReduction, type Reduction } from '../../compiler/layout/reduce.js';
import { reshapeLayout } from '../../compiler/layout/shape.js';
import { extremum } from './elementwise.js';
import { axisIndexOf, type Emitter, layoutOf, position, product, rankOf, sum, tileOf } from './emitter.js';
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
    // Without a branch, and the position first: it compares with what the value was.
    combine: (x, px, y, py) => {
      const wins = `((${y} ${o} ${x}) | ((${y} == ${x}) & (${py} < ${px})) | ((${x} != ${x}) & (${y} == ${y})))`;
      return `${px} = select(${px}, ${py}, ${wins});\n${x} = select(${y}, ${x}, (${px} != ${py}));`;
    },
  });
  switch (op) {
    case 'sum':
      return plain((x, y) => `${x} + ${y}`);
    case 'max':
      return plain((x, y) => extremum(d, 'max', x, y));
    case 'min':
      return plain((x, y) => extremum(d, 'min', x, y));
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

/** Names of the variables of a partial result; `position` only where the fold has positions. */
interface Partial {
  readonly value: string;
  readonly position: string;
}

/** Layouts whose tile is seen as a line: partials in memory as [place in the result][number], and the results alone. */
interface Lines {
  readonly partial: Layout;
  readonly result: Layout;
}

export function emitReduce(e: Emitter, op: Op<'reduce'>): void {
  const [source, result] = [op.operands[0] as Value, op.results[0] as Value];
  const { dtype } = tileOf(source);
  const plan = planReduction(layoutOf(source), op.attrs.axis);
  const fold = foldOf(op.attrs.op, dtype);
  const own = foldRegisters(e, source, op.attrs.axis, plan, fold);
  const folded = plan.partials === 1 ? own : combineInTurns(e, plan, own, fold, dtype);
  const values = folded.map((p) => (fold.positions ? p.position : p.value));
  const to = tileOf(result).dtype;
  if (rankOf(result) === 0) {
    e.scalars.set(result, e.roundedScalar(values[0] ?? '', to));
    return;
  }
  if (!equalLayouts(layoutOf(result), plan.result)) throw new Bug('reduce: the result has another layout');
  const width = widthOf(values.length);
  const groups = Array.from({ length: values.length / width }, (_, g) =>
    pack(laneType(to), values.slice(g * width, (g + 1) * width)),
  );
  e.define(result, groups, false);
}

/** One partial for each register of the result: what the invocation itself holds. */
function foldRegisters(e: Emitter, source: Value, axis: number, plan: Reduction, fold: Fold): Partial[] {
  const tile = e.tile(source);
  const along = axisIndexOf(e, layoutOf(source), axis);
  const lane = laneType(tile.dtype);
  return plan.groups.map((registers) => {
    const made = { value: e.name('r'), position: e.name('q') };
    registers.forEach((r, i) => {
      const [x, p] = [component(tile, r), fold.positions ? position(along.invocation, along, r) : '0i'];
      if (i > 0) e.line(fold.combine(made.value, made.position, x, p));
      else {
        e.line(`var ${made.value}: ${lane} = ${x};`);
        if (fold.positions) e.line(`var ${made.position}: i32 = ${p};`);
      }
    });
    return made;
  });
}

/** Through memory, all at once or, where that would take too much, in turns, each with the places of some registers. */
function combineInTurns(e: Emitter, plan: Reduction, own: Partial[], fold: Fold, dtype: DType): Partial[] {
  const rank = plan.result.shape.length;
  const placesFirst = [...Array.from({ length: rank }, (_, i) => i + 1), 0];
  let lines: Lines = { partial: asLine(permuteAxes(plan.partial, placesFirst)), result: asLine(plan.result) };
  while (sizeOf(lines.partial.shape) * (fold.positions ? 2 : 1) > MOST_WORDS) {
    const [partial, result] = [withoutLastRegister(lines.partial), withoutLastRegister(lines.result)];
    if (partial === null || result === null) break;
    lines = { partial, result };
  }
  const each = registerCount(lines.result);
  return Array.from({ length: own.length / each }, (_, turn) =>
    combineThroughMemory(e, lines, own.slice(turn * each, (turn + 1) * each), fold, dtype),
  ).flat();
}

const asLine = (l: Layout): Layout => reshapeLayout(l, [2 ** tileBits(l.shape)]);

/** Half of a line: where the last register bit is 0. Null where no index bit belongs to that register bit alone. */
function withoutLastRegister(l: Layout): Layout | null {
  const register = l.ins.register ?? [];
  const image = register.at(-1) ?? 0;
  if (image === 0 || (image & (image - 1)) !== 0) return null;
  const rest = divideLeft(l, [{ dim: 'register', bit: register.length - 1, image }]);
  const low = image - 1;
  return rest && mapBases(rest, [sizeOf(l.shape) / 2], (b) => ((b >>> 1) & ~low) | (b & low));
}

/** Rounds of RADIX fold partials until few enough are left for each reader to fold those of the results that it holds. */
function combineThroughMemory(e: Emitter, lines: Lines, own: Partial[], fold: Fold, dtype: DType): Partial[] {
  const [at, place] = [axisIndexOf(e, lines.partial, 0), axisIndexOf(e, lines.result, 0)];
  const places = sizeOf(lines.result.shape);
  let parts = sizeOf(lines.partial.shape) / places;
  let from = slots(e, places * parts, fold);
  const writes = storedRegisters(lines.partial).map((r) => {
    const { value, position: p } = own[r] as Partial;
    return from.write(position(at.invocation, at, r), value, p, dtype);
  });
  e.line(elected(e, lines.partial, writes.join('\n')), [], from.buffers);
  while (parts > (own.length > MOST_FOLDS ? 1 : RADIX)) {
    const radix = Math.min(RADIX, parts);
    parts /= radix;
    from = foldRound(e, from, places * parts, radix, fold, dtype);
  }
  return own.map((_, r) => foldRow(e, from, product(position(place.invocation, place, r), parts), parts, fold, dtype));
}

/** Folds runs of `radix` partials into `n`, each by one invocation. */
function foldRound(e: Emitter, from: Slots, n: number, radix: number, fold: Fold, dtype: DType): Slots {
  const to = slots(e, n, fold);
  const [i, j, x, p] = [e.name('n'), e.name('j'), e.name('x'), e.name('x')];
  const first = product(i, radix);
  const body = [
    `for (var ${i} = i32(inv); ${i} < ${n}i; ${i} += ${e.threads}i) {`,
    `var ${x}: ${laneType(dtype)} = ${from.value(first, dtype)};`,
    ...(fold.positions ? [`var ${p}: i32 = ${from.position(first)};`] : []),
    `for (var ${j} = 1i; ${j} < ${radix}i; ${j}++) {`,
    ...foldFrom(e, from, sum(first, j), x, p, fold, dtype),
    '}',
    to.write(i, x, p, dtype),
    '}',
  ];
  e.line(body.join('\n'), from.buffers, to.buffers);
  return to;
}

/** The fold of `parts` partials from `first` on, by every invocation for itself. */
function foldRow(e: Emitter, from: Slots, first: string, parts: number, fold: Fold, dtype: DType): Partial {
  const [value, p, j] = [e.name('r'), e.name('q'), e.name('j')];
  e.line(`var ${value}: ${laneType(dtype)} = ${from.value(first, dtype)};`, from.buffers);
  if (fold.positions) e.line(`var ${p}: i32 = ${from.position(first)};`, from.buffers);
  const rest = foldFrom(e, from, sum(first, j), value, p, fold, dtype);
  if (parts > 1) e.line([`for (var ${j} = 1i; ${j} < ${parts}i; ${j}++) {`, ...rest, '}'].join('\n'), from.buffers);
  return { value, position: p };
}

function foldFrom(e: Emitter, from: Slots, at: string, x: string, p: string, fold: Fold, d: DType): string[] {
  const [y, q] = [e.name('y'), e.name('y')];
  const lines = [`let ${y} = ${from.value(at, d)};`];
  if (fold.positions) lines.push(`let ${q} = ${from.position(at)};`);
  return [...lines, fold.combine(x, p, y, q)];
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
