import { Bug } from '../../../compiler/diag/diagnostic.js';
import type { Op, Value } from '../../../compiler/ir/module.js';
import { axisField } from '../../../compiler/layout/axes.js';
import { combine, solver } from '../../../compiler/layout/gf2.js';
import { type Layout, registerCount } from '../../../compiler/layout/layout.js';
import { f32, imm, type Reg } from '../isa/operand.js';
import { dtypeOf, type Emitter, layoutOf } from './emitter.js';
import { inRegister } from './halves.js';
import { rescale, rescalingOf } from './rescale.js';
import { type BlockAt, skipUnits, type Unit } from './skip-zeros.js';
import { rounded, split } from './tf32.js';
import { makeTile, type Tile } from './tile.js';

/** Register of a layout over [rows, columns] that holds a position relative to the thread's own; null outside the tile. */
export function registerFinder({ shape, ins }: Layout): (row: number, column: number) => number | null {
  const [rows, columns] = [axisField(shape, 0), axisField(shape, 1)];
  const find = solver(ins.register ?? []);
  const known = new Map<number, number | null>();
  return (r, c) => {
    if (r >= rows.extent || c >= columns.extent) return null;
    const element = r * columns.extent + c;
    const before = known.get(element);
    if (before !== undefined) return before;
    const register = find(element);
    known.set(element, register);
    return register;
  };
}

/** Positions of a register relative to the thread's own. */
export function positionsOf({ shape, ins }: Layout, axis: number): (register: number) => number {
  const { extent, shift } = axisField(shape, axis);
  return (r) => (combine(ins.register ?? [], r) >>> shift) & (extent - 1);
}

/** One instruction's tile of a product: sizes, and how it is issued. */
interface Shape {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Offsets (row, column) of the instruction's registers in its tile of the accumulator. */
  readonly d: readonly (readonly [number, number])[];
}

const ACCUMULATOR = [
  [0, 0],
  [0, 1],
  [8, 0],
  [8, 1],
] as const;
const M16N8K16: Shape = { m: 16, n: 8, k: 16, d: ACCUMULATOR };
const M16N8K8: Shape = { m: 16, n: 8, k: 8, d: ACCUMULATOR };
const FMA: Shape = { m: 1, n: 1, k: 1, d: [[0, 0]] };

/** A product being emitted. */
export class Product {
  readonly e: Emitter;
  readonly op: Op<'dot'>;
  readonly a: Tile;
  readonly b: Tile;
  readonly layout: Layout;
  /** Registers of the result, by number; written in place from the first step on. Copies of one element are one register. */
  readonly d: Reg[] = [];
  readonly atA: (row: number, column: number) => number | null;
  readonly atB: (row: number, column: number) => number | null;
  readonly atD: (row: number, column: number) => number | null;
  readonly #rowOf: (register: number) => number;
  readonly #columnOf: (register: number) => number;

