import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runKernel } from '../../../driver/run.js';
import { causalConv } from '../../../kernels/conv/causal.ref.js';
import { conv2d } from '../../../kernels/conv/conv2d.ref.js';
import { groupedGemm } from '../../../kernels/gemm/grouped.ref.js';
import { lightningPacked } from '../../../kernels/lightning/packed.ref.js';
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
  {
    file: 'kernels/lightning/packed.ts',
    name: 'lightningPacked',
    reference: lightningPacked,
    dims: fc
      .record({
        N: fc.integer({ min: 0, max: 90 }),
        H: upTo(2),
        D: fc.constantFrom(8, 24),
        E: fc.constantFrom(8, 20),
        S: upTo(5),
      })
      .map((d) => ({ ...d, S1: d.S + 1 })),
    dtypes: floats,
    configs: [
      { C: 16, BE: 8, warps: 2 },
      { C: 32, warps: 4 },
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

  it.each(every)('what is NaN in one sequence reaches no other, on $key', async ({ key }) => {
    const dims = { N: 45, H: 2, D: 8, E: 8, S: 4, S1: 5 };
    const [cut, next] = [19, 30];
    const offset = Float64Array.of(0, cut, cut, next, 45);
    const hole = (): Float64Array =>
      Float64Array.from({ length: 45 * 16 }, (_, i) => {
        const n = Math.floor(i / 16);
        return n >= cut && n < next ? Number.NaN : ((i * 31) % 64) / 32 - 1;
      });
    const { values } = await runKernel({
      decl: kernelOf('kernels/lightning/packed.ts', 'lightningPacked'),
      reference: lightningPacked,
      device: on[key],
      dims,
      inputs: { q: hole(), k: hole(), v: hole(), offset },
      config: { C: 16, BE: 8, warps: 2 },
    });
    const nan = (x: Float64Array | undefined, from: number, to: number, width: number): boolean =>
      (x ?? new Float64Array(0)).subarray(from * width, to * width).some(Number.isNaN);
    expect([nan(values.o, 0, cut, 16), nan(values.o, next, 45, 16)]).toEqual([false, false]);
    expect([0, 1, 3].map((s) => nan(values.hT, s, s + 1, 128))).toEqual([false, false, false]);
    expect([...(values.hT ?? [])].slice(128, 256).every((v) => v === 0)).toBe(true);
  });
});
