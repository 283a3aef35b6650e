/** Lightning Attention in segments: the states of pieces, their fold, and what the rule chooses. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { candidates } from '../../driver/configurations.js';
import { runKernel } from '../../driver/run.js';
import { lightningSegments, segmentScan, segmentStates } from '../../kernels/lightning/segments.ref.js';
import { lightningSegmentsBwd, segmentBwdDkDv, segmentBwdDq } from '../../kernels/lightning/segments-backward.ref.js';
import { decays, devices, expectRight, kernelOf, lengths } from './session.js';
import { declaration, describeKernels, type Subject } from './whole/property.js';

const file = 'kernels/lightning/segments.ts';
const decay = fc.constantFrom({}, { tokenDecay: true }, { noDecay: true });
const widths = { D: fc.constantFrom(8, 12), E: fc.constantFrom(8, 11) };
const groups = fc.constantFrom({ H: 1, HK: 1 }, { H: 3, HK: 3 }, { H: 4, HK: 2 });
const heads = (of: Readonly<Record<string, fc.Arbitrary<number>>>) =>
  fc
    .tuple(groups, fc.record({ B: fc.constantFrom(1, 2), ...of, ...widths }))
    .map(([group, dims]) => ({ ...group, ...dims }));
const flags = (...names: readonly string[]) => fc.record(Object.fromEntries(names.map((n) => [n, fc.boolean()])));
const options = (...names: readonly string[]) => fc.tuple(decay, flags(...names)).map(([a, b]) => ({ ...a, ...b }));
const block = { C: 16, BE: 16, warps: 4, stages: 2 };

/** Any decays of heads: none, and so steep that no token sees another. */
function anySlopes({ H = 0 }: Readonly<Record<string, number>>, seed: number) {
  return { slope: Float64Array.from(fc.sample(decays, { numRuns: H, seed })) };
}

describeKernels('segments', [
  {
    ...{ file, name: 'segmentStates', reference: segmentStates },
    dims: heads({ N: lengths(64, 200), Q: fc.constantFrom(1, 2, 3, 6) }),
    dtypes: ['f32', 'bf16'],
    options: options('reverse'),
    configs: [block],
  },
  {
    ...{ file, name: 'segmentScan', reference: segmentScan },
    dims: fc
      .record({
        G: fc.integer({ min: 1, max: 5 }),
        pieces: fc.constantFrom(1, 2, 4),
        B: fc.constantFrom(1, 2),
        ...widths,
      })
      .map(({ pieces, ...dims }) => ({ ...dims, H: 2, Q: (dims.G - 1) * pieces })),
    options: options('reverse', 'initialState'),
    configs: [{ BD: 2, warps: 4 }],
  },
  {
    ...{ file, name: 'lightningSegments', reference: lightningSegments },
    dims: heads({ N: lengths(64, 200) }),
    dtypes: ['f32', 'f16', 'bf16'],
    options: options('initialState', 'finalState'),
    inputs: anySlopes,
    configs: [
      { G: 1, pieces: 1 },
      { G: 3, pieces: 1 },
      { G: 4, pieces: 2 },
      { G: 8, pieces: 4 },
    ],
  },
] satisfies Subject[]);

const back = 'kernels/lightning/segments-backward.ts';

describe('the backward pass in segments', () => {
  const on = devices('exact', 'webgpu', 'sm80', 'sm90');
  const decl = declaration(back, 'lightningSegmentsBwd');
  const gates = { tokenDecay: true, tokenGradient: true };
  const ends = { initialState: true, stateGradient: true };
  const [whole, cut] = [
    { G: 1, pieces: 1 },
    { G: 3, pieces: 2 },
  ];

  it.each([
    { key: 'exact', T: 'f32', N: 150, config: cut, options: {} },
    { key: 'exact', T: 'f32', N: 64, config: cut, options: { ...gates, ...ends } },
    { key: 'exact', T: 'f32', N: 191, config: cut, options: { slopeGradient: true, ...ends } },
    { key: 'exact', T: 'f32', N: 77, config: whole, options: { noDecay: true, initialState: true } },
    { key: 'exact', T: 'f32', N: 0, config: cut, options: ends },
    { key: 'webgpu', T: 'f32', N: 150, config: cut, options: { ...gates, ...ends } },
    { key: 'sm80', T: 'f16', N: 129, config: cut, options: { ...gates, stateGradient: true } },
    { key: 'sm90', T: 'bf16', N: 150, config: cut, options: { slopeGradient: true, ...ends } },
  ] as const)('on $key, $T, N $N, $config, $options', async ({ key, T, N, config, options }) => {
    const dims = { B: 1, H: 4, HK: key === 'webgpu' ? 4 : 2, N, D: 8, E: 7 };
    const how = { dims, dtypes: { T }, config, options, seed: N };
    await expectRight({ decl, reference: lightningSegmentsBwd, device: on[key], ...how });
  });
});

