import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runKernel } from '../../driver/run.js';
import { alibiFwd, flashFwd } from '../../kernels/flash/forward.ref.js';
import { devices, expectAgreement, expectRight, GPUS, kernelOf, lengths, placements, seeds } from './session.js';

const FILE = 'kernels/flash/forward.ts';
const plain = { decl: kernelOf(FILE, 'flashFwd'), reference: flashFwd };
const causal = { ...plain, options: { causal: true } };
const alibi = { decl: kernelOf(FILE, 'alibiFwd'), reference: alibiFwd };
const batch = { B: fc.integer({ min: 1, max: 2 }), H: fc.integer({ min: 1, max: 2 }) };

describe('flash attention, interpreted', () => {
  const on = devices('exact', 'rounding');
  const small = fc.record({
    kind: fc.constantFrom(plain, causal, alibi),
    dims: fc.record({ ...batch, M: lengths(8, 24), N: lengths(16, 40), D: fc.integer({ min: 1, max: 18 }) }),
    place: placements,
    seed: seeds,
    passes: fc.boolean(),
  });
  const config = { BM: 8, BN: 16, warps: 4, stages: 1 };

  it('is the softmax, plain, causal and with biases, in f64; without keys it is 0', async () => {
    await fc.assert(
      fc.asyncProperty(small, async ({ kind, place, ...rest }) => {
        await expectRight({ ...kind, device: on.exact, config, ...rest, ...place, verify: true });
      }),
      { numRuns: 40 },
    );
  });

  it('stays within the bounds of every dtype when each value is rounded', async () => {
    await fc.assert(
      fc.asyncProperty(small, fc.constantFrom('f32', 'f16', 'bf16'), async ({ kind, place, ...rest }, T) => {
        await expectRight({ ...kind, device: on.rounding, dtypes: { T }, config, ...rest, ...place });
      }),
      { numRuns: 20 },
    );
  });
});

const VARIANTS = [
  { name: 'plain', kind: plain, D: 64, T: 'f32', config: {} },
  { name: 'causal', kind: causal, D: 40, T: 'f32', config: { BM: 16, BN: 32 } },
  { name: 'alibi', kind: alibi, D: 80, T: 'bf16', config: {} },
  { name: 'causal', kind: causal, D: 1, T: 'f16', config: {} },
] as const;

describe.each(GPUS)('flash attention on $key', ({ key, runs, most }) => {
  const on = devices(key);

  it.each(VARIANTS)('is the softmax, $name, D $D, $T', async ({ kind, D, T, config }) => {
    const sizes = fc.record({ ...batch, M: lengths(32, 100), N: lengths(32, Math.min(most, 130)) });
    await fc.assert(
      fc.asyncProperty(sizes, placements, seeds, async ({ B, H, M, N }, place, seed) => {
        const dims = { B, H, M, N: Math.max(1, N), D };
        await expectRight({ ...kind, device: on[key], dims, dtypes: { T }, config, seed, ...place });
      }),
      { numRuns: runs },
    );
  });

  it('fits head dims of 256 into the shared memory of every device', async () => {
    await expectRight({ ...causal, device: on[key], dims: { B: 1, H: 1, M: 20, N: 40, D: 256 } });
  });

  it('shifts by the maximum: scores far above the range of exp', async () => {
    const dims = { B: 1, H: 1, M: 20, N: 50, D: 40 };
    const config = { BM: 16, BN: 32 };
    await expectRight({
      ...causal,
      device: on[key],
      dims,
      config,
      scalars: { scale: 300 },
      reference: loose(flashFwd),
    });
  });

  it('finds the largest score under a negative scale too', async () => {
    const request = { device: on[key], dims: { B: 1, H: 1, M: 70, N: 75, D: 24 }, scalars: { scale: -0.7 } };
    const config = { BM: 16, BN: 32 };
    for (const kind of [plain, causal, alibi]) await expectRight({ ...kind, ...request, config });
  });

  it('lets a NaN in a later key or value reach no earlier block of queries', async () => {
    const dims = { B: 1, H: 1, M: 40, N: 40, D: 40 };
    const request = { ...causal, device: on[key], dims, config: { BM: 16, BN: 32 }, check: false };
    for (const name of ['k', 'v']) {
      const values = Float64Array.from({ length: 40 * 40 }, (_, i) => Math.sin(i));
      const before = await runKernel({ ...request, inputs: { [name]: values } });
      const after = await runKernel({ ...request, inputs: { [name]: values.with(37 * 40 + 3, Number.NaN) } });
      // Position 37 lies in the key block of queries 32..39, and in the same 32 keys as positions 32..36 only.
      expect(after.values.o?.subarray(0, 32 * 40)).toEqual(before.values.o?.subarray(0, 32 * 40));
      expect(after.values.lse?.subarray(0, 32)).toEqual(before.values.lse?.subarray(0, 32));
      // Position 20 shares a key block with queries 0..15, whose own block ends before it.
      const early = await runKernel({ ...request, inputs: { [name]: values.with(20 * 40 + 3, Number.NaN) } });
      expect(early.values.o?.subarray(0, 16 * 40)).toEqual(before.values.o?.subarray(0, 16 * 40));
    }
  });
});

const BLOCKS = [
  { name: 'causal', kind: causal, D: 128, T: 'bf16', config: { BM: 128, BN: 64 } },
  { name: 'plain', kind: plain, D: 64, T: 'f16', config: { BM: 64, BN: 64 } },
  { name: 'alibi', kind: alibi, D: 80, T: 'bf16', config: { BM: 32, BN: 64 } },
  { name: 'causal', kind: causal, D: 33, T: 'f32', config: { BM: 32, BN: 32 } },
] as const;

describe('flash attention in PTX', () => {
  const on = devices('sm80', 'sm90');

  it.each(BLOCKS)('is right whatever the warps and stages, $name, D $D, $T, $config', async (block) => {
    const { kind, D, T, config } = block;
    const dims = { B: 1, H: 1, M: config.BM + 5, N: 3 * config.BN - 7, D };
    await expectAgreement({ ...kind, dims, dtypes: { T }, perWarps: ['o', 'lse'] }, [
      { device: on.sm80, config: { ...config, warps: 4, stages: 2 } },
      { device: on.sm80, config: { ...config, warps: 8, stages: 1 } },
      { device: on.sm90, config: { ...config, warps: 8, stages: 2 } },
      { device: on.sm90, config: { ...config, warps: 8, stages: 4 } },
      { device: on.sm90, config: { ...config, warps: 2, stages: 3 } },
    ]);
  });
});

/** Errors of the scores are multiplied by their size before exp sees them. */
function loose(reference: typeof flashFwd): typeof flashFwd {
  return { ...reference, tolerance: { rmse: 1e-3, element: 1e-2 } };
}
