import { Bug } from '../../../compiler/diag/diagnostic.js';
import type { Op, Value } from '../../../compiler/ir/module.js';
import { is16Bit } from '../../../compiler/ir/types.js';
import { indexParts } from '../../../compiler/layout/axes.js';
import { combine, solver } from '../../../compiler/layout/gf2.js';
import { type Layout, mapBases } from '../../../compiler/layout/layout.js';
import { indexInPart } from '../../../compiler/layout/parts.js';
import { dropDuplicateRegisters } from '../../../compiler/layout/shape.js';
import { imm, type Operand, type Reg } from '../isa/operand.js';
import { elementAddresses, memo, takeElements } from './elements.js';
import { ELEMENTWISE } from './elementwise.js';
import { type Emitter, layoutOf } from './emitter.js';
import { sub32, xor32 } from './integers.js';
import { inLayout, published } from './published.js';
import { makeTile, type Tile } from './tile.js';
import { and, equal, type Truth, within } from './truth.js';

/** One axis of an insertion: where elements of the whole lie in the part. */
interface Along {
  /** Position in the part of register r, as a number without a sign: far too large before the part. */
  readonly position: (r: number) => Operand;
  readonly inside: (r: number) => Truth;
  /** Registers with the same key have the same position. */
  readonly key: (r: number) => number;
}

/**
 * Each thread chooses, register by register, between what it has and its element of the part. Where the part begins at a
 * multiple of its extents, that element is known while emitting, and the part is brought into the layout that has it
 * there; elsewhere it is read in shared memory.
 */
export function emitInsert(e: Emitter, op: Op<'insert'>): void {
  const [x, part] = [op.operands[0] as Value, op.operands[1] as Value];
  const result = op.results[0] as Value;
  const layout = layoutOf(result);
  const [whole, inner] = [inLayout(e, e.tile(x), layout), e.tile(part)];
  const axes = layout.shape.map((_, axis) => along(e, op, layout, axis));
  const fits = inner.layout.shape.every(
    (n, axis) => isAll(op, axis) || e.multiple(op.operands[2 + axis] as Value) % n === 0,
  );
  const from = fits ? inPlace(e, inner, layout) : fromMemory(e, inner, layout, axes);
  const made = chosen(e, op, whole, from, insideOf(e, axes));
  made.force();
  e.setTile(result, made);
}

const shapeOf = (v: Value | undefined): readonly number[] => {
  if (v?.type.kind !== 'tile') throw new Bug('a tile was expected');
  return v.type.shape;
};

const reachOf = (op: Op<'insert'>, axis: number): number =>
  op.attrs.valid?.[axis] ?? shapeOf(op.operands[1])[axis] ?? 1;

/** The part is as long as the tile: it begins at 0. */
const isAll = (op: Op<'insert'>, axis: number): boolean => reachOf(op, axis) === shapeOf(op.operands[0])[axis];

function along(e: Emitter, op: Op<'insert'>, layout: Layout, axis: number): Along {
  const valid = reachOf(op, axis);
  const all = isAll(op, axis);
  const origin = all ? imm(0) : e.scalar(op.operands[2 + axis] as Value);
  const { register, laneBases, warpBases } = indexParts(layout, axis);
  const thread = e.threadPart({ lane: laneBases, warp: warpBases });
  const own = (key: number): Operand => xor32(e.b, thread, imm(key));
  const position = memo((key: number) => sub32(e.b, own(key), origin));
  const inside = memo((key: number): Truth => {
    if (all) return true;
    return valid === 1 ? equal(e.b, own(key), origin) : within(e.b, position(key), null, imm(valid));
  });
  const key = (r: number): number => register[r] ?? 0;
  return { key, position: (r) => position(key(r)), inside: (r) => inside(key(r)) };
}

/** Whether register r lies in the part: one condition for all registers whose positions agree. */
function insideOf(e: Emitter, axes: readonly Along[]): (r: number) => Truth {
  const known = new Map<string, Truth>();
  return (r) => {
    const key = axes.map((a) => (a.inside(r) === true ? '' : a.key(r))).join(' ');
    const truth = known.get(key) ?? and(e.b, ...axes.map((a) => a.inside(r)));
    known.set(key, truth);
    return truth;
  };
}

/** What each register of the whole takes of the part, if it lies in it. */
interface Replacement {
  readonly tile: Tile;
  readonly register: (r: number) => number;
}

function inPlace(e: Emitter, part: Tile, whole: Layout): Replacement {
  const { shape } = part.layout;
  const inPart = (index: number): number => indexInPart(whole.shape, shape, index);
  const layout = dropDuplicateRegisters(mapBases(whole, shape, inPart));
  const find = solver(layout.ins.register ?? []);
  const register = (r: number): number => {
    const found = find(inPart(combine(whole.ins.register ?? [], r)));
    if (found === null) throw new Bug('insert: no register of the part has the element');
    return found;
  };
  return { tile: inLayout(e, part, layout), register };
}

function fromMemory(e: Emitter, part: Tile, whole: Layout, axes: readonly Along[]): Replacement {
  const at = published(e, part);
  const address = elementAddresses(e, at, (axis, r) => axes[axis]?.position(r) ?? imm(0));
  return { tile: takeElements(e, at, whole, address), register: (r) => r };
}

function chosen(
  e: Emitter,
  op: Op<'insert'>,
  whole: Tile,
  { tile: part, register }: Replacement,
  inside: (r: number) => Truth,
): Tile {
  const { dtype } = whole;
  const select = (r: number, yes: () => Operand, no: () => Operand): Operand => {
    const truth = inside(r);
    if (typeof truth === 'boolean') return truth ? yes() : no();
    return ELEMENTWISE.select({ b: e.b, x: [truth, yes(), no()], from: dtype, to: dtype, op });
  };
  const inPairs = (i: number): boolean => {
    const [r, s] = [2 * i, 2 * i + 1];
    return inside(r) === inside(s) && (register(r) & 1) === 0 && register(s) === register(r) + 1;
  };
  const pairs = Array.from({ length: whole.registers >> 1 }, (_, i) => i);
  if (is16Bit(dtype) && pairs.length > 0 && pairs.every(inPairs))
    return makeTile(e, dtype, whole.layout, {
      pair: (i) =>
        select(
          2 * i,
          () => part.pair(register(2 * i) >> 1),
          () => whole.pair(i),
        ) as Reg,
    });
  return makeTile(e, dtype, whole.layout, {
    lane: (r) =>
      select(
        r,
        () => part.lane(register(r)),
        () => whole.lane(r),
      ),
  });
}
