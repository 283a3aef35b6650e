import type { Op, Value } from '../../../compiler/ir/module.js';
import { indexParts } from '../../../compiler/layout/axes.js';
import { rank, spanContains } from '../../../compiler/layout/gf2.js';
import { basesOf, equalLayouts, type Layout, makeLayout, registerCount } from '../../../compiler/layout/layout.js';
import { planReduction, type Reduction } from '../../../compiler/layout/reduce.js';
import { type Address, imm, type Operand, type Reg } from '../isa/operand.js';
import { type Emitter, layoutOf, rankOf } from './emitter.js';
import { Exchange, publish } from './exchange.js';
import { type Fold, foldAll, foldOf, type Partial } from './fold.js';
import { add32, xor32 } from './integers.js';
import { scannedTotal } from './scan.js';
import { butterfly, convertedTile } from './shuffle.js';
import { makeTile, type Tile } from './tile.js';

/** Shared memory that one turn of a reduction may take, in words. */
const MOST_WORDS = 2048;

/** Folds in registers, then among the lanes of a warp, then, where warps share a result, through shared memory. */
export function emitReduce(e: Emitter, op: Op<'reduce'>): void {
  const result = op.results[0] as Value;
  const tile = e.tile(op.operands[0] as Value);
  const total = op.attrs.op === 'sum' ? scannedTotal(tile) : null;
  if (total !== null) {
    e.setScalar(result, e.roundedScalar(total, result.type.dtype));
    return;
  }
  const plan = planReduction(tile.layout, op.attrs.axis);
  const fold = foldOf(op.attrs.op, tile.dtype);
  const own = foldLanes(e, plan, fold, foldRegisters(e, tile, op.attrs.axis, plan, fold));
  const parts = plan.partials === 1 ? own : foldWarps(e, plan, fold, own);
  const values = parts.map((p) => fold.finish(e, p));
  const dtype = result.type.dtype;
  if (rankOf(result) === 0) {
    e.setScalar(result, e.roundedScalar(values[0] as Operand, dtype));
    return;
  }
  const made = makeTile(e, dtype, plan.result, { lane: (r) => values[r] as Operand });
  const wanted = layoutOf(result);
  e.setTile(result, equalLayouts(wanted, plan.result) ? made : convertedTile(e, made, wanted));
}

/** One partial result for each register of the result: what the thread itself holds. */
function foldRegisters(e: Emitter, tile: Tile, axis: number, plan: Reduction, fold: Fold): Partial[] {
  const along = indexParts(tile.layout, axis);
  const thread = fold.words === 2 ? e.threadPart({ lane: along.laneBases, warp: along.warpBases }) : imm(0);
  const join = along.disjoint ? add32 : xor32;
  return plan.groups.map((registers) => {
    const parts = registers.map((r) =>
      fold.start(e, tile.lane(r), () => join(e.b, thread, imm(along.register[r] ?? 0))),
    );
    return foldAll(e, fold, parts);
  });
}

/** Register r takes in register r ^ `register` of lane ^ `lane`, for all r at once. */
function foldLanes(e: Emitter, plan: Reduction, fold: Fold, own: Partial[]): Partial[] {
  return plan.shuffles.reduce(
    (parts, { register, lane }) =>
      parts.map((p, r) =>
        fold.combine(
          e,
          p,
          (parts[r ^ register] as Partial).map((word) => butterfly(e, word, lane)),
        ),
      ),
    own,
  );
}

/** Through shared memory, in as many turns as it takes to need little of it; each has the same part of the registers. */
function foldWarps(e: Emitter, plan: Reduction, fold: Fold, own: readonly Partial[]): Partial[] {
  const bits = keptRegisterBits(plan);
  const [partial, result] = [lowRegisters(plan.partial, bits), lowRegisters(plan.result, bits)];
  const numbers = numbersOf(plan);
  const words = Array.from({ length: fold.words }, () => new Exchange(e, partial, numbers));
  const each = 2 ** bits;
  return Array.from({ length: own.length / each }, (_, turn) =>
    foldTurn(e, { partial, result, partials: plan.partials }, fold, own.slice(turn * each, (turn + 1) * each), words),
  ).flat();
}

/** Bases of the numbers of the partial values: the leading axis of plan.partial. */
function numbersOf(plan: Reduction): number[] {
  const tile = plan.result.shape.reduce((n, x) => n * x, 1);
  return Array.from({ length: Math.log2(plan.partials) }, (_, i) => tile * 2 ** i);
}

const lowRegisters = (l: Layout, bits: number): Layout =>
  makeLayout(l.shape, { ...l.ins, register: (l.ins.register ?? []).slice(0, bits) });

/**
 * Register bits of one turn. Fewer need less memory, as long as the warps that share a result meet in the same turn: the
 * numbers of the partial values must be reached without the bits that are left out.
 */
function keptRegisterBits(plan: Reduction): number {
  const numbers = numbersOf(plan);
  for (let bits = Math.log2(registerCount(plan.result)); bits > 0; bits--) {
    const l = lowRegisters(plan.partial, bits);
    const fewer = lowRegisters(plan.partial, bits - 1);
    if (2 ** rank(basesOf(l)) <= MOST_WORDS || !spanContains(basesOf(fewer), numbers)) return bits;
  }
  return 0;
}

interface Turn {
  readonly partial: Layout;
  readonly result: Layout;
  readonly partials: number;
}

function foldTurn(e: Emitter, turn: Turn, fold: Fold, own: readonly Partial[], words: readonly Exchange[]): Partial[] {
  publish(
    e,
    turn.partial,
    words.map((exchange, i) => ({ exchange, word: (r) => own[r]?.[i] as Operand })),
  );
  const rows = words.map((x) => x.rows(turn.result));
  return own.map((_, r) => {
    const columns = rows.map((row) => readRow(e, row(r), turn.partials));
    return foldAll(
      e,
      fold,
      Array.from({ length: turn.partials }, (_, n) => columns.map((column) => column[n] as Operand)),
    );
  });
}

/** Words that lie together, four at a time. */
function readRow(e: Emitter, from: Address, n: number): Reg[] {
  const { b } = e;
  if (n === 2) return b.ops('ld.shared.v2.b32', from);
  return Array.from({ length: n / 4 }, (_, i) =>
    b.ops('ld.shared.v4.b32', { ...from, offset: from.offset + 16 * i }),
  ).flat();
}
