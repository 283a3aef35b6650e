import fc from 'fast-check';
import { dequantGemm } from '../../../kernels/gemm/dequant.ref.js';
import { lightningSegments } from '../../../kernels/lightning/segments.ref.js';
import { selectiveScan } from '../../../kernels/mamba/selective-scan.ref.js';
import { dropout } from '../../../kernels/random/dropout.ref.js';
import { lengths } from '../session.js';
import { describeKernels, type Subject } from './property.js';

const examples = 'test/dsl/fixtures/examples';
const halves = ['f16', 'bf16'];
const scans = fc.record({
  B: fc.integer({ min: 1, max: 2 }),
  N: lengths(16, 40),
  D: fc.integer({ min: 1, max: 9 }),
  S: fc.constantFrom(4, 5, 16),
});
const matrices = fc.record({ M: fc.integer({ min: 1, max: 9 }), N: fc.integer({ min: 1, max: 150 }) });
const products = fc
  .record({
    M: fc.integer({ min: 4, max: 20 }),
    N: fc.integer({ min: 8, max: 40 }),
    K: fc.integer({ min: 1, max: 80 }),
  })
  .map((d) => ({ ...d, K4: Math.ceil(d.K / 4), KB: Math.ceil(d.K / 16) }));
const attention = fc.record({
  B: fc.integer({ min: 1, max: 2 }),
  H: fc.integer({ min: 1, max: 3 }),
  N: lengths(32, 100),
  D: fc.constantFrom(16, 24),
  E: fc.constantFrom(16, 40),
});

const chances = fc.record({ p: fc.constantFrom(0, 0.1, 0.5, 0.9), seed: fc.integer({ min: 0, max: 2 ** 32 - 1 }) });
const scan = {
  name: 'selectiveScan',
  reference: selectiveScan,
  dims: scans,
  dtypes: halves,
  configs: [{ C: 16, BD: 4 }],
};
const drop = { name: 'dropout', reference: dropout, dims: matrices, dtypes: halves, scalars: chances };
const quantised = {
  name: 'dequantGemm',
  reference: dequantGemm,
  dims: products,
  dtypes: halves,
  // KB is that of blocks of 16.
  options: fc.record({ fp8: fc.boolean(), QB: fc.constant(16) }),
};

describeKernels('the examples of the design', [
  { file: `${examples}/recurrences.ts`, ...scan },
  { file: `${examples}/recurrences.ts`, ...drop },
  { file: `${examples}/dequant_gemm.ts`, ...quantised, configs: [{ BM: 16, BN: 64, BK: 32, warps: 4 }] },
  {
    file: `${examples}/segments.ts`,
    name: 'lightningSegments',
    reference: lightningSegments,
    dims: attention,
    dtypes: halves,
    configs: [{ G: 1 }, { G: 2 }, { G: 8 }],
  },
] satisfies Subject[]);

describeKernels('as they are shipped', [
  { file: 'kernels/mamba/selective-scan.ts', ...scan },
  { file: 'kernels/random/dropout.ts', ...drop },
  {
    file: 'kernels/gemm/dequant.ts',
    ...quantised,
    configs: [
      { BM: 16, BN: 32, BK: 32, warps: 4 },
      { BM: 64, BN: 64, BK: 64, warps: 8 },
    ],
  },
] satisfies Subject[]);
