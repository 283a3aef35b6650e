import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { candidates } from '../../driver/configurations.js';
import type { Reference } from '../../driver/reference.js';
import { runKernel } from '../../driver/run.js';
import { lightningFwd } from '../../kernels/lightning/forward.ref.js';
import {
  decays,
  devices,
  expectAgreement,
  expectRight,
  GPUS,
  kernelOf,
  lengths,
  placements,
  seeds,
} from './session.js';

const decl = kernelOf('kernels/lightning/forward.ts', 'lightningFwd');
const slopes = fc.array(decays, { minLength: 3, maxLength: 3 });
const withSlopes = (values: readonly number[]): Reference => ({
  ...lightningFwd,
  inputs: { slope: ({ shape: [heads = 0] }) => Float64Array.from({ length: heads }, (_, h) => values[h] ?? 0) },
});
const batch = { B: fc.integer({ min: 1, max: 2 }), H: fc.integer({ min: 1, max: 3 }) };

/** Columns of `rows` rows of every head from the output. */
const firstRows = (o: Float64Array | undefined, { N, E }: { N: number; E: number }, rows: number): number[] =>
  [...(o ?? [])].filter((_, i) => Math.floor(i / E) % N < rows);

it('leaves a configuration for every number of heads and batches', () => {
  for (const H of [1, 16, 64, 1000])
    for (const N of [1, 4096, 100_000])
      for (const D of [1, 64, 128]) {
        const dims = { B: 8, H, N, D, E: D };
        expect([...candidates(decl, dims, {}, 256)].length, JSON.stringify(dims)).toBeGreaterThan(0);
      }
});

describe('lightning forward, interpreted', () => {
  const on = devices('exact', 'rounding');

  const small = fc.record({
    dims: fc.record({
      ...batch,
      N: lengths(8, 40),
      D: fc.integer({ min: 1, max: 20 }),
      E: fc.integer({ min: 1, max: 20 }),
    }),
    config: fc.record({ C: fc.constantFrom(8, 16), BE: fc.constantFrom(8, 16) }),
    slopes,
    place: placements,
    seed: seeds,
    passes: fc.boolean(),
  });
  /** A block of more than twice the columns is pruned. */
  const knobsFor = ({ C, BE }: { C: number; BE: number }, E: number) => ({
    C,
    BE: E > 8 ? BE : 8,
    warps: 4,
    stages: 1,
  });

  it('is the recurrence, in f64, before and after the passes', async () => {
    await fc.assert(
      fc.asyncProperty(small, async ({ slopes, place, config, ...rest }) => {
        const knobs = knobsFor(config, rest.dims.E);
        const reference = withSlopes(slopes);
        await expectRight({ decl, reference, device: on.exact, config: knobs, ...rest, ...place, verify: true });
      }),
      { numRuns: 40 },
    );
  });

  it('stays within the bounds of every dtype when each value is rounded', async () => {
    await fc.assert(
      fc.asyncProperty(small, fc.constantFrom('f32', 'f16', 'bf16'), async ({ slopes, place, config, ...rest }, T) => {
        const knobs = knobsFor(config, rest.dims.E);
        const reference = withSlopes(slopes);
        await expectRight({ decl, reference, device: on.rounding, dtypes: { T }, config: knobs, ...rest, ...place });
      }),
      { numRuns: 30 },
    );
  });
});

/** Specialisations that get a pipeline: head dims, the block sizes that suit them, dtype. */
const VARIANTS = [
  { D: 16, E: 16, T: 'f32', config: { C: 16, BE: 16 } },
  { D: 64, E: 64, T: 'f32', config: {} },
  { D: 24, E: 40, T: 'f32', config: { C: 32, BE: 32 } },
  { D: 80, E: 80, T: 'f32', config: { C: 16, BE: 32 } },
  { D: 128, E: 128, T: 'f32', config: { C: 16, BE: 16 } },
  { D: 1, E: 3, T: 'f32', config: {} },
  { D: 3, E: 1, T: 'bf16', config: {} },
  { D: 40, E: 24, T: 'bf16', config: {} },
  { D: 64, E: 64, T: 'f16', config: {} },
] as const;