  constructor(e: Emitter, op: Op<'dot'>) {
    const [a, b, acc] = op.operands;
    const result = op.results[0];
    if (a === undefined || b === undefined || result === undefined) throw new Bug('a dot without operands');
    this.e = e;
    this.op = op;
    this.a = e.tile(a);
    this.b = e.tile(b);
    this.layout = layoutOf(result);
    [this.#rowOf, this.#columnOf] = [positionsOf(this.layout, 0), positionsOf(this.layout, 1)];
    [this.atA, this.atB, this.atD] = [this.a.layout, this.b.layout, this.layout].map(registerFinder) as [
      Product['atA'],
      Product['atB'],
      Product['atD'],
    ];
    const scaled = acc === undefined ? null : rescalingOf(acc);
    const start = acc === undefined ? null : e.tile(scaled?.from ?? acc);
    for (let r = 0; r < registerCount(this.layout); r++) {
      const copied = this.d[this.#firstHolder(r)];
      const d = copied ?? e.b.reg('b32');
      if (copied === undefined) e.b.into('mov.b32', d, start === null ? f32(0) : start.lane(r));
      this.d.push(d);
    }
    if (scaled !== null) rescale(e, this.d, e.tile(scaled.factor));
  }

  /** Rows outside, columns inside: where each register's element lies relative to the thread's own, each once. */
  get elements(): readonly BlockAt[] {
    const first = this.d.map((_, r) => r).filter((r) => this.#firstHolder(r) === r);
    return first
      .map((r) => ({ row: this.#rowOf(r), column: this.#columnOf(r) }))
      .sort((x, y) => x.row - y.row || x.column - y.column);
  }

  /** The register that `atD` finds for what register r holds: itself, or the first of its copies. */
  #firstHolder(r: number): number {
    return this.atD(this.#rowOf(r), this.#columnOf(r)) ?? none();
  }
}

/** Groups of copies beside one product: ptxas puts three reads of shared memory before each, to keep their order. */
const COPY_GROUPS = 3;

export function emitDot(e: Emitter, op: Op<'dot'>): void {
  const product = new Product(e, op);
  const shape = shapeOf(op);
  const step = stepOf(product);
  const [inner = 1] = op.operands[1]?.type.kind === 'tile' ? op.operands[1].type.shape : [];
  const blocks = tilesOf(product, shape);
  const units = skipUnits(product, blocks, shape.k, inner);
  const stepsOf = (u: Unit): number => (u.kTo - u.kFrom) / shape.k;
  const always = units.reduce((n, u) => (u.always ? n + stepsOf(u) : n), 0);
  const beside = Math.ceil(e.deferred.size / Math.max(1, Math.min(always, COPY_GROUPS)));
  for (const unit of units)
    unit.guard(() => {
      for (let k = unit.kFrom; k < unit.kTo; k += shape.k) {
        if (unit.always && e.deferred.size > 0) {
          // Behind the fragments of this step: those of the next one may then move up beside its products.
          for (const at of unit.blocks) readFragments(product, at, k);
          e.deferred.issue(beside);
        }
        for (const at of unit.blocks) step(at, k);
      }
    });
  const v = op.results[0] as Value;
  e.setTile(v, makeTile(e, dtypeOf(v), layoutOf(v), { lane: (r) => product.d[r] ?? none() }));
}

const none = (): never => {
  throw new Bug('a product has fewer registers than its layout');
};

function shapeOf(op: Op<'dot'>): Shape {
  switch (op.attrs.instr) {
    case 'm16n8k16':
      return M16N8K16;
    case 'm16n8k8':
      return M16N8K8;
    case 'fma':
      return FMA;
    default:
      throw new Bug(`a dot without an instruction: ${op.attrs.instr}`);
  }
}

/** Where the thread's instruction tiles begin: rows outside, columns inside. */
const tilesOf = ({ elements }: Product, { m, n }: Shape): BlockAt[] =>
  elements.filter((at) => at.row % m === 0 && at.column % n === 0);

/** Reads what a step multiplies. */
function readFragments(p: Product, at: BlockAt, k: number): void {
  if (p.op.attrs.instr !== 'm16n8k16') return;
  for (const [r, c] of OPERAND_A16) {
    const register = p.atA(at.row + r, k + c);
    if (register !== null) p.a.pair(register >> 1);
  }
  for (const c of [0, 8]) p.b.pair((p.atB(k + c, at.column) ?? none()) >> 1);
}

type Step = (at: BlockAt, k: number) => void;

function stepOf(p: Product): Step {
  switch (p.op.attrs.instr) {
    case 'm16n8k16':
      return (at, k) => mma16(p, at, k);
    case 'm16n8k8':
      return mmaTf32(p);
    default:
      return (at, k) => multiplyAdd(p, at, k);
  }
}

/** Rows that the tile does not have (fewer than 16) are zeros going in and dropped coming out. */
function accumulators(p: Product, at: BlockAt): Reg[] {
  return ACCUMULATOR.map(([r, c]) => {
    const register = p.atD(at.row + r, at.column + c);
    return register === null ? p.e.b.reg('b32') : (p.d[register] ?? none());
  });
}

const zero = (p: Product): Reg => inRegister(p.e, imm(0));

function withZeros(p: Product, d: readonly Reg[], at: BlockAt): Reg[] {
  return d.map((reg, i) => {
    const [r = 0, c = 0] = ACCUMULATOR[i] ?? [];
    return p.atD(at.row + r, at.column + c) === null ? zero(p) : reg;
  });
}

/** Rows and columns of the register pairs of A of m16n8k16. */
const OPERAND_A16 = [
  [0, 0],
  [8, 0],
  [0, 8],
  [8, 8],
] as const;

function mma16(p: Product, at: BlockAt, k: number): void {
  const a = OPERAND_A16.map(([r, c]) => {
    const register = p.atA(at.row + r, k + c);
    return register === null ? zero(p) : p.a.pair(register >> 1);
  });
  const pairB = (c: number): Reg => p.b.pair((p.atB(k + c, at.column) ?? none()) >> 1);
  const d = accumulators(p, at);
  const name =
    p.a.dtype === 'f16'
      ? 'mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32'
      : 'mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32';
  p.e.b.into(name, d, a, [pairB(0), pairB(8)], withZeros(p, d, at));
}

const MMA_TF32 = 'mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32';

/**
 * Products of f32 in tf32: rounded to it, or (tf32x3) each operand as a sum of two tf32, of whose four products the
 * smallest is left out: 2^-22 relative. Ootomo and Yokota 2022, "Recovering single precision accuracy from Tensor Cores".
 */
function mmaTf32(p: Product): Step {
  const parts = p.op.attrs.precision === 'tf32' ? rounded : split;
  const [a, b] = [parts(p.e, p.a), parts(p.e, p.b)];
  const lanesA = (t: Tile, at: BlockAt, k: number): Reg[] =>
    OPERAND_A8.map(([r, c]) => {
      const register = p.atA(at.row + r, k + c);
      return register === null ? zero(p) : inRegister(p.e, t.lane(register));
    });
  const lanesB = (t: Tile, at: BlockAt, k: number): Reg[] =>
    [0, 1].map((c) => inRegister(p.e, t.lane(p.atB(k + c, at.column) ?? none())));
  return (at, k) => {
    const d = accumulators(p, at);
    const issue = (x: Tile, y: Tile): void =>
      p.e.b.into(MMA_TF32, d, lanesA(x, at, k), lanesB(y, at, k), withZeros(p, d, at));
    if (a.rest !== null && b.rest !== null) {
      issue(a.rest, b.big);
      issue(a.big, b.rest);
    }
    issue(a.big, b.big);
  };
}

/** Rows and columns of the registers of A of m16n8k8, the summation index permuted as `operandLayout` has it. */
const OPERAND_A8 = [
  [0, 0],
  [8, 0],
  [0, 1],
  [8, 1],
] as const;

function multiplyAdd(p: Product, at: BlockAt, k: number): void {
  const a = p.a.lane(p.atA(at.row, k) ?? none());
  const b = p.b.lane(p.atB(k, at.column) ?? none());
  const d = p.d[p.atD(at.row, at.column) ?? none()] ?? none();
  p.e.b.into('fma.rn.f32', d, a, b, d);
}
