import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { randomStream } from '../../driver/random.js';
import type { Dims, ReferenceContext } from '../../driver/reference.js';
import { runKernel } from '../../driver/run.js';
import { isPlan } from '../../driver/source.js';
import * as gradientRefs from '../../kernels/lightning/backward.ref.js';
import * as decayRefs from '../../kernels/lightning/decay-gradient.ref.js';
import { lightningFwd } from '../../kernels/lightning/forward.ref.js';
import type { Device } from '../../runtime/device.js';
import { devices, expectAgreement, expectRight, kernelOf, lengths, seeds } from './session.js';
import { declaration, describeKernels } from './whole/property.js';

const FILE = 'kernels/lightning/backward.ts';
const width = fc.integer({ min: 1, max: 20 });
const heads = fc.constantFrom({ H: 1, HK: 1 }, { H: 2, HK: 2 }, { H: 4, HK: 2 }, { H: 3, HK: 1 });
const sizes = fc
  .record({ B: fc.integer({ min: 1, max: 2 }), heads, N: lengths(8, 40), D: width, E: width })
  .map(({ heads: { H, HK }, ...rest }) => ({ ...rest, H, HK }));
const eachHead = sizes.map((dims) => ({ ...dims, HG: dims.H, P: 1, A: 1 }));

const switches = (...names: readonly string[]) =>
  fc.record(Object.fromEntries(names.map((name) => [name, fc.boolean()] as const)));
const merged = (...options: readonly fc.Arbitrary<Readonly<Record<string, boolean>>>[]) =>
  fc.tuple(...options).map((all): Readonly<Record<string, boolean>> => Object.assign({}, ...all));
const states = switches('initialState', 'stateGradient', 'reverse');
const rounding = fc.constantFrom({}, {}, { precise: true });
const DECAYS = [
  {},
  { slopeGradient: true },
  { tokenDecay: true },
  { tokenDecay: true, tokenGradient: true },
  { tokenGradient: true },
  { noDecay: true },
];

describeKernels('lightning backward', [
  {
    file: FILE,
    name: 'lightningBwd',
    reference: gradientRefs.lightningBwd,
    dims: sizes,
    dtypes: ['f32', 'bf16', 'f16'],
    options: merged(states, fc.constantFrom(...DECAYS), rounding),
  },
  {
    file: FILE,
    name: 'lightningBwdKeys',
    reference: gradientRefs.lightningBwdKeys,
    dims: eachHead,
    dtypes: ['f32', 'bf16'],
    configs: [{ launches: 1 }],
    options: merged(states, fc.constantFrom({}, { tokenDecay: true }, { noDecay: true })),
  },
]);

const DECAY_FILE = 'kernels/lightning/decay-gradient.ts';
describeKernels('gradients of decays', [
  {
    file: FILE,
    name: 'lightningBwd',
    reference: gradientRefs.lightningBwd,
    // Of eight heads: the root mean square of few numbers is far from what it is of many.
    dims: lengths(64, 200).map((N) => ({ B: 2, H: 4, HK: 2, N, D: 9, E: 6 })),
    dtypes: ['f32', 'bf16'],
    options: states.map((options) => ({ ...options, tokenDecay: true, tokenGradient: true })),
  },
  {
    file: DECAY_FILE,
    name: 'lightningBwdSpans',
    reference: decayRefs.lightningBwdSpans,
    dims: lengths(64, 200).map((N) => ({ B: 1, H: 2, P: 3, R: 2, N, A: Math.floor(N / 64) + 1 })),
    options: switches('reverse'),
  },
]);

