import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { causalConv } from '../../../kernels/conv/causal.ref.js';
import { conv2d } from '../../../kernels/conv/conv2d.ref.js';
import { groupedGemm } from '../../../kernels/gemm/grouped.ref.js';
import { devices, expectRight, kernelOf } from '../session.js';
import { describeKernels, type Subject } from './property.js';

const upTo = (max: number): fc.Arbitrary<number> => fc.integer({ min: 1, max });
const floats = ['f32', 'f16', 'bf16'];

describeKernels('convolutions and products of parts', [
  {
    file: 'kernels/conv/causal.ts',
    name: 'causalConv',
    reference: causalConv,
    dims: fc.record({ B: upTo(2), N: upTo(40), D: upTo(40), W: fc.constantFrom(4, 4, 1, 9) }),
    dtypes: floats,
    configs: [{ C: 8, BD: 16 }, { BD: 16 }],
    options: fc.record({ silu: fc.boolean() }),
  },
  {
    file: 'kernels/conv/conv2d.ts',
    name: 'conv2d',
    reference: conv2d,
    dims: fc.record({
      B: upTo(2),
      H: upTo(9),
      W: upTo(12),
      C: upTo(20),
      F: upTo(20),
      R: fc.constant(3),
      S: fc.constantFrom(3, 3, 1, 2),
    }),
    dtypes: floats,
    configs: [{ BP: 4, BQ: 8, BC: 16, BF: 16 }],
  },
  {
    file: 'kernels/gemm/grouped.ts',
    name: 'groupedGemm',
    reference: groupedGemm,
    dims: fc
      .record({ M: fc.integer({ min: 0, max: 90 }), K: upTo(40), N: upTo(40), G: upTo(5) })
      .map((d) => ({ ...d, G1: d.G + 1 })),
    dtypes: floats,
    configs: [
      { BM: 16, BN: 32, BK: 16, P: 1, warps: 2 },
      { BM: 32, BN: 32, BK: 32, P: 4, warps: 4 },
    ],
  },
] satisfies Subject[]);

describe('corners of parts', () => {
  const on = devices('exact', 'rounding', 'webgpu', 'sm80', 'sm90');
  const every = (['exact', 'rounding', 'webgpu', 'sm80', 'sm90'] as const).map((key) => ({ key }));

  it.each(every)(
    'rows of no group keep what they hold, and a group that leaves the rows is cut, on $key',
    async ({ key }) => {
      const dims = { M: 40, K: 20, N: 17, G: 4, G1: 5 };
      const { values } = await expectRight({
        decl: kernelOf('kernels/gemm/grouped.ts', 'groupedGemm'),
        reference: groupedGemm,
        device: on[key],
        dims,
        inputs: { offset: Float64Array.of(3, 3, 20, 20, 36) },
        config: { BM: 16, BN: 32, BK: 16, P: 1, warps: 2 },
      });
      const row = (m: number): Float64Array => values.y?.subarray(m * 17, (m + 1) * 17) ?? new Float64Array(0);
      for (const m of [0, 2, 36, 39]) expect(row(m).every(Number.isNaN)).toBe(true);
      for (const m of [3, 19, 20, 35]) expect(row(m).some(Number.isNaN)).toBe(false);
    },
  );
});
