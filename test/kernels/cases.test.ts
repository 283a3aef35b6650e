import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compare } from '../../driver/compare.js';
import { type Reference, withDefaults } from '../../driver/reference.js';
import { type RunRequest, runKernel } from '../../driver/run.js';
import type { Device } from '../../runtime/device.js';
import * as addresses from './cases/addresses.ref.js';
import * as attention from './cases/attention.ref.js';
import * as control from './cases/control.ref.js';
import * as elementwise from './cases/elementwise.ref.js';
import * as folds from './cases/folds.ref.js';
import * as matmul from './cases/matmul.ref.js';
import * as rows from './cases/rows.ref.js';
import { devices, expectRight, GPUS, kernelOf } from './session.js';

/** Small kernels, each for a corner of the language, on every device: at its own sizes, and at sizes around it. */

interface Case {
  readonly file: string;
  readonly kernel: string;
  readonly reference: Reference;
  /** Dimensions that may change from run to run, with the largest size worth trying. */
  readonly free: Readonly<Record<string, number>>;
  readonly dtypes?: readonly string[];
  readonly scalars?: readonly Readonly<Record<string, number>>[];
  /** Rounds on purpose: f64 gives other numbers. */
  readonly rounds?: boolean;
}

const ALL = ['f32', 'f16', 'bf16'];
const CASES: readonly Case[] = [
  { file: 'matmul', kernel: 'matmul', reference: matmul.matmul, free: { M: 80, N: 80, K: 80 }, dtypes: ALL },
  { file: 'matmul', kernel: 'matmulSilu', reference: matmul.matmulSilu, free: { M: 40, N: 80, K: 40 } },
  { file: 'matmul', kernel: 'matmulTransposed', reference: matmul.matmulTransposed, free: { M: 80, N: 40, K: 80 } },
  { file: 'rows', kernel: 'softmax', reference: rows.softmax, free: { M: 40, N: 200 }, dtypes: ALL },
  { file: 'rows', kernel: 'layerNorm', reference: rows.layerNorm, free: { M: 40 }, dtypes: ALL },
  { file: 'rows', kernel: 'rowArgmax', reference: rows.rowArgmax, free: { M: 40, N: 100 } },
  { file: 'attention', kernel: 'linearAttention', reference: attention.linearAttention, free: { H: 3, N: 80, E: 70 } },
  { file: 'folds', kernel: 'rowMean', reference: folds.rowMean, free: { M: 40, N: 100 } },
  { file: 'folds', kernel: 'columnMean', reference: folds.columnMean, free: { N: 100 } },
  { file: 'folds', kernel: 'totals', reference: folds.totals, free: { N: 300 } },
  { file: 'folds', kernel: 'suffixSum', reference: folds.suffixSum, free: { N: 60, D: 70 } },
  { file: 'folds', kernel: 'distances', reference: folds.distances, free: { M: 20, N: 12, K: 40 } },
  {
    file: 'control',
    kernel: 'integers',
    reference: control.integers,
    free: { N: 200 },
    scalars: [
      { by: 7, gain: 1.5 },
      { by: -1, gain: -2 },
    ],
  },
  {
    file: 'control',
    kernel: 'branches',
    reference: control.branches,
    free: { M: 6, N: 70 },
    scalars: [{ mode: 0 }, { mode: 1 }, { mode: 2 }],
  },
  { file: 'control', kernel: 'convolution', reference: control.convolution, free: { N: 60, D: 70, W: 6 } },
  { file: 'control', kernel: 'packedSum', reference: control.packedSum, free: { D: 70 } },
  { file: 'control', kernel: 'gatherHeads', reference: control.gatherHeads, free: { N: 60, H: 4 } },
  { file: 'addresses', kernel: 'axpy', reference: addresses.axpy, free: { M: 5, N: 100 }, dtypes: ['f32', 'f16'] },
  { file: 'addresses', kernel: 'histogram', reference: addresses.histogram, free: { N: 400, K: 20 } },
  { file: 'addresses', kernel: 'columnTotals', reference: addresses.columnTotals, free: { M: 50, N: 100 } },
  { file: 'addresses', kernel: 'lookup', reference: addresses.lookup, free: { V: 20, N: 60 }, dtypes: ['f32', 'f16'] },
  {
    file: 'addresses',
    kernel: 'rotateHalves',
    reference: addresses.rotateHalves,
    free: { N: 40 },
    dtypes: ['f32', 'f16'],
  },
  {
    file: 'addresses',
    kernel: 'turnRows',
    reference: addresses.turnRows,
    free: { M: 20 },
    scalars: [{ at: 0 }, { at: 11 }],
  },
  {
    file: 'addresses',
    kernel: 'batchedMatmul',
    reference: addresses.batchedMatmul,
    free: { B: 5, M: 40, N: 40 },
    dtypes: ['f32', 'f16'],
  },
  { file: 'elementwise', kernel: 'math', reference: elementwise.math, free: { N: 200 } },
  { file: 'elementwise', kernel: 'conversions', reference: elementwise.conversions, free: { N: 200 }, rounds: true },
];