describe('the gradient of the decay of each token, of 16-bit inputs', () => {
  const on = devices('rounding', 'sm90');
  const sum = (x: Float64Array | undefined): number => x?.reduce((total, y) => total + y, 0) ?? Number.NaN;
  const squares = (x: Float64Array | undefined): number => sum(x?.map((y) => y * y));

  /** Sum of q . dq - k . dk over a sequence of one chunk, in units of what it is with random signs. */
  async function missed(device: Device, N: number, options: Readonly<Record<string, boolean>>, seed: number) {
    const dims = { B: 1, H: 1, HK: 1, N, D: 9, E: 6, P: 1, A: 1 };
    const config = { C: 32, BD: 16, warps: 2 };
    const common = { device, dtypes: { '*': 'bf16' }, config, seed, check: false };
    const run = { ...common, options: { tokenDecay: true, tokenGradient: true, ...options } };
    const { lightningBwdDq, lightningBwdDk } = gradientRefs;
    const queries = { decl: kernelOf(FILE, 'lightningBwdDq'), reference: lightningBwdDq, dims };
    const keys = { decl: kernelOf(FILE, 'lightningBwdDk'), reference: lightningBwdDk, dims: { ...dims, HG: 1 } };
    const { qdq } = (await runKernel({ ...run, ...queries })).values;
    const { kdk } = (await runKernel({ ...run, ...keys })).values;
    return Math.abs(sum(qdq) - sum(kdk)) / Math.sqrt(squares(qdq) + squares(kdk));
  }

  // No state comes in: every pair of tokens is in both sums. Rounded to one value for dq and another for dk, it misses 1e-4 and more.
  const within = fc.record({ N: fc.integer({ min: 2, max: 32 }), reverse: fc.boolean(), seed: seeds });
  it('has nothing of a pair of tokens of a chunk in sums over both', async () => {
    await fc.assert(
      fc.asyncProperty(within, async ({ N, reverse, seed }) => {
        expect(await missed(on.rounding, N, { reverse }, seed)).toBeLessThan(2e-6);
      }),
      { numRuns: 24 },
    );
  });
  it('nor where matrix units form the products', async () => {
    expect(await missed(on.sm90, 32, {}, 1)).toBeLessThan(2e-6);
  });

  // 5.4e-3 where pairs of tokens are rounded to two values; relative to dg itself, whatever the size of its terms.
  it('is right at a seed that was the worst of many', async () => {
    const decl = declaration(FILE, 'lightningBwd');
    const { lightningBwd } = gradientRefs;
    const reference = {
      ...lightningBwd,
      run: ({ cancels: _, ...context }: ReferenceContext) => lightningBwd.run(context),
    };
    const dims = { B: 1, H: 2, HK: 1, N: 65, D: 9, E: 6 };
    const options = { tokenDecay: true, tokenGradient: true, reverse: true };
    const how = { dims, options, dtypes: { '*': 'bf16' }, seed: 2013265916 };
    await expectRight({ decl, reference, device: on.rounding, ...how });
  });
});

describe('the gradient of a decay that heads have', () => {
  const on = devices('exact');

  // N is less than any chunk: what lies beyond the first and the last token has decayed by as many tokens as there are.
  it.each([true, false])('counts the tokens of a chunk that is not whole, reverse: %s', async (reverse) => {
    const [decl, reference] = [declaration(FILE, 'lightningBwd'), gradientRefs.lightningBwd];
    const dims = { B: 1, H: 1, HK: 1, N: 7, D: 2, E: 3 };
    const options = { initialState: true, stateGradient: true, tokenGradient: true, reverse };
    await expectRight({ decl, reference, device: on.exact, dims, options });
  });
});

describe('the gradients of the reference', () => {
  const small = fc
    .record({
      heads,
      N: fc.integer({ min: 0, max: 4 }),
      D: fc.integer({ min: 1, max: 3 }),
      E: fc.integer({ min: 1, max: 3 }),
    })
    .map(({ heads: { H, HK }, ...rest }) => ({ ...rest, B: 2, H, HK }));
  const every = merged(states, fc.constantFrom({}, { tokenDecay: true }, { noDecay: true }));
  /** Of each input, the gradient. */
  const PAIRS = { q: 'dq', k: 'dk', v: 'dv', h0: 'dh0', g: 'dg', slope: 'dslope' } as const;

  const inputsOf = ({ B = 0, H = 0, HK = 0, N = 0, D = 0, E = 0 }: Dims, seed: number) => {
    const normal = (name: string, size: number) => Float64Array.from({ length: size }, randomStream(seed, name).normal);
    return {
      q: normal('q', B * H * N * D),
      k: normal('k', B * HK * N * D),
      v: normal('v', B * HK * N * E),
      dout: normal('dout', B * H * N * E),
      h0: normal('h0', B * H * D * E),
      dhT: normal('dhT', B * H * D * E),
      g: normal('g', B * H * N).map((x) => -Math.abs(x)),
      slope: normal('slope', H).map(Math.abs),
    };
  };
  type Inputs = ReturnType<typeof inputsOf>;

  /** <o, dout> + <hT, dhT>, whose gradients they are. */
  const loss = (inputs: Inputs, dims: Dims, options: Readonly<Record<string, boolean>>): number => {
    const { o = new Float64Array(), hT = new Float64Array() } = lightningFwd.run({
      inputs,
      dims,
      options: { ...options, finalState: true },
      scalars: {},
    });
    const dot = (x: Float64Array, y: Float64Array): number =>
      x.reduce((sum, a, i) => sum + a * (y[i] ?? Number.NaN), 0);
    return dot(o, inputs.dout) + (options.stateGradient ? dot(hT, inputs.dhT) : 0);
  };

  it('are central differences of the forward reference', () => {
    fc.assert(
      fc.property(small, every, seeds, (dims, options, seed) => {
        const inputs = inputsOf(dims, seed);
        const all = gradientRefs.lightningBwd.run({ inputs, dims, options, scalars: {} });
        for (const [name, gradient] of Object.entries(PAIRS) as [keyof typeof PAIRS, string][]) {
          const unused = {
            h0: !options.initialState,
            g: !options.tokenDecay,
            slope: options.tokenDecay || options.noDecay,
          };
          if ((unused as Record<string, boolean>)[name]) continue;
          inputs[name].forEach((x, i) => {
            const at = (value: number) => loss({ ...inputs, [name]: inputs[name].with(i, value) }, dims, options);
            expect(all[gradient]?.[i], `${name}[${i}]`).toBeCloseTo((at(x + 1e-5) - at(x - 1e-5)) / 2e-5, 5);
          });
        }
      }),
      { numRuns: 30 },
    );
  });
});

