import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { InputContext, Reference } from '../../driver/reference.js';
import { runKernel } from '../../driver/run.js';
import { simpleGlaFwd as reference } from '../../kernels/gla/simple.ref.js';
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

const FILE = 'kernels/gla/simple.ts';
const [decl, segment] = [kernelOf(FILE, 'simpleGlaFwd'), kernelOf(FILE, 'simpleGlaSegment')];
const batch = { B: fc.integer({ min: 1, max: 2 }), H: fc.integer({ min: 1, max: 2 }) };
/** Log-decays of a repeating pattern: steep ones beside mild ones, which a difference of prefix sums would get wrong. */
const patterns = fc.array(decays, { minLength: 1, maxLength: 7 });
const withDecays = (pattern: readonly number[]): Reference => ({
  ...reference,
  inputs: {
    g: ({ shape }: InputContext) =>
      Float64Array.from({ length: shape.reduce((n, x) => n * x, 1) }, (_, i) => -(pattern[i % pattern.length] ?? 0)),
  },
});
const kinds = fc.constantFrom(decl, segment);

describe('simple GLA forward, interpreted', () => {
  const on = devices('exact', 'rounding');

  const small = fc.record({
    decl: kinds,
    dims: fc.record({
      ...batch,
      N: lengths(8, 40),
      D: fc.integer({ min: 1, max: 18 }),
      E: fc.integer({ min: 1, max: 18 }),
    }),
    place: placements,
    seed: seeds,
    passes: fc.boolean(),
  });
  const config = { C: 8, BE: 16, warps: 4, stages: 1 };

  it('is the recurrence, with and without states, in f64', async () => {
    await fc.assert(
      fc.asyncProperty(small, patterns, async ({ place, ...rest }, pattern) => {
        await expectRight({
          reference: withDecays(pattern),
          device: on.exact,
          config,
          ...rest,
          ...place,
          verify: true,
        });
      }),
      { numRuns: 30 },
    );
  });

  it('stays within the bounds of every dtype when each value is rounded', async () => {
    const run = fc.tuple(patterns, fc.constantFrom('f32', 'f16', 'bf16'));
    await fc.assert(
      fc.asyncProperty(small, run, async ({ place, ...rest }, [pattern, T]) => {
        const dtypes = { T };
        await expectRight({ reference: withDecays(pattern), device: on.rounding, dtypes, config, ...rest, ...place });
      }),
      { numRuns: 20 },
    );
  });
});

const VARIANTS = [
  { decl, D: 64, E: 64, T: 'f32', config: {} },
  { decl: segment, D: 24, E: 40, T: 'f32', config: { C: 16, BE: 32 } },
  { decl: segment, D: 80, E: 16, T: 'bf16', config: {} },
  { decl, D: 3, E: 1, T: 'f16', config: {} },
] as const;

describe.each(GPUS)('simple GLA forward on $key', ({ key, runs, most }) => {
  const on = devices(key, 'rounding');

  it.each(VARIANTS)('is the recurrence at D $D, E $E, $T', async ({ decl, D, E, T, config }) => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({ ...batch, N: lengths(32, Math.min(most, 130)) }),
        patterns,
        placements,
        seeds,
        async ({ B, H, N }, pattern, place, seed) => {
          const dims = { B, H, N, D, E };
          const reference = withDecays(pattern);
          await expectRight({ decl, reference, device: on[key], dims, dtypes: { T }, config, seed, ...place });
        },
      ),
      { numRuns: runs },
    );
  });

  it('returns the initial state of an empty sequence', async () => {
    const dims = { B: 1, H: 2, N: 0, D: 24, E: 40 };
    const config = { C: 16, BE: 32 };
    const report = await expectRight({ decl: segment, reference, device: on[key], dims, config });
    expect(report.values.hT?.some((x) => x !== 0)).toBe(true);
  });

  it('lets a NaN in a gate reach no earlier block, here and interpreted', async () => {
    const dims = { B: 1, H: 1, N: 40, D: 24, E: 40 };
    const g = new Float64Array(40).fill(-0.1);
    for (const device of [on[key], on.rounding]) {
      const request = { decl: segment, reference, device, dims, config: { C: 16, BE: 32 }, check: false };
      const before = await runKernel({ ...request, inputs: { g } });
      const after = await runKernel({ ...request, inputs: { g: g.with(37, Number.NaN) } });
      expect(before.values.o?.some(Number.isNaN)).toBe(false);
      expect(after.values.o?.subarray(0, 32 * 40)).toEqual(before.values.o?.subarray(0, 32 * 40));
      // On WebGPU exp(NaN) may be any number (semantics.md, "Infinity and NaN at all").
      const reached = after.values.o?.subarray(37 * 40).every(Number.isNaN);
      if (device.backend !== 'webgpu') expect(reached).toBe(true);
    }
  });
});

const BLOCKS = [
  { decl, D: 128, E: 128, T: 'bf16', config: { C: 64, BE: 128 } },
  { decl: segment, D: 64, E: 64, T: 'f16', config: { C: 64, BE: 64 } },
  { decl: segment, D: 40, E: 24, T: 'f32', config: { C: 32, BE: 32 } },
] as const;

describe('simple GLA forward in PTX', () => {
  const on = devices('sm80', 'sm90');

  it.each(BLOCKS)('is right whatever the warps and stages, D $D, E $E, $T, $config', async (block) => {
    const { decl, D, E, T, config } = block;
    const dims = { B: 1, H: 1, N: config.C * 2 + 3, D, E };
    await expectAgreement({ decl, reference, dims, dtypes: { T } }, [
      { device: on.sm80, config: { ...config, warps: 4, stages: 1 } },
      { device: on.sm80, config: { ...config, warps: 8, stages: 1 } },
      { device: on.sm90, config: { ...config, warps: 8, stages: 2 } },
      { device: on.sm90, config: { ...config, warps: 4, stages: 3 } },
      { device: on.sm90, config: { ...config, warps: 2, stages: 2 } },
    ]);
  });
});
