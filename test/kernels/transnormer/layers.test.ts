import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { randomStream } from '../../../driver/random.js';
import { runKernel } from '../../../driver/run.js';
import { tokenMixer, tokenMixerBwd } from '../../../kernels/transnormer/mixer.ref.js';
import { sglu, sgluBwd } from '../../../kernels/transnormer/sglu.ref.js';
import { devices, expectRight, seeds } from '../session.js';
import { declaration } from '../whole/property.js';

const MIXER = 'kernels/transnormer/mixer.ts';
const mixer = declaration(MIXER, 'tokenMixer');
const mixerBwd = declaration(MIXER, 'tokenMixerBwd');
const glu = declaration('kernels/transnormer/sglu.ts', 'sglu');
const gluBwd = declaration('kernels/transnormer/sglu.ts', 'sgluBwd');

const upTo = (max: number): fc.Arbitrary<number> => fc.integer({ min: 1, max });
const sizes = fc.record({
  B: upTo(2),
  N: fc.integer({ min: 0, max: 40 }),
  K: upTo(20),
  P: fc.constant(4),
  H: upTo(3),
  D: fc.constant(8),
});
const calls = fc.record({
  dims: sizes,
  options: fc.record({ rotation: fc.boolean(), initialState: fc.boolean(), finalState: fc.boolean() }),
  scalars: fc.constantFrom({ first: 0, eps: 1e-6 }, { first: 100, eps: 0.1 }),
  seed: seeds,
});
const withState = ({ dims, options }: { dims: { D: number }; options: { rotation: boolean } }) => ({
  ...dims,
  S: options.rotation ? 2 * dims.D : dims.D,
});

describe('the token mixer of TransNormerLLM', () => {
  const on = devices('exact', 'sm80', 'sm90', 'webgpu');

  it('is the formula in f64, forward', async () => {
    await fc.assert(
      fc.asyncProperty(calls, async (call) => {
        await expectRight({ decl: mixer, reference: tokenMixer, device: on.exact, ...call, dims: withState(call) });
      }),
      { numRuns: 6 },
    );
  });

  it('is the formula in f64, backward', async () => {
    await fc.assert(
      fc.asyncProperty(calls, async ({ options: { rotation }, scalars: { eps }, ...call }) => {
        const request = { decl: mixerBwd, reference: tokenMixerBwd, device: on.exact };
        await expectRight({ ...request, ...call, options: { rotation }, scalars: { eps } });
      }),
      { numRuns: 4 },
    );
  });

  const dims = { B: 2, N: 21, K: 20, P: 4, H: 2, D: 8 };
  const withS = { ...dims, S: 16 };
  const options = { rotation: true };

  it.each([
    { key: 'sm80', T: 'f16', reference: tokenMixer },
    { key: 'sm90', T: 'bf16', reference: tokenMixer },
    { key: 'webgpu', T: 'f32', reference: tokenMixer },
  ] as const)('is the formula on $key, $T', async ({ key, T, reference }) => {
    await expectRight({ decl: mixer, reference, device: on[key], dims: withS, dtypes: { T }, options, seed: 3 });
  });

  it('has the gradients of the formula in PTX', async () => {
    const reference = tokenMixerBwd;
    await expectRight({ decl: mixerBwd, reference, device: on.sm90, dims, dtypes: { T: 'bf16' }, options, seed: 4 });
  });

  it('continues where another call ended', async () => {
    const [whole, part] = [
      { ...withS, B: 1, N: 20 },
      { ...withS, B: 1, N: 10 },
    ];
    const x = Float64Array.from({ length: 20 * dims.K }, randomStream(1, 'x').normal);
    const request = { decl: mixer, reference: tokenMixer, device: on.exact, seed: 9 };
    const run = (more: Partial<Parameters<typeof runKernel>[0]>) => runKernel({ ...request, dims: part, ...more });
    const want = await run({ dims: whole, options, inputs: { x } });
    const half = 10 * dims.K;
    const first = await run({ options: { ...options, finalState: true }, inputs: { x: x.subarray(0, half) } });
    const { hT } = first.values;
    if (hT === undefined) throw new Error('no final state');
    const second = await run({
      options: { ...options, initialState: true },
      inputs: { x: x.subarray(half), h0: hT },
      scalars: { first: 10, eps: 1e-6 },
    });
    const got = [...(first.values.y ?? []), ...(second.values.y ?? [])];
    got.forEach((value, i) => {
      expect(value).toBeCloseTo(want.values.y?.[i] ?? Number.NaN, 5);
    });
  });
});

describe('the gated unit of TransNormerLLM', () => {
  const on = devices('exact', 'sm80', 'sm90');
  const sizes = fc.record({ M: upTo(40), K: upTo(20), R: fc.constant(2), F: upTo(30) });

  it.each([
    { name: 'forward', decl: glu, reference: sglu },
    { name: 'backward', decl: gluBwd, reference: sgluBwd },
  ])('is the formula in f64, $name', async ({ decl, reference }) => {
    await fc.assert(
      fc.asyncProperty(sizes, seeds, async (dims, seed) => {
        await expectRight({ decl, reference, device: on.exact, dims, seed });
      }),
      { numRuns: 5 },
    );
  });

  it.each([
    { key: 'sm80', T: 'f16' },
    { key: 'sm90', T: 'bf16' },
  ] as const)('is the formula on $key, $T', async ({ key, T }) => {
    const request = { device: on[key], dims: { M: 37, K: 20, R: 2, F: 24 }, dtypes: { T }, seed: 3 };
    await expectRight({ ...request, decl: glu, reference: sglu });
    await expectRight({ ...request, decl: gluBwd, reference: sgluBwd });
  });
});
