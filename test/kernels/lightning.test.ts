import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { publishedCases } from '../../bench/cuda/published-cases.js';
import { candidates } from '../../driver/configurations.js';
import { runKernel } from '../../driver/run.js';
import { lightningFwd as reference } from '../../kernels/lightning/forward.ref.js';
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

type Dims = Readonly<Record<string, number>>;

/** Sizes of batches and heads; two or three heads of queries may share one of keys. */
const heads = fc.constantFrom({ H: 1, HK: 1 }, { H: 2, HK: 2 }, { H: 2, HK: 1 }, { H: 6, HK: 2 });
const batches = fc.integer({ min: 1, max: 2 });

/**
 * A repeating pattern of decays: per head and per token, steep ones beside mild ones, which a difference of prefix sums
 * would get wrong.
 */
const patterns = fc.array(decays, { minLength: 1, maxLength: 7 });
const repeat = (pattern: readonly number[], length: number, sign: number): Float64Array =>
  Float64Array.from({ length }, (_, i) => sign * (pattern[i % pattern.length] ?? 0));
const decayInputs = (pattern: readonly number[], { B = 0, H = 0, N = 0 }: Dims) => ({
  slope: repeat(pattern, H, 1),
  g: repeat(pattern, B * H * N, -1),
});

describe('configurations of lightning forward', () => {
  it('exist for every number of heads and batches', () => {
    for (const H of [1, 1000])
      for (const N of [0, 4096])
        for (const D of [1, 64, 256]) {
          const dims = { B: 8, H, HK: H, N, D, E: D };
          expect([...candidates(decl, dims, {}, 256)].length, JSON.stringify(dims)).toBeGreaterThan(0);
        }
  });
});

const flags = fc.record({
  precise: fc.boolean(),
  initialState: fc.boolean(),
  finalState: fc.boolean(),
  tokenDecay: fc.boolean(),
  noDecay: fc.constantFrom(false, false, true),
  reverse: fc.boolean(),
  stateOnly: fc.constantFrom(false, false, false, true),
});

describe('lightning forward, interpreted', () => {
  const on = devices('exact', 'rounding');

  const small = fc.record({
    dims: fc
      .record({
        B: batches,
        heads,
        N: lengths(8, 40),
        D: fc.integer({ min: 1, max: 20 }),
        E: fc.integer({ min: 1, max: 20 }),
      })
      .map(({ heads, ...sizes }) => ({ ...sizes, ...heads })),
    config: fc.record({ C: fc.constantFrom(8, 16), BE: fc.constantFrom(8, 16), G: fc.constantFrom(1, 1, 2, 4) }),
    options: flags,
    pattern: patterns,
    place: placements,
    seed: seeds,
    passes: fc.boolean(),
  });
  /** A block of more than twice the columns is pruned. */
  const knobsFor = ({ C, BE, G }: { C: number; BE: number; G: number }, E: number) => ({
    ...{ C, G, warps: 4, stages: 1 },
    BE: E > 8 ? BE : 8,
  });

  it('is the recurrence with every option, in f64, before and after the passes', async () => {
    await fc.assert(
      fc.asyncProperty(small, async ({ pattern, place, config, ...rest }) => {
        const inputs = decayInputs(pattern, rest.dims);
        const knobs = knobsFor(config, rest.dims.E);
        await expectRight({
          decl,
          reference,
          device: on.exact,
          inputs,
          config: knobs,
          ...rest,
          ...place,
          verify: true,
        });
      }),
      { numRuns: 60 },
    );
  });

  it('stays within the bounds of every dtype when each value is rounded', async () => {
    await fc.assert(
      fc.asyncProperty(small, fc.constantFrom('f32', 'f16', 'bf16'), async ({ pattern, place, config, ...rest }, T) => {
        const inputs = decayInputs(pattern, rest.dims);
        const knobs = knobsFor(config, rest.dims.E);
        await expectRight({
          ...{ decl, reference, device: on.rounding, dtypes: { T }, inputs, config: knobs },
          ...rest,
          ...place,
        });
      }),
      { numRuns: 30 },
    );
  });
});

