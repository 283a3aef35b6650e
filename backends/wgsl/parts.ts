import type { Op, Value } from '../../compiler/ir/module.js';
import { type Layout, registerCount } from '../../compiler/layout/layout.js';
import { axisIndexOf, type Emitter, layoutOf, position, product, rankOf, sum, tileOf } from './emitter.js';
import { readElement, type Staged, stage } from './memory.js';
import { component, laneType, pack, widthOf } from './registers.js';

/** Where each register of a tile lies along an axis: the position itself, or one that is counted from elsewhere. */
type Positions = (r: number, axis: number) => string;

const shapeOf = (v: Value): readonly number[] => tileOf(v).shape;

export function emitSlice(e: Emitter, op: Op<'slice'>): void {
  const [x, ...origins] = op.operands as [Value, ...Value[]];
  const result = op.results[0] as Value;
  const own = positionsIn(e, layoutOf(result));
  const texts = origins.map((v) => e.scalar(v));
  const staged = stagedIn(e, x);
  const read = reader(e, staged, shapeOf(x), (r, axis) => sum(texts[axis] ?? '0i', own(r, axis)));
  defineBy(e, result, staged, read);
}

/** Indices outside give the value of some element: they are wrapped into the tile. */
export function emitTake(e: Emitter, op: Op<'take'>): void {
  const [x, ...indices] = op.operands as [Value, ...Value[]];
  const result = op.results[0] as Value;
  const staged = stagedIn(e, x);
  if (rankOf(result) === 0) {
    const texts = indices.map((v) => e.scalar(v));
    const read = reader(e, staged, shapeOf(x), (_, axis) => texts[axis] ?? '0i');
    e.scalars.set(result, e.let(read(0), 'v', [staged.buffer]));
    return;
  }
  const tiles = indices.map((v) => e.tile(v));
  const read = reader(e, staged, shapeOf(x), (r, axis) => {
    const tile = tiles[axis];
    return tile === undefined ? '0i' : component(tile, r);
  });
  defineBy(e, result, staged, read);
}

export function emitInsert(e: Emitter, op: Op<'insert'>): void {
  const [x, part, ...origins] = op.operands as [Value, Value, ...Value[]];
  const result = op.results[0] as Value;
  const layout = layoutOf(result);
  const own = positionsIn(e, layout);
  const shape = shapeOf(part);
  const extents = shape.map((extent, axis) => Math.min(extent, op.attrs.valid?.[axis] ?? extent));
  const texts = origins.map((v) => e.scalar(v));
  // Positions counted from the part's origin: those below its extents are replaced, as one unsigned comparison says.
  const relative = namedOnce(e, (r, axis) => difference(own(r, axis), texts[axis] ?? '0i'));
  const within = (r: number): string =>
    extents.map((extent, axis) => `(u32(${relative(r, axis)}) < ${extent}u)`).join(' & ');
  const staged = stagedIn(e, part);
  const read = reader(e, staged, shape, relative);
  const before = e.rounded(e.tile(x));
  defineBy(e, result, staged, (r) => `select(${component(before, r)}, ${read(r)}, ${within(r)})`);
}

const difference = (a: string, b: string): string => (b === '0i' ? a : `(${a} - ${b})`);

const stagedIn = (e: Emitter, v: Value): Staged => e.staged.get(v) ?? stage(e, v, e.tile(v));

function positionsIn(e: Emitter, layout: Layout): Positions {
  const axes = layout.shape.map((_, axis) => axisIndexOf(e, layout, axis));
  return (r, axis) => {
    const index = axes[axis];
    return index === undefined ? '0i' : position(index.invocation, index, r);
  };
}

function namedOnce(e: Emitter, at: Positions): Positions {
  const memo = new Map<string, string>();
  return (r, axis) => {
    const text = at(r, axis);
    const name = memo.get(text) ?? e.let(text);
    memo.set(text, name);
    return name;
  };
}

/** The element at a position of each register, wrapped into the tile: never the memory of another one. */
function reader(e: Emitter, staged: Staged, shape: readonly number[], at: Positions): (r: number) => string {
  const inside = namedOnce(e, (r, axis) => {
    const extent = shape[axis] ?? 1;
    return extent === 1 ? '0i' : `(${at(r, axis)} & ${extent - 1}i)`;
  });
  return (r) => {
    const where = shape.map((_, axis) => inside(r, axis));
    const row = shape.slice(0, -1).reduce((n, extent, axis) => sum(product(n, extent), where[axis] ?? '0i'), '0i');
    return readElement(e, staged, row, where.at(-1) ?? '0i');
  };
}

/** One expression a register, read from workgroup memory now. */
function defineBy(e: Emitter, result: Value, staged: Staged, read: (r: number) => string): void {
  const registers = registerCount(layoutOf(result));
  const width = widthOf(registers);
  const lane = laneType(staged.dtype);
  const groups = Array.from({ length: registers / width }, (_, g) => {
    const parts = Array.from({ length: width }, (_, i) => read(g * width + i));
    return e.let(pack(lane, parts), 'v', [staged.buffer]);
  });
  e.tiles.set(result, { dtype: tileOf(result).dtype, registers, groups, rounded: true });
}