it('says of what size the terms of dg are: the root mean square over tokens of what they are with random signs', () => {
  const [N, D, E] = [4, 2, 3];
  const random = randomStream(5, 'terms');
  const normal = (size: number) => Float64Array.from({ length: size }, random.normal);
  const tensors = { q: normal(N * D), k: normal(N * D), v: normal(N * E), dout: normal(N * E) };
  const inputs = { ...tensors, h0: normal(D * E), dhT: normal(D * E), g: normal(N).map((x) => -Math.abs(x)) };
  const { q, k, v, dout, h0, dhT, g } = inputs;
  const at = (x: Float64Array, i: number): number => x[i] ?? Number.NaN;
  let squares = 0;
  // Token -1 stands for h0, and token N for dhT.
  for (let t = 0; t < N; t++)
    for (let j = -1; j < t; j++)
      for (let i = t; i <= N; i++)
        for (let de = 0; de < D * E; de++) {
          const [d, e] = [Math.floor(de / E), de % E];
          const from = j < 0 ? at(h0, de) : at(k, j * D + d) * at(v, j * E + e);
          const to = i === N ? at(dhT, de) : at(q, i * D + d) * at(dout, i * E + e);
          const decay = Math.exp(g.slice(j + 1, i + 1).reduce((sum, x) => sum + x, 0));
          squares += (from * to * decay) ** 2;
        }
  const said: Record<string, number> = {};
  const options = { tokenDecay: true, tokenGradient: true, initialState: true, stateGradient: true };
  gradientRefs.lightningBwd.run({
    ...{ inputs, dims: { B: 1, H: 1, HK: 1, N, D, E }, options, scalars: {} },
    cancels: (output, size) => {
      said[output] = size;
    },
  });
  expect(said.dg).toBeCloseTo(Math.sqrt(squares / N), 10);
});

describe('lightning backward in PTX', () => {
  const on = devices('sm80', 'sm90');

  it.each(['f32', 'bf16'])('has the same bits whatever the warps and stages, %s', async (T) => {
    const dims = { B: 1, H: 1, HK: 1, HG: 1, N: 90, D: 32, E: 48, P: 1, A: 1 };
    const decl = kernelOf(FILE, 'lightningBwdDkDv');
    const request = { decl, reference: gradientRefs.lightningBwdDkDv, dims, dtypes: { '*': T } };
    await expectAgreement(request, [
      { device: on.sm80, config: { C: 32, warps: 4, stages: 1 } },
      { device: on.sm90, config: { C: 32, warps: 8, stages: 2 } },
      { device: on.sm90, config: { C: 32, warps: 2, stages: 2 } },
    ]);
  });
});

it('looks for the configurations of a plan that runs with options under its own name', () => {
  const plan = declaration(FILE, 'lightningBwd');
  const names = isPlan(plan) ? plan.runs.map((run) => run.kernel.name) : [];
  expect(names).toContain('lightningBwdKeys');
});
