import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { f32OfBits } from '../../../backends/ptx/isa/operand.js';
import { type ElementwiseName, isElementwiseName } from '../../../backends/ptx/lower/elementwise.js';
import { type DType, is16Bit, isFloat } from '../../../compiler/ir/types.js';
import { allowedError } from '../../../compiler/ops/accuracy.js';
import { roundTo } from '../../../compiler/ops/round.js';
import { isElementwise, OP_NAMES, opRow } from '../../../compiler/ops/table.js';
import { assemble, PTXAS, WITH_PTXAS } from '../isa/ptxas.js';
import { type Column, type LaneOp, laneOp, moduleOfAll, runLanes } from './lanes.js';

const FLOATS: readonly DType[] = ['f32', 'f16', 'bf16'];
const INTS: readonly DType[] = ['i32', 'u32'];
const ALL: readonly DType[] = [...FLOATS, ...INTS, 'i1'];
const PREDICATES = ['lt', 'le', 'gt', 'ge', 'eq', 'ne'];

/** Every op on every dtype that it takes. */
function everyLane(): LaneOp[] {
  const unary = (name: ElementwiseName, dtypes: readonly DType[]): LaneOp[] =>
    dtypes.map((d) => laneOp(name, [d], d, {}));
  const binary = (name: ElementwiseName, dtypes: readonly DType[]): LaneOp[] =>
    dtypes.map((d) => laneOp(name, [d, d], d, {}));
  const functions = OP_NAMES.filter(isElementwiseName).filter((n) => FLOAT_FUNCTIONS.has(n));
  return [
    ...functions.flatMap((n) => unary(n, FLOATS)),
    ...(['neg', 'abs'] as const).flatMap((n) => unary(n, [...FLOATS, ...INTS])),
    ...unary('not', [...INTS, 'i1']),
    ...(['add', 'sub', 'mul', 'rem', 'max', 'min'] as const).flatMap((n) => binary(n, [...FLOATS, ...INTS])),
    ...binary('div', FLOATS),
    ...(['idiv', 'shl', 'shr', 'ushr'] as const).flatMap((n) => binary(n, INTS)),
    ...(['and', 'or', 'xor'] as const).flatMap((n) => binary(n, [...INTS, 'i1'])),
    ...binary('mulhi', ['u32']),
    ...ALL.flatMap((d) =>
      PREDICATES.filter((p) => d !== 'i1' || p === 'eq' || p === 'ne').map((pred) =>
        laneOp('cmp', [d, d], 'i1', { pred }),
      ),
    ),
    ...ALL.map((d) => laneOp('select', ['i1', d, d], d, {})),
    ...ALL.flatMap((d) => [...FLOATS, ...INTS].map((to) => laneOp('cast', [d], to, { to }))),
    ...(['f32', 'i32', 'u32'] as const).flatMap((d) =>
      (['f32', 'i32', 'u32'] as const).map((to) => laneOp('bitcast', [d], to, { to })),
    ),
  ];
}

const FLOAT_FUNCTIONS = new Set<string>([
  ...['exp', 'exp2', 'log', 'log2', 'log1p', 'sqrt', 'rsqrt', 'sigmoid', 'tanh', 'erf', 'sin', 'cos'],
  ...['floor', 'ceil', 'round'],
]);
const LANES = everyLane();
const titleOf = ({ op, operands, to }: LaneOp): string =>
  `${op.name} ${Object.values(op.attrs).join(' ')} ${operands.join(', ')} -> ${to}`;

function expected({ op, operands, from }: LaneOp, x: readonly number[]): number {
  const { evaluate } = opRow(op.name);
  if (evaluate === undefined) throw new Error(`${op.name} is not elementwise`);
  return evaluate(x, op.name === 'select' ? (operands[1] as DType) : from, op.attrs as Parameters<typeof evaluate>[2]);
}

/** What is wrong with a lane, or null. */
function fault(lane: LaneOp, x: readonly number[], got: number): string | null {
  const want = expected(lane, x);
  const say = `${titleOf(lane)}: (${x.join(', ')}) gives ${got}, should be ${want}`;
  if (!isFloat(lane.to)) return got === want ? null : say;
  const exact =
    lane.op.name === 'cast' ? roundTo(lane.to, is16Bit(lane.to) ? Math.fround(want) : want) : Math.fround(want);
  if (Object.is(got, exact) || (got === 0 && exact === 0)) return null;
  // Folded constants are rounded to their dtype, as arithmetic may be.
  if (Object.is(got, roundTo(lane.to, exact))) return null;
  // Folded constants are exact in f32.
  const allowed = allowedError(lane.op.name, lane.from, 'f32', 'ptx', x[0] ?? 0, want);
  // What flushes is 0; what lies at the end of the range may step over it.
  if (!Number.isFinite(got)) return Math.abs(want) + allowed >= 2 ** 128 ? null : say;
  return Math.abs(got - want) <= allowed ? null : say;
}

