import fc from 'fast-check';
import { describe, it } from 'vitest';
import { addRmsNorm as reference } from '../../kernels/norm/add-rms-norm.ref.js';
import { devices, expectAgreement, expectRight, GPUS, kernelOf, lengths, placements, seeds } from './session.js';

const decl = kernelOf('kernels/norm/add-rms-norm.ts', 'addRmsNorm');
const layouts = fc.constantFrom([0, 1], [1, 0]);
/** A comptime dimension has one element at least. */
const widths = (sizes: fc.Arbitrary<number>): fc.Arbitrary<number> => sizes.map((n) => Math.max(1, n));
const dtypes = fc.constantFrom('f32', 'f16', 'bf16');

describe('add + RMSNorm', () => {
  const on = devices('exact', 'rounding', 'webgpu', 'sm80', 'sm90');

  const sizes = fc.record({ M: fc.integer({ min: 0, max: 9 }), K: widths(lengths(64, 200)) });

  it('is the formula in f64 and within bounds in every dtype, interpreted', async () => {
    await fc.assert(
      fc.asyncProperty(
        sizes,
        dtypes,
        placements,
        seeds,
        fc.boolean(),
        async (dims, T, { rowPadding }, seed, passes) => {
          const config = { BM: 4, BK: 64, warps: 4 };
          const request = { decl, reference, dims, config, seed, passes, rowPadding };
          await expectRight({ ...request, device: on.exact });
          await expectRight({ ...request, device: on.rounding, dtypes: { T } });
        },
      ),
      { numRuns: 25 },
    );
  });

  const variants = [
    { T: 'f32', config: {} },
    { T: 'bf16', config: {} },
    { T: 'f16', config: { BM: 1, BK: 64 } },
  ];
  it.each(GPUS.flatMap((gpu) => variants.map((v) => ({ ...gpu, ...v }))))(
    'is the formula on $key, $T',
    async ({ key, runs, T, config }) => {
      const wide = fc.record({
        M: fc.integer({ min: 0, max: 40 }),
        K: widths(fc.oneof(lengths(64, 200), lengths(256, 1100))),
      });
      await fc.assert(
        fc.asyncProperty(wide, layouts, placements, seeds, async (dims, layout, { rowPadding }, seed) => {
          const device = on[key];
          await expectRight({ decl, reference, device, dims, dtypes: { T }, config, seed, layout, rowPadding });
        }),
        { numRuns: runs },
      );
    },
  );

  it.each([
    { T: 'bf16', dims: { M: 3, K: 8192 }, config: { BM: 1, BK: 8192 } },
    { T: 'f16', dims: { M: 9, K: 1000 }, config: { BM: 4, BK: 512 } },
    { T: 'f32', dims: { M: 7, K: 333 }, config: { BM: 8, BK: 256 } },
  ])('is right whatever the warps in PTX, $T, $dims, $config', async ({ T, dims, config }) => {
    await expectAgreement({ decl, reference, dims, dtypes: { T }, perWarps: ['y'] }, [
      { device: on.sm80, config: { ...config, warps: 8 } },
      { device: on.sm80, config: { ...config, warps: 2 } },
      { device: on.sm90, config: { ...config, warps: 8 } },
      { device: on.sm90, config: { ...config, warps: 16 } },
      { device: on.sm90, config: { ...config, warps: 2 } },
    ]);
  });
});