/** Sizes, dtype and scalars of one run. */
function runs({ reference, free, dtypes = ['f32'], scalars = [{}] }: Case) {
  const sizes = fc.record(
    Object.fromEntries(Object.entries(free).map(([name, most]) => [name, fc.integer({ min: 1, max: most })])),
  );
  return fc.record({
    dims: sizes.map((some) => withDefaults(reference.shape, some)),
    dtype: fc.constantFrom(...dtypes),
    scalars: fc.constantFrom(...scalars),
    rowPadding: fc.constantFrom(0, 0, 3),
    seed: fc.integer({ min: 0, max: 1000 }),
  });
}

async function property(
  c: Case,
  device: Device,
  numRuns: number,
  more: Partial<Omit<RunRequest, 'reference'>> = {},
): Promise<void> {
  const decl = kernelOf(`test/kernels/cases/${c.file}.ts`, c.kernel);
  const dtypesOf = (dtype: string) => (Object.keys(decl.dtypes).length > 0 ? { '*': dtype } : {});
  await expectRight({ decl, reference: c.reference, device, ...more });
  await fc.assert(
    fc.asyncProperty(runs(c), async ({ dtype, ...run }) => {
      await expectRight({ decl, reference: c.reference, device, dtypes: dtypesOf(dtype), ...run, ...more });
    }),
    { numRuns },
  );
}

describe('small kernels', () => {
  const on = devices('exact', 'rounding', 'webgpu', 'sm80', 'sm90');

  describe.each(CASES)('$kernel', (c) => {
    it.skipIf(c.rounds)('is its formula in f64, before and after the passes', async () => {
      const f32 = { ...c, dtypes: ['f32'] };
      await property(f32, on.exact, 6, { verify: true });
      await property(f32, on.exact, 6, { verify: true, passes: true });
    });
    it('is its formula with every value rounded', () => property(c, on.rounding, 8));
    it.each(GPUS)('is its formula on $key', ({ key, runs }) => property(c, on[key], runs));
  });

  it('computes every unary function by itself, on every device', async () => {
    const decl = kernelOf('test/kernels/cases/elementwise.ts', 'math');
    const [N, F] = [400, elementwise.ROWS.length];
    const x = Float64Array.from({ length: N }, (_, i) => (i - N / 2) / 64);
    for (const device of Object.values(on)) {
      const request = { decl, reference: elementwise.math, device, dims: { N, F }, inputs: { x }, check: false };
      const { y } = (await runKernel(request)).values;
      elementwise.ROWS.forEach((f, row) => {
        const want = x.map((t) => f(t, Math.abs(t) + 0.125));
        const tolerance = { rmse: 3e-6, element: 3e-5 };
        const got = y?.subarray(row * N, (row + 1) * N) ?? new Float64Array(0);
        const { ok, ...figures } = compare(`row ${row}`, got, want, [N], tolerance);
        expect(ok, JSON.stringify({ device: device.name, ...figures })).toBe(true);
      });
    }
  });

  it('notices one wrong element, a NaN and a missing output', async () => {
    const decl = kernelOf('test/kernels/cases/matmul.ts', 'matmul');
    const wrong = (change: (y: Float64Array) => Float64Array): Reference => ({
      ...matmul.matmul,
      run: (ctx) => ({ y: change(matmul.matmul.run(ctx).y ?? new Float64Array(0)) }),
    });
    for (const device of [on.rounding, on.webgpu, on.sm90]) {
      const run = (reference: Reference) => runKernel({ decl, reference, device });
      const shifted = await run(wrong((y) => y.with(77, (y[77] ?? 0) * 1.01 + 0.01)));
      expect(shifted.ok).toBe(false);
      expect(shifted.outputs[0]?.worst?.index).toEqual([1, 32]);
      expect((await run(wrong((y) => y.with(3, Number.NaN)))).ok).toBe(false);
      await expect(run({ ...matmul.matmul, run: () => ({}) })).rejects.toThrow('LAC0905');
    }
  });
});
