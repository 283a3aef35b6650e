import { Bug } from '../../../compiler/diag/diagnostic.js';
import type { Block, Op, Value } from '../../../compiler/ir/module.js';
import { yielded } from '../../../compiler/ir/rewrite.js';
import type { DType } from '../../../compiler/ir/types.js';
import { axisIndex, indexParts, project } from '../../../compiler/layout/axes.js';
import { type Layout, makeLayout, registerCount } from '../../../compiler/layout/layout.js';
import { imm, type Operand, type Reg } from '../isa/operand.js';
import { ownersOf, type Run, runsOf, straightLayout } from './axis-bits.js';
import type { EmitBlock } from './control.js';
import { memo } from './elements.js';
import { ELEMENTWISE } from './elementwise.js';
import { type Emitter, layoutOf, rankOf } from './emitter.js';
import { inLayout } from './published.js';
import { asWord, fromWord } from './shuffle.js';
import { makeTile, type Tile } from './tile.js';
import type { Truth } from './truth.js';

/** One lane of each operand: floats as f32, masks as predicates. */
export type Lane = readonly Operand[];
export type FoldBy = Op<'reduce_by'> | Op<'scan_by'>;

/** The function of a fold, the tiles that it folds, all in one layout, and where the bits of the position lie in that. */
export class Combining {
  readonly e: Emitter;
  readonly op: FoldBy;
  readonly dtypes: readonly DType[];
  readonly layout: Layout;
  readonly runs: readonly Run[];
  readonly registers: number;
  /** Lanes of the operands by register: computed when they are asked for, line by line. */
  readonly lane: (r: number) => Lane;
  readonly #emitBlock: EmitBlock;
  readonly #present = new Map<string, Truth>();

  constructor(e: Emitter, op: FoldBy, emitBlock: EmitBlock, fits: (runs: readonly Run[]) => boolean) {
    this.e = e;
    this.op = op;
    this.#emitBlock = emitBlock;
    const tiles = op.operands.map((v) => e.tile(v));
    this.dtypes = tiles.map((t) => t.dtype);
    const [first] = tiles as [Tile];
    const { axis } = op.attrs;
    const owners = ownersOf(first.layout, axis);
    const clean = owners !== null && fits(runsOf(owners));
    this.layout = clean ? first.layout : straightLayout(first.layout, axis, e.warps);
    this.runs = runsOf(ownersOf(this.layout, axis) ?? noOwners());
    const laidOut = tiles.map((t) => inLayout(e, t, this.layout));
    this.registers = registerCount(this.layout);
    this.lane = memo((r) => laidOut.map((t) => t.lane(r)));
  }

  /** The region applied to the lanes before and the lanes after. */
  combine(left: Lane, right: Lane): Lane {
    const { e } = this;
    const region = this.op.regions[0] as Block;
    region.args.forEach((v, i) => {
      e.setScalar(v, (i < left.length ? left[i] : right[i - left.length]) as Operand);
    });
    this.#emitBlock(e, region);
    return yielded(region).map((v) => e.scalar(v));
  }

  /** What one of the two is, lane by lane. */
  choose(truth: Truth, yes: () => Lane, no: Lane): Lane {
    if (truth === false) return no;
    const lane = yes();
    return truth === true ? lane : lane.map((x, i) => this.#select(truth, x, no[i] as Operand, i));
  }

  #select(truth: Reg, yes: Operand, no: Operand, i: number): Operand {
    const d = this.dtypes[i] as DType;
    return ELEMENTWISE.select({ b: this.e.b, x: [truth, yes, no], from: d, to: d, op: this.op });
  }

  /** The lane as words, as threads hand them on, and back. */
  words = (lane: Lane): Operand[] => lane.map((x) => asWord(this.e, x));
  fromWords = (words: readonly Operand[]): Lane => words.map((x, i) => fromWord(this.e, x, this.dtypes[i] as DType));

  /** What each word becomes. */
  map(lane: Lane, f: (word: Operand, i: number) => Operand): Lane {
    return this.fromWords(this.words(lane).map(f));
  }

  /** Position of a register of the thread whose bits along the axis are all 0. */
  positionOf(register: number): number {
    const { register: bases = [] } = this.layout.ins;
    return bases.reduce(
      (at, basis, bit) => ((register >>> bit) & 1 ? at ^ axisIndex(this.layout.shape, this.op.attrs.axis, basis) : at),
      0,
    );
  }

  /**
   * Whether the block takes part that begins so far behind the thread's own position, of which the bits below `from` are
   * taken as 0: whether its first position does.
   */
  present(position: number, from: number): Truth {
    const extent = this.layout.shape[this.op.attrs.axis] ?? 1;
    const valid = Math.min(this.op.attrs.valid ?? extent, extent);
    if (position >= valid) return false;
    const { laneBases, warpBases } = indexParts(this.layout, this.op.attrs.axis);
    const upper = (bases: readonly number[]): number[] => bases.map((x) => x & ~(2 ** from - 1));
    const [lane, warp] = [upper(laneBases), upper(warpBases)];
    if (position + [...lane, ...warp].reduce((m, x) => m | x, 0) < valid) return true;
    const key = `${position} ${from}`;
    const known = this.#present.get(key);
    if (known !== undefined) return known;
    const thread = this.e.threadPart({ lane, warp });
    const made = this.e.b.op('setp.lt.u32', thread, imm(valid - position));
    this.#present.set(key, made);
    return made;
  }

  /** Results in the layout of the operands. */
  laidOut(v: Value, i: number, layout: Layout, lanes: readonly Lane[]): void {
    const { e } = this;
    if (rankOf(v) === 0) {
      e.setScalar(v, e.roundedScalar(lanes[0]?.[i] as Operand, v.type.dtype));
      return;
    }
    const made = makeTile(e, v.type.dtype, layout, { lane: (r) => lanes[r]?.[i] as Operand });
    const tile = inLayout(e, made, layoutOf(v));
    tile.force();
    e.setTile(v, tile);
  }

  /** Registers in which nothing of the axis lies, and the layout that they leave without it. */
  get rest(): { readonly registers: readonly number[]; readonly layout: Layout } {
    const along = this.runs.filter((run) => run.dim === 'register').flatMap((run) => run.bits);
    const mask = along.reduce((m, bit) => m | (1 << bit), 0);
    const registers = [...Array(this.registers).keys()].filter((r) => (r & mask) === 0);
    const { shape, ins } = project(this.layout, this.op.attrs.axis);
    const register = (ins.register ?? []).filter((_, bit) => !along.includes(bit));
    return { registers, layout: makeLayout(shape, { ...ins, register }) };
  }
}

const noOwners = (): never => {
  throw new Bug('a straight layout without owners');
};

/** Registers r with each combination of these bits set, in order. */
export const withBits = (r: number, bits: readonly number[]): number[] =>
  Array.from({ length: 2 ** bits.length }, (_, i) => bits.reduce((at, bit, k) => at | (((i >>> k) & 1) << bit), r));