describe.each(GPUS)('lightning forward on $key', ({ key, runs, most }) => {
  const on = devices(key);

  it.each(VARIANTS)('is the recurrence at D $D, E $E, $T', async ({ D, E, T, config }) => {
    const block = (config as { C?: number }).C ?? 32;
    await fc.assert(
      fc.asyncProperty(
        fc.record({ ...batch, N: lengths(block, most) }),
        slopes,
        placements,
        seeds,
        async ({ B, H, N }, values, place, seed) => {
          const reference = withSlopes(values);
          const dims = { B, H, N, D, E };
          await expectRight({ decl, reference, device: on[key], dims, dtypes: { T }, config, seed, ...place });
        },
      ),
      { numRuns: runs },
    );
  });

  it('fits head dims of 256 into the shared memory of every device', async () => {
    const dims = { B: 1, H: 1, N: 40, D: 256, E: 256 };
    await expectRight({ decl, reference: lightningFwd, device: on[key], dims });
  });

  it('gives an output to no token when there is none', async () => {
    const dims = { B: 2, H: 1, N: 0, D: 16, E: 16 };
    const config = { C: 16, BE: 16 };
    const report = await expectRight({ decl, reference: lightningFwd, device: on[key], dims, config });
    expect(report.values.o).toEqual(new Float64Array(0));
  });

  it.each(['q', 'k', 'v'] as const)('lets a NaN in %s reach no earlier block', async (name) => {
    const dims = { B: 1, H: 1, N: 40, D: 16, E: 16 };
    const request = { decl, reference: lightningFwd, device: on[key], dims, config: { C: 16, BE: 16 }, check: false };
    const clean = await runKernel(request);
    const shape = [dims.N, 16];
    const values = Float64Array.from({ length: (shape[0] ?? 0) * 16 }, (_, i) => Math.sin(i));
    const dirty = values.slice();
    dirty[37 * 16 + 5] = Number.NaN; // a token of the third block
    const [before, after] = [
      await runKernel({ ...request, inputs: { [name]: values } }),
      await runKernel({ ...request, inputs: { [name]: dirty } }),
    ];
    expect(clean.values.o?.some(Number.isNaN)).toBe(false);
    expect(firstRows(after.values.o, dims, 32)).toEqual(firstRows(before.values.o, dims, 32));
    if (name !== 'v') expect(after.values.o?.subarray(37 * 16, 38 * 16).every(Number.isNaN)).toBe(true);
  });
});

/** Blocks and dtypes that are lowered differently: dots on the tensor cores in 16 bits and tf32, parts of a sequence. */
const BLOCKS = [
  { D: 128, E: 128, T: 'bf16', config: { C: 64, BE: 128, G: 1 } },
  { D: 64, E: 64, T: 'f16', config: { C: 64, BE: 64, G: 1 } },
  { D: 96, E: 80, T: 'bf16', config: { C: 32, BE: 32, G: 4 } },
  { D: 32, E: 32, T: 'f32', config: { C: 32, BE: 32, G: 2 } },
] as const;

describe('lightning forward in PTX', () => {
  const on = devices('sm80', 'sm90');

  it.each(BLOCKS)('has the same bits whatever the warps and stages, D $D, E $E, $T, $config', async (block) => {
    const { D, E, T, config } = block;
    const dims = { B: 1, H: 1, N: config.C * 3 - 5, D, E };
    const request = { decl, reference: lightningFwd, dims, dtypes: { T } };
    await expectAgreement(request, [
      { device: on.sm80, config: { ...config, warps: 4, stages: 1 } },
      { device: on.sm80, config: { ...config, warps: 8, stages: 1 } },
      { device: on.sm90, config: { ...config, warps: 8, stages: 1 } },
      { device: on.sm90, config: { ...config, warps: 8, stages: 2 } },
      { device: on.sm90, config: { ...config, warps: 4, stages: 3 } },
      { device: on.sm90, config: { ...config, warps: 2, stages: 2 } },
    ]);
  });
});

/** The shapes that the authors publish figures for, [B, H, N, D, E] = [6, 8, N, D, 64], of one batch and head. */
describe('lightning forward in PTX at the published shapes', () => {
  const on = devices('sm80', 'sm90');
  const short = [256, 513, 913, 1213].flatMap((N) => [16, 32, 64, 128].map((D) => ({ N, D })));
  /** What rounding q, k, v, p and the state to the dtype costs; anything else would show. */
  const bounds = { f16: 4e-4, bf16: 3e-3 };

  it.each([...short, { N: 2048, D: 64 }])('errs by what the dtype rounds, N $N, D $D', async ({ N, D }) => {
    for (const [T, device] of [['f16', on.sm80] as const, ['bf16', on.sm90] as const]) {
      const dims = { B: 1, H: 1, N, D, E: 64 };
      const { outputs } = await expectRight({ decl, reference: lightningFwd, device, dims, dtypes: { T } });
      expect(outputs[0]?.rmse).toBeLessThan(bounds[T]);
    }
  });
});