describe('the parts of the backward pass', () => {
  const on = devices('exact');
  const decl = (name: string) => kernelOf(back, name);
  const dims = { B: 2, H: 4, HK: 2, N: 150, G: 4, P: 1, D: 8, E: 5 };

  it.each([{}, { tokenDecay: true, stateGradient: true }, { noDecay: true }])(
    'are their formulas with %o',
    async (options) => {
      const request = { device: on.exact, options, seed: 3 };
      const dq = { decl: decl('segmentBwdDq'), reference: segmentBwdDq, dims, config: { C: 16, BD: 8 } };
      await expectRight({ ...request, ...dq });
      const keys = { decl: decl('segmentBwdDkDv'), reference: segmentBwdDkDv, config: { C: 32 } };
      await expectRight({ ...request, ...keys, dims: { ...dims, HG: 4 } });
    },
  );
});

describe('tokens that a head has forgotten', () => {
  const on = devices('rounding', 'sm90', 'webgpu');
  const decl = kernelOf(file, 'segmentStates');
  /** Two segments of 192 tokens, one of them in 4 pieces of 48. Of it, 192, 75, 19 and 2 tokens count. */
  const dims = { B: 1, H: 4, HK: 1, N: 384, Q: 4, D: 8, E: 8 };
  const slope = Float64Array.of(0, 2, 8, 100);
  const reach = [...slope].map((s) => (s === 0 ? Number.POSITIVE_INFINITY : Math.floor((214 * Math.LN2) / s) + 1));
  const size = dims.D * dims.E;
  const scalars = { pieces: 4 };

  it.each(['rounding', 'sm90', 'webgpu'] as const)('are not read, with the same bits, on %s', async (key) => {
    for (const reverse of [false, true]) {
      const request = {
        decl,
        reference: segmentStates,
        device: on[key],
        dims,
        config: block,
        scalars,
        check: false,
        seed: 5,
      };
      const run = async (skip: boolean, more: Record<string, Float64Array>) =>
        (await runKernel({ ...request, options: { skip, reverse }, inputs: { slope, ...more } })).values.states ?? [];
      const all = await run(false, {});
      const seen = await run(true, {});
      for (let place = 0; place < dims.H * dims.Q; place++) {
        const h = Math.floor(place / dims.Q);
        const away = 48 * (reverse ? place % dims.Q : dims.Q - 1 - (place % dims.Q));
        const [own, whole] = [
          seen.slice(place * size, (place + 1) * size),
          all.slice(place * size, (place + 1) * size),
        ];
        const counts = away < (reach[h] ?? 0);
        if (counts) expect(own).toEqual(whole);
        else expect(own.every(Number.isNaN)).toBe(true); // as it was
        const forgotten = Math.exp(-(slope[h] ?? 0) * away);
        if (!counts) expect(whole.every((x) => Math.fround(x * forgotten) === 0)).toBe(true);
      }
    }
  });

  it('are not read if they are no numbers either', async () => {
    const k = new Float64Array(dims.N * dims.D).fill(Number.NaN, 0, 112 * dims.D).fill(1, 112 * dims.D);
    const request = { decl, reference: segmentStates, device: on.sm90, dims, config: block, scalars, check: false };
    const { values } = await runKernel({ ...request, inputs: { slope, k } });
    const of = (h: number, q: number) => values.states?.subarray((h * 4 + q) * size, (h * 4 + q + 1) * size);
    for (const h of [0, 1, 2, 3]) expect(of(h, 3)?.every(Number.isFinite)).toBe(true);
    expect(of(0, 2)?.some(Number.isFinite)).toBe(false); // tokens 96 to 143
    expect(of(1, 2)?.every(Number.isFinite)).toBe(true); // of which the last 27 count, in two chunks
  });
});

describe('the rule', () => {
  const plan = declaration(file, 'lightningSegments');
  const first = (dims: Record<string, number>) => candidates(plan, { D: 128, E: 128, ...dims }, {}, 256).next().value;

  it.each([
    { dims: { B: 1, H: 16, N: 32768 }, config: { G: 8, pieces: 2 } },
    { dims: { B: 1, H: 16, N: 262144 }, config: { G: 8, pieces: 8 } },
    { dims: { B: 2, H: 16, N: 131072 }, config: { G: 4, pieces: 8 } },
    { dims: { B: 1, H: 1, N: 2 ** 20 }, config: { G: 128, pieces: 1 } },
    { dims: { B: 1, H: 12, N: 8192 }, config: { G: 11, pieces: 1 } },
    { dims: { B: 1, H: 16, N: 32768, D: 64, E: 64 }, config: { G: 16, pieces: 1 } },
    { dims: { B: 8, H: 32, N: 8192 }, config: { G: 1, pieces: 1 } },
    { dims: { B: 1, H: 2, N: 0 }, config: { G: 1, pieces: 1 } },
  ])('gives $config to $dims', ({ dims, config }) => {
    expect(first(dims)).toEqual(config);
  });
});
