import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { candidates } from '../../driver/configurations.js';
import type { Reference } from '../../driver/reference.js';
import { runKernel } from '../../driver/run.js';
import { lightningFwd } from '../../kernels/lightning/forward.ref.js';
import type { Device } from '../../runtime/device.js';
import {
  decays,
  expectRight,
  kernelOf,
  lengths,
  openInterpreter,
  openRounding,
  openWebGpu,
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
  let exact: Device;
  let rounding: Device;
  beforeAll(async () => {
    exact = await openInterpreter();
    rounding = await openRounding();
  });

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
        await expectRight({ decl, reference, device: exact, config: knobs, ...rest, ...place, verify: true });
      }),
      { numRuns: 40 },
    );
  });

  it('stays within the bounds of every dtype when each value is rounded', async () => {
    await fc.assert(
      fc.asyncProperty(small, fc.constantFrom('f32', 'f16', 'bf16'), async ({ slopes, place, config, ...rest }, T) => {
        const knobs = knobsFor(config, rest.dims.E);
        const reference = withSlopes(slopes);
        await expectRight({ decl, reference, device: rounding, dtypes: { T }, config: knobs, ...rest, ...place });
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

describe('lightning forward on WebGPU', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openWebGpu();
  });
  afterAll(() => device.destroy());

  it.each(VARIANTS)('is the recurrence at D $D, E $E, $T', async ({ D, E, T, config }) => {
    const block = (config as { C?: number }).C ?? 32;
    await fc.assert(
      fc.asyncProperty(
        fc.record({ ...batch, N: lengths(block) }),
        slopes,
        placements,
        seeds,
        async ({ B, H, N }, values, place, seed) => {
          const reference = withSlopes(values);
          const dims = { B, H, N, D, E };
          await expectRight({ decl, reference, device, dims, dtypes: { T }, config, seed, ...place });
        },
      ),
      { numRuns: 8 },
    );
  });

  it('fits head dims of 256 into the workgroup memory of every device', async () => {
    const dims = { B: 1, H: 1, N: 40, D: 256, E: 256 };
    await expectRight({ decl, reference: lightningFwd, device, dims });
  });

  it('gives an output to no token when there is none', async () => {
    const dims = { B: 2, H: 1, N: 0, D: 16, E: 16 };
    const report = await expectRight({ decl, reference: lightningFwd, device, dims, config: { C: 16, BE: 16 } });
    expect(report.values.o).toEqual(new Float64Array(0));
  });

  it.each(['q', 'k', 'v'] as const)('lets a NaN in %s reach no earlier block', async (name) => {
    const dims = { B: 1, H: 1, N: 40, D: 16, E: 16 };
    const request = { decl, reference: lightningFwd, device, dims, config: { C: 16, BE: 16 }, check: false };
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