describe('lightning forward of many heads', () => {
  const on = devices('exact');

  it('finds the head of keys where H x HK is more than 2^31', async () => {
    const dims = { B: 1, H: 46_342, HK: 46_342, N: 1, D: 1, E: 1 };
    const config = { C: 8, BE: 8, warps: 4, stages: 1, G: 1 };
    await expectRight({ decl, reference, device: on.exact, dims, config, options: { stateOnly: true, noDecay: true } });
  });
});

const states = { initialState: true, finalState: true };
/** Specialisations that get a pipeline: head dims, the block sizes that suit them, dtype and options. */
const VARIANTS = [
  { D: 16, E: 16, T: 'f32', config: { C: 16, BE: 16 }, options: {} },
  { D: 24, E: 40, T: 'f32', config: { C: 16, BE: 32 }, options: states },
  { D: 20, E: 12, T: 'f32', config: { C: 8, BE: 16 }, options: { ...states, reverse: true } },
  { D: 16, E: 24, T: 'bf16', config: { C: 16, BE: 16 }, options: { ...states, tokenDecay: true } },
  { D: 12, E: 8, T: 'f16', config: { C: 16, BE: 8 }, options: { ...states, tokenDecay: true, reverse: true } },
  { D: 16, E: 8, T: 'bf16', config: { C: 8, BE: 8 }, options: { stateOnly: true, initialState: true } },
  { D: 1, E: 3, T: 'f32', config: {}, options: { noDecay: true, finalState: true } },
  { D: 3, E: 1, T: 'bf16', config: {}, options: { reverse: true } },
  { D: 40, E: 24, T: 'bf16', config: { C: 16, BE: 32 }, options: { precise: true, initialState: true } },
] as const;

describe.each(GPUS)('lightning forward on $key', ({ key, runs }) => {
  const on = devices(key);

  it.each(VARIANTS)('is the recurrence at D $D, E $E, $T, $options', async ({ D, E, T, config, options }) => {
    const block = (config as { C?: number }).C ?? 32;
    await fc.assert(
      fc.asyncProperty(
        fc.record({ B: batches, heads, N: lengths(block, 70) }),
        patterns,
        placements,
        seeds,
        async ({ B, heads, N }, pattern, place, seed) => {
          const dims = { B, ...heads, N, D, E };
          const inputs = decayInputs(pattern, dims);
          const request = { decl, reference, device: on[key], dims, dtypes: { T }, config, options, inputs, seed };
          await expectRight({ ...request, ...place });
        },
      ),
      { numRuns: Math.ceil(runs / 3) },
    );
  });

  it('fits head dims of 256 into the shared memory of every device', async () => {
    const dims = { B: 1, H: 1, N: 9, D: 256, E: 256 };
    await expectRight({ decl, reference, device: on[key], dims });
  });

  it.each([false, true])('returns the initial state of an empty sequence, in reverse %s', async (reverse) => {
    const dims = { B: 2, H: 1, N: 0, D: 16, E: 16 };
    const request = { decl, reference, device: on[key], dims, config: { C: 16, BE: 16 } };
    const report = await expectRight({ ...request, options: { ...states, reverse } });
    expect(report.values.o).toEqual(new Float64Array(0));
    expect(report.values.hT?.some((x) => x !== 0)).toBe(true);
  });

  it('leaves the output alone where only the state is wanted', async () => {
    const dims = { B: 1, H: 2, N: 20, D: 16, E: 8 };
    const options = { stateOnly: true, initialState: true };
    const request = { decl, reference, device: on[key], dims, dtypes: { T: 'bf16' }, config: { C: 8, BE: 8 } };
    const { values } = await expectRight({ ...request, options });
    expect(values.o?.every(Number.isNaN) ?? true).toBe(true);
  });

  it.each(['q', 'k', 'v'] as const)('lets a NaN in %s reach no earlier block', async (name) => {
    const dims = { B: 1, H: 1, N: 40, D: 16, E: 16 };
    const request = { decl, reference, device: on[key], dims, config: { C: 16, BE: 16 }, check: false };
    const values = Float64Array.from({ length: dims.N * 16 }, (_, i) => Math.sin(i));
    const dirty = values.with(37 * 16 + 5, Number.NaN); // a token of the third block
    const before = await runKernel({ ...request, inputs: { [name]: values } });
    const after = await runKernel({ ...request, inputs: { [name]: dirty } });
    expect(before.values.o?.some(Number.isNaN)).toBe(false);
    expect(after.values.o?.subarray(0, 32 * 16)).toEqual(before.values.o?.subarray(0, 32 * 16));
    if (name !== 'v') expect(after.values.o?.subarray(37 * 16, 38 * 16).every(Number.isNaN)).toBe(true);
  });
});

