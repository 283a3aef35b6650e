import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as lay from '../../compiler/layout/index.js';
import * as mma from '../../compiler/layout/mma.js';

const textOf = (l: lay.Layout): string => lay.layoutText(l);
const steps = (...pairs: (readonly [number, number])[]): mma.WarpStep[] =>
  pairs.map(([row, column]) => ({ row, column }));

it('gives the layouts of Lightning forward, chunk 64, 8 warps', () => {
  const o = mma.mmaAccumulator([64, 128], steps([16, 0], [32, 0], [48, 64]));
  expect(textOf(o)).toBe('reg[c1 r8 c8 c16 c32] lane[c2 c4 r1 r2 r4] warp[r16 r32 r48c64]');
  const s = mma.mmaAccumulator([64, 64], steps([16, 0], [32, 0], [48, 0]));
  expect(textOf(s)).toBe('reg[c1 r8 c8 c16 c32] lane[c2 c4 r1 r2 r4] warp[r16 r32 r48]');
  const kv = mma.mmaAccumulator([128, 128], steps([32, 0], [64, 0], [0, 64]));
  expect(textOf(kv)).toBe('reg[c1 r8 c8 c16 c32 r16] lane[c2 c4 r1 r2 r4] warp[r32 r64 c64]');
  const operand = (acc: lay.Layout, K: number, side: mma.Side) => mma.operandLayout('m16n8k16', acc, K, side);
  expect(textOf(operand(s, 128, 'a'))).toBe('reg[c1 r8 c8 c16 c32 c64] lane[c2 c4 r1 r2 r4] warp[r16 r32 r48]');
  expect(textOf(operand(s, 128, 'b'))).toBe('reg[r1 r8 c8 c16 c32 r16 r32 r64] lane[r2 r4 c1 c2 c4] warp[0 0 0]');
  expect(textOf(operand(o, 64, 'b'))).toBe('reg[r1 r8 c8 c16 c32 r16 r32] lane[r2 r4 c1 c2 c4] warp[0 0 c64]');
  expect(textOf(operand(kv, 64, 'a'))).toBe('reg[c1 r8 c8 r16 c16 c32] lane[c2 c4 r1 r2 r4] warp[r32 r64 0]');
  expect(lay.planConversion(s, operand(o, 64, 'a')).kind).toBe('rename');
});

it('an f32 accumulator is a tf32 left operand by renaming', () => {
  const s = mma.mmaAccumulator([64, 32], steps([16, 0], [32, 0]));
  const o = mma.mmaAccumulator([64, 64], steps([16, 0], [32, 0]));
  expect(lay.planConversion(s, mma.operandLayout('m16n8k8', o, 32, 'a')).kind).toBe('rename');
});

/** Position of fragment element i of lane 4g + t, by the ISA; k in the order of the hardware. */
interface Isa {
  readonly k: number;
  readonly a: readonly ((g: number, t: number) => readonly [row: number, k: number])[];
  readonly b: readonly ((g: number, t: number) => readonly [k: number, column: number])[];
}
const pair = (i: number, g: number, t: number) => [g + (i & 2 ? 8 : 0), 2 * t + (i & 1) + (i & 4 ? 8 : 0)] as const;
const ISA: Record<'m16n8k16' | 'm16n8k8', Isa> = {
  m16n8k16: {
    k: 16,
    a: [0, 1, 2, 3, 4, 5, 6, 7].map((i) => (g, t) => pair(i, g, t)),
    b: [0, 1, 2, 3].map((i) => (g, t) => [2 * t + (i & 1) + (i & 2 ? 8 : 0), g]),
  },
  m16n8k8: {
    k: 8,
    a: [0, 1, 2, 3].map((i) => (g, t) => [g + (i & 1 ? 8 : 0), t + (i & 2 ? 4 : 0)]),
    b: [0, 1].map((i) => (g, t) => [t + 4 * i, g]),
  },
};

/** What a warp bit does: takes rows, columns, columns and a permutation of the rows taken before, or nothing. */
const KINDS = ['rows', 'columns', 'permuted', 'none'] as const;

function splitBy(kinds: readonly (typeof KINDS)[number][], M: number, N: number): mma.WarpStep[] {
  let [rows, columns] = [M, N];
  const warps: mma.WarpStep[] = [];
  for (const kind of kinds) {
    if (kind === 'rows' && rows > 16) rows /= 2;
    if ((kind === 'columns' || kind === 'permuted') && columns > 8) columns /= 2;
    const taken = warps.reduce((x, w) => x ^ w.row, 0);
    const [row, column] = [kind === 'rows' && rows < M, kind !== 'rows' && kind !== 'none' && columns < N];
    const fresh = { row: row ? rows : 0, column: column ? columns : 0 };
    const spent = warps.some(
      (w) => (fresh.row > 0 && w.row === fresh.row) || (fresh.column > 0 && w.column === fresh.column),
    );
    warps.push(spent ? { row: 0, column: 0 } : { ...fresh, row: kind === 'permuted' ? taken : fresh.row });
  }
  return warps;
}

const cases = fc
  .record({
    instr: fc.constantFrom('m16n8k16' as const, 'm16n8k8' as const),
    m: fc.integer({ min: 0, max: 6 }),
    n: fc.integer({ min: 0, max: 6 }),
    k: fc.integer({ min: 0, max: 2 }),
    kinds: fc.array(fc.constantFrom(...KINDS), { maxLength: 3 }),
  })
  .map(({ instr, m, n, k, kinds }) => {
    const [M, N] = [2 ** m, 2 ** n];
    return { instr, M, N, K: mma.stepOf(instr) * 2 ** k, warps: splitBy(kinds, M, N) };
  });

