import fc from 'fast-check';
import { describe, it } from 'vitest';
import { selectiveScan as reference } from '../../kernels/mamba/selective-scan.ref.js';
import { devices, expectRight, GPUS, kernelOf, lengths, seeds } from './session.js';

const decl = kernelOf('kernels/mamba/selective-scan.ts', 'selectiveScan');
const sizes = (most: number) =>
  fc.record({
    B: fc.integer({ min: 1, max: 2 }),
    N: lengths(16, most),
    D: fc.integer({ min: 1, max: 9 }),
    S: fc.constantFrom(4, 5, 16),
  });
const config = { C: 16, BD: 4, warps: 4 };

describe('selective scan', () => {
  const on = devices('exact', 'rounding', 'webgpu', 'sm80', 'sm90');

  it('is its recurrence in f64 and with every value rounded', async () => {
    await fc.assert(
      fc.asyncProperty(
        sizes(70),
        fc.constantFrom('f16', 'bf16'),
        seeds,
        fc.boolean(),
        async (dims, T, seed, passes) => {
          const request = { decl, reference, dims, dtypes: { T }, config, seed };
          await expectRight({ ...request, device: on.exact, passes, verify: true });
          await expectRight({ ...request, device: on.rounding });
        },
      ),
      { numRuns: 8 },
    );
  });

  it.each(GPUS)('is its recurrence on $key', async ({ key, runs }) => {
    await fc.assert(
      fc.asyncProperty(sizes(40), fc.constantFrom('f16', 'bf16'), seeds, async (dims, T, seed) => {
        await expectRight({ decl, reference, dims, dtypes: { T }, config, seed, device: on[key] });
      }),
      { numRuns: runs },
    );
  });
});