/** Blocks and dtypes that are lowered differently: dots on the tensor cores in 16 bits and tf32, parts of a sequence. */
const BLOCKS = [
  { D: 64, E: 64, T: 'bf16', config: { C: 64, BE: 64, G: 1 }, options: {} },
  { D: 32, E: 48, T: 'f16', config: { C: 32, BE: 16, G: 4 }, options: states },
  { D: 32, E: 32, T: 'f32', config: { C: 32, BE: 32, G: 2 }, options: { ...states, reverse: true } },
  { D: 32, E: 16, T: 'bf16', config: { C: 32, BE: 16, G: 2 }, options: { tokenDecay: true, finalState: true } },
] as const;

describe('lightning forward in PTX', () => {
  const on = devices('sm80', 'sm90');

  it.each(BLOCKS)('is the same whatever the warps and stages, D $D, E $E, $T, $options', async (block) => {
    const { D, E, T, config, options } = block;
    const dims = { B: 1, H: 1, N: config.C * 2 + 7, D, E };
    // Prefix sums are split by the number of warps.
    const perWarps = 'tokenDecay' in options ? ['o', 'hT'] : [];
    await expectAgreement({ decl, reference, dims, dtypes: { T }, options, perWarps }, [
      { device: on.sm80, config: { ...config, warps: 4, stages: 1 } },
      { device: on.sm80, config: { ...config, warps: 8, stages: 1 } },
      { device: on.sm90, config: { ...config, warps: 8, stages: 2 } },
      { device: on.sm90, config: { ...config, warps: 4, stages: 3 } },
      { device: on.sm90, config: { ...config, warps: 2, stages: 2 } },
    ]);
  });
});

/** Runs of other implementations' tests, as far as the emulator is quick; a GPU makes them all (bench/cuda). */
describe('lightning forward in PTX at published shapes', () => {
  const on = devices('sm80', 'sm90');
  const some = publishedCases().filter(({ dims: { N, D, E } }) => N * D * E <= 2 ** 17 && D <= 32);
  const one = publishedCases().filter(({ from, dims: { N } }) => from === 'lightning-attention' && N === 256);
  const small = [...some, ...one.map((c) => ({ ...c, dims: { ...c.dims, B: 1, H: 1 } }))];
  /** What rounding q, k, v, p and the state to the dtype costs; anything else would show. */
  const bounds = { f32: 3e-6, f16: 5e-4, bf16: 4e-3 };

  it('has some of every kind', () => {
    expect(new Set(small.map((c) => c.from))).toEqual(new Set(publishedCases().map((c) => c.from)));
  });

  it.each(small)('errs by what the dtype rounds, $from, $dtype, $dims', async ({ dtype, dims, options, layout }) => {
    const device = dtype === 'bf16' ? on.sm90 : on.sm80;
    const place = layout === undefined ? {} : { layout };
    const request = { decl, reference, device, dims, options, dtypes: { T: dtype }, ...place };
    const { outputs } = await expectRight(request);
    for (const { rmse } of outputs) expect(rmse).toBeLessThan(bounds[dtype]);
  });
});
