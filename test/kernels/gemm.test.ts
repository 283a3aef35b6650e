import fc from 'fast-check';
import { describe, it } from 'vitest';
import { gemm as reference } from '../../kernels/gemm/gemm.ref.js';
import { devices, expectAgreement, expectRight, GPUS, kernelOf, lengths, placements, seeds } from './session.js';

const decl = kernelOf('kernels/gemm/gemm.ts', 'gemm');
const layouts = fc.record({ a: fc.constantFrom([0, 1], [1, 0]), b: fc.constantFrom([0, 1], [1, 0]) });
const dtypes = fc.constantFrom('f32', 'f16', 'bf16');

describe('matrix product, interpreted', () => {
  const on = devices('exact', 'rounding');
  const sizes = fc.record({ M: lengths(16, 40), N: lengths(32, 40), K: lengths(16, 40) });

  it('is the sum in f64 and within bounds in every dtype', async () => {
    await fc.assert(
      fc.asyncProperty(
        sizes,
        dtypes,
        layouts,
        placements,
        seeds,
        fc.boolean(),
        async (dims, T, layout, { rowPadding }, seed, passes) => {
          const config = { BM: 16, BN: 32, BK: 16, warps: 2, stages: 1 };
          const request = { decl, reference, dims, config, seed, passes, layout, rowPadding };
          await expectRight({ ...request, device: on.exact, verify: true });
          await expectRight({ ...request, device: on.rounding, dtypes: { T } });
        },
      ),
      { numRuns: 15 },
    );
  });
});

const VARIANTS = [
  { T: 'f32', config: {} },
  { T: 'bf16', config: {} },
  { T: 'f16', config: { BM: 64, BN: 64, BK: 16, warps: 4, stages: 3 } },
  { T: 'bf16', config: { BM: 16, BN: 32, BK: 64, warps: 2, stages: 4 } },
] as const;

describe.each(GPUS)('matrix product on $key', ({ key, runs }) => {
  const on = devices(key);
  const sizes = fc.record({ M: lengths(32, 100), N: lengths(64, 140), K: lengths(32, 140) });

  it.each(VARIANTS)('is the sum, $T, $config', async ({ T, config }) => {
    await fc.assert(
      fc.asyncProperty(sizes, layouts, placements, seeds, async (dims, layout, { rowPadding }, seed) => {
        const request = { decl, reference, device: on[key], dims, dtypes: { T }, config };
        await expectRight({ ...request, seed, layout, rowPadding });
      }),
      { numRuns: runs },
    );
  });
});

const BLOCKS = [
  { T: 'bf16', dims: { M: 133, N: 264, K: 200 }, config: { BM: 128, BN: 256, BK: 64 } },
  { T: 'f16', dims: { M: 70, N: 136, K: 136 }, config: { BM: 64, BN: 128, BK: 32 } },
  { T: 'f32', dims: { M: 40, N: 70, K: 77 }, config: { BM: 32, BN: 64, BK: 32 } },
];

describe('matrix product in PTX', () => {
  const on = devices('sm80', 'sm90');

  it.each(BLOCKS)('is right whatever the warps and stages, $T, $dims, $config', async ({ T, dims, config }) => {
    await expectAgreement({ decl, reference, dims, dtypes: { T } }, [
      { device: on.sm80, config: { ...config, warps: 8, stages: 2 } },
      { device: on.sm80, config: { ...config, warps: 4, stages: 1 } },
      { device: on.sm90, config: { ...config, warps: 8, stages: 3 } },
      { device: on.sm90, config: { ...config, warps: 8, stages: 4 } },
      { device: on.sm90, config: { ...config, warps: 4, stages: 2 } },
      { device: on.sm90, config: { ...config, warps: 2, stages: 1 } },
    ]);
  });
});