/** Fragment elements of one warp, by [element, lane]; the values are those of the tile. */
const hold = (l: lay.Layout, warp: number, values: (index: number) => number) => (register: number, lane: number) =>
  values(lay.apply(l, { register, lane, warp }));

describe('a product by fragments is the product of the tiles', () => {
  it('mma, multiplied as the ISA says: rows, columns, summands and warps as they come', () => {
    fc.assert(
      fc.property(cases, ({ instr, M, N, K, warps }) => {
        const acc = mma.mmaAccumulator([M, N], warps);
        expect(lay.isSurjective(acc)).toBe(true);
        const [la, lb] = [mma.operandLayout(instr, acc, K, 'a'), mma.operandLayout(instr, acc, K, 'b')];
        const a = (i: number) => ((i * 7 + 3) % 11) - 5;
        const b = (i: number) => ((i * 5 + 1) % 13) - 6;
        const isa = ISA[instr];
        const wrong: number[][] = [];
        for (let warp = 0; warp < 2 ** warps.length; warp++)
          for (let tile = 0; tile < lay.registerCount(acc) / 4; tile++) {
            const sums = multiply(isa, acc, la, lb, tile, hold(la, warp, a), hold(lb, warp, b));
            for (let i = 0; i < 4; i++)
              for (let lane = 0; lane < 32; lane++) {
                const [row = 0, column = 0] = lay.coordinates(
                  acc.shape,
                  lay.apply(acc, { register: tile * 4 + i, lane, warp }),
                );
                let right = 0;
                for (let k = 0; k < K; k++) right += a(row * K + k) * b(k * N + column);
                if (sums(i, lane) !== right) wrong.push([warp, tile, i, lane]);
              }
          }
        expect(wrong).toEqual([]);
      }),
      { numRuns: 25 },
    );
  });

  it('scalar: a thread has the row and the column of each of its sums', () => {
    const exponent = fc.integer({ min: 0, max: 6 });
    fc.assert(
      fc.property(exponent, exponent, exponent, fc.integer({ min: 0, max: 3 }), (m, n, k, w) => {
        const acc = mma.fmaAccumulator([2 ** m, 2 ** n], 32 * 2 ** w);
        expect(acc.ins.warp?.length).toBe(w);
        expect(lay.isSurjective(acc)).toBe(true);
        const [la, lb] = [mma.operandLayout('fma', acc, 2 ** k, 'a'), mma.operandLayout('fma', acc, 2 ** k, 'b')];
        const missing: number[][] = [];
        for (const thread of [0, 13, 31]) {
          const at = { lane: thread, warp: 2 ** w - 1 };
          const has = (l: lay.Layout) =>
            new Set([...Array(lay.registerCount(l)).keys()].map((register) => lay.apply(l, { register, ...at })));
          const [rows, columns] = [has(la), has(lb)];
          for (let register = 0; register < lay.registerCount(acc); register++) {
            const [row = 0, column = 0] = lay.coordinates(acc.shape, lay.apply(acc, { register, ...at }));
            for (let i = 0; i < 2 ** k; i++) {
              if (!rows.has(row * 2 ** k + i) || !columns.has(i * 2 ** n + column)) missing.push([thread, register, i]);
            }
          }
        }
        expect(missing).toEqual([]);
      }),
      { numRuns: 25 },
    );
  });
});

type Held = (register: number, lane: number) => number;

/** Sums of accumulator tile `tile` of one warp, one instruction for each step of k, as its registers are numbered. */
function multiply(isa: Isa, acc: lay.Layout, la: lay.Layout, lb: lay.Layout, tile: number, a: Held, b: Held): Held {
  const [M = 1, N = 1] = acc.shape;
  const at = lay.apply(acc, { register: tile * 4 });
  const [rowTile, columnTile] = [Math.floor(at / N / 16), Math.floor((at % N) / 8)];
  const [perA, perB] = [isa.a.length, isa.b.length];
  const columnsHeld = 2 ** (lb.ins.register ?? []).filter((x) => x >= 8 && x < N).length;
  const rowsHeld =
    2 ** (la.ins.register ?? []).filter((x) => x >= 16 * (la.shape[1] ?? 1) && x < M * (la.shape[1] ?? 1)).length;
  const sums = new Float64Array(16 * 8);
  for (let step = 0; step < (la.shape[1] ?? 1) / isa.k; step++) {
    const [A, B] = [new Float64Array(16 * isa.k), new Float64Array(isa.k * 8)];
    for (let lane = 0; lane < 32; lane++) {
      const [g, t] = [lane >> 2, lane & 3];
      isa.a.forEach((place, i) => {
        const [row, k] = place(g, t);
        A[row * isa.k + k] = a(i + perA * (rowTile + rowsHeld * step), lane);
      });
      isa.b.forEach((place, i) => {
        const [k, column] = place(g, t);
        B[k * 8 + column] = b(i + perB * (columnTile + columnsHeld * step), lane);
      });
    }
    for (let row = 0; row < 16; row++)
      for (let column = 0; column < 8; column++)
        for (let k = 0; k < isa.k; k++)
          sums[row * 8 + column] = (sums[row * 8 + column] ?? 0) + (A[row * isa.k + k] ?? 0) * (B[k * 8 + column] ?? 0);
  }
  return (i, lane) => sums[((lane >> 2) + (i & 2 ? 8 : 0)) * 8 + 2 * (lane & 3) + (i & 1)] ?? 0;
}
