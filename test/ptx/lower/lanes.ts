import { emulate, GlobalMemory, parsePtx } from '../../../backends/ptx/emulator/index.js';
import { PtxBuilder } from '../../../backends/ptx/isa/builder.js';
import { at, f32, f32Bits, f32OfBits, imm, type Operand, type Reg } from '../../../backends/ptx/isa/operand.js';
import { ptxModule } from '../../../backends/ptx/isa/print.js';
import { ELEMENTWISE, type ElementwiseName } from '../../../backends/ptx/lower/elementwise.js';
import { targetFor } from '../../../backends/ptx/target.js';
import { newBlock, newOp, newValue, type Op } from '../../../compiler/ir/module.js';
import { type DType, isFloat, scalarType } from '../../../compiler/ir/types.js';
import type { AttrsOf } from '../../../compiler/ops/table.js';

/** One elementwise op on scalars of given dtypes. */
export interface LaneOp {
  readonly op: Op<ElementwiseName>;
  readonly operands: readonly DType[];
  /** What LaneContext calls `from` and `to`. */
  readonly from: DType;
  readonly to: DType;
}

export function laneOp<N extends ElementwiseName>(
  name: N,
  operands: readonly DType[],
  to: DType,
  attrs: AttrsOf<N>,
): LaneOp {
  const values = operands.map((d) => newValue(scalarType(d), newBlock([])));
  const op = newOp(name, values, attrs, [scalarType(to)]) as unknown as Op<ElementwiseName>;
  return { op, operands, from: operands[name === 'select' ? 1 : 0] as DType, to };
}

const BLOCK = 128;

/** Numbers as the words that registers hold: floats of every width as f32, masks as 0 and 1. */
const wordOf = (x: number, d: DType): number => (isFloat(d) ? f32Bits(x) : x >>> 0);
const numberOf = (word: number, d: DType): number => (isFloat(d) ? f32OfBits(word) : d === 'i32' ? word | 0 : word);
export const literalOf = (x: number, d: DType): Operand => (isFloat(d) ? f32(x) : imm(x));

/** Operand i of every lane: numbers, or one number that is an immediate. */
export type Column = readonly number[] | number;

/** Adds a kernel body that applies the op to word `thread` of its input buffers, the first of which is `b<first>`. */
function emitLane(
  b: PtxBuilder,
  { op, operands, from, to }: LaneOp,
  columns: readonly Column[],
  first: number,
): Operand {
  const offset = threadOffset(b);
  const x = operands.map((d, i): Operand => {
    const column = columns[i];
    if (typeof column === 'number') return literalOf(column, d);
    const word = b.op('ld.global.b32', at(b.op('add.s64', b.op('ld.param.b64', at(`b${first + i}`)), offset)));
    return d === 'i1' ? b.op('setp.ne.s32', word, imm(0)) : word;
  });
  return ELEMENTWISE[op.name]({ b, x, from, to, op });
}

function threadOffset(b: PtxBuilder): Reg {
  const thread = b.op('mad.lo.s32', b.special('%ctaid.x'), imm(BLOCK), b.special('%tid.x'));
  return b.op('mul.wide.s32', thread, imm(4));
}

function storeWord(b: PtxBuilder, x: Operand, d: DType, param: string): void {
  const word = d === 'i1' && x.kind === 'reg' ? b.op('selp.b32', imm(1), imm(0), x) : x;
  b.exec('st.global.b32', at(b.op('add.s64', b.op('ld.param.b64', at(param)), threadOffset(b))), word);
}

/** The op on every lane, on the emulator of sm_80; `edit` may change the program. */
export function runLanes(
  lane: LaneOp,
  columns: readonly Column[],
  edit: (ptx: string) => string = (ptx) => ptx,
): number[] {
  const count = columns.reduce((n: number, c) => (typeof c === 'number' ? n : c.length), 1);
  const padded = Math.ceil(count / BLOCK) * BLOCK;
  const b = new PtxBuilder(targetFor(80));
  storeWord(b, emitLane(b, lane, columns, 0), lane.to, `b${columns.length}`);
  const text = edit(moduleOf(b, columns.length + 1));
  const memory = new GlobalMemory();
  const output = new Uint32Array(padded);
  const buffers = [...columns.map((c, i) => inputWords(c, lane.operands[i] as DType, padded)), output];
  const addresses = buffers.map((words, i) => memory.add(`b${i}`, words.buffer as ArrayBuffer, words.byteLength));
  const params = new Uint8Array(BigUint64Array.from(addresses).buffer);
  const [grid, block] = [[padded / BLOCK, 1, 1] as const, [BLOCK, 1, 1] as const];
  emulate(parsePtx(text), { entry: 'lanes', grid, block, sharedBytes: 0, params, memory });
  return Array.from(output.subarray(0, count), (word) => numberOf(word, lane.to));
}

function inputWords(column: Column, d: DType, count: number): Uint32Array {
  const numbers = typeof column === 'number' ? [column] : column;
  return Uint32Array.from({ length: count }, (_, i) => wordOf(numbers[i % numbers.length] as number, d));
}

function moduleOf(b: PtxBuilder, buffers: number): string {
  const params = Array.from({ length: buffers }, (_, i) => ({ name: `b${i}` }));
  return ptxModule({ target: b.target, entry: 'lanes', params, block: [BLOCK, 1, 1], body: b });
}

/** A module with many ops, one after the other: what the assembler is asked about. */
export function moduleOfAll(lanes: readonly { lane: LaneOp; columns: readonly Column[] }[], sm: number): string {
  const b = new PtxBuilder(targetFor(sm));
  for (const { lane, columns } of lanes) storeWord(b, emitLane(b, lane, columns, 0), lane.to, 'b3');
  return moduleOf(b, 4);
}