const EDGES: Readonly<Record<string, readonly number[]>> = {
  float: [
    0,
    -0,
    1,
    -1,
    0.5,
    -0.5,
    1.5,
    2.5,
    -3.5,
    0.1,
    7,
    100,
    -1e5,
    3e9,
    -3e9,
    5e9,
    Infinity,
    -Infinity,
    NaN,
    1e-6,
    2 ** 31,
  ],
  f32: [2 ** -149, -(2 ** -130), 2 ** -126, 3.4e38, -3.4e38, 0.55, 0.92, 2 ** 23 + 1, 8388607.5, 131071.7],
  f16: [2 ** -24, 65504],
  bf16: [2 ** -133, 3.3e38],
  i32: [0, 1, -1, 2, 7, 31, 32, -33, 2 ** 31 - 1, -(2 ** 31), 16777217, -16777219, 65535],
  u32: [0, 1, 2, 7, 31, 32, 33, 2 ** 32 - 1, 2 ** 31, 16777217, 65535],
  i1: [0, 1],
};
const edgesOf = (d: DType): number[] =>
  [...(isFloat(d) ? (EDGES.float ?? []) : []), ...(EDGES[d] ?? [])].map((x) => roundTo(d, x));

const bits = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
function numberOf(d: DType): fc.Arbitrary<number> {
  const edge = fc.constantFrom(...edgesOf(d));
  if (d === 'i1') return edge;
  if (!isFloat(d))
    return fc.oneof(
      edge,
      bits.map((b) => (d === 'u32' ? b >>> 0 : b)),
    );
  const near = fc.double({ min: -100, max: 100, noNaN: true }).map((x) => roundTo(d, x));
  const small = fc.double({ min: -2, max: 2, noNaN: true }).map((x) => roundTo(d, x));
  return fc.oneof(
    edge,
    near,
    small,
    bits.map((b) => roundTo(d, f32OfBits(b >>> 0))),
  );
}

/** idiv and rem of integers trap where the interpreter does. */
function defined(lane: LaneOp, x: readonly number[]): boolean {
  try {
    expected(lane, x);
    return true;
  } catch {
    return false;
  }
}

/** Rows of operands: every pair of edges, and random ones. */
function rowsFor(lane: LaneOp, seed: number): number[][] {
  const [a = 'f32', b] = lane.operands;
  const random = fc.sample(fc.tuple(...lane.operands.map(numberOf)), { numRuns: 500, seed });
  const crossed = edgesOf(a).flatMap((x) => (b === undefined ? [[x]] : edgesOf(b).map((y) => [x, y])));
  const edges = lane.operands.length === 3 ? [] : crossed;
  return [...edges, ...random].filter((x) => defined(lane, x));
}

const columnsOf = (rows: readonly (readonly number[])[]): number[][] =>
  (rows[0] ?? []).map((_, i) => rows.map((x) => x[i] as number));

describe('elementwise lanes', () => {
  it('cover every elementwise op', () => {
    expect(new Set(LANES.map((l) => l.op.name))).toEqual(new Set(OP_NAMES.filter(isElementwise)));
  });

  it.each(LANES.map((lane, i) => ({ title: titleOf(lane), lane, i })))('$title', ({ lane, i }) => {
    const rows = rowsFor(lane, i);
    const got = runLanes(lane, columnsOf(rows));
    const faults = rows.map((x, k) => fault(lane, x, got[k] as number)).filter((f) => f !== null);
    expect(faults.slice(0, 5)).toEqual([]);
  });

  it('give the same with immediates for any of their operands', () => {
    for (const [i, lane] of LANES.entries())
      for (const constants of withImmediates(lane, i)) {
        const faults = runWith(lane, constants, i);
        expect(faults).toEqual([]);
      }
  });

  it.skipIf(PTXAS === null)(`assemble, for sm_80 and sm_90 (${WITH_PTXAS})`, { timeout: 60_000 }, () => {
    const plain = LANES.map((lane) => ({ lane, columns: lane.operands.map((): Column => []) }));
    const constant = LANES.flatMap((lane, i) =>
      withImmediates(lane, i).map((c) => ({ lane, columns: c.map((x): Column => x ?? []) })),
    );
    for (const sm of [80, 90]) {
      const { ok, log } = assemble(moduleOfAll([...plain, ...constant], sm), `sm_${sm}`);
      expect(ok, log).toBe(true);
    }
  });
});

/** Some choices of operands to be immediates: each alone, and all. */
function withImmediates(lane: LaneOp, seed: number): (number | null)[][] {
  const samples = fc.sample(fc.tuple(...lane.operands.map(numberOf)), { numRuns: 20, seed: seed + 1000 });
  const [first, second] = samples.filter((x) => defined(lane, x));
  if (first === undefined || second === undefined) return [];
  const alone = lane.operands.map((_, i) => first.map((x, k) => (k === i ? x : null)));
  return lane.operands.length === 1 ? [second] : [...alone, second];
}

function runWith(lane: LaneOp, constants: readonly (number | null)[], seed: number): string[] {
  const rows = fc
    .sample(fc.tuple(...lane.operands.map(numberOf)), { numRuns: 40, seed: seed + 2000 })
    .map((x) => x.map((v, i) => constants[i] ?? v))
    .filter((x) => defined(lane, x));
  if (rows.length === 0) return [];
  const columns = columnsOf(rows).map((column, i): Column => constants[i] ?? column);
  const got = runLanes(lane, columns);
  return rows.map((x, k) => fault(lane, x, (got[k] ?? got[0]) as number)).filter((f) => f !== null);
}
