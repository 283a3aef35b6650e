import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runKernel } from '../../../driver/run.js';
import {
  lightningAccept,
  lightningExtend,
  lightningStep,
  lightningVerify,
} from '../../../kernels/lightning/decode.ref.js';
import { devices, expectRight, kernelOf } from '../session.js';
import { describeKernels, type Subject } from './property.js';
import { expectClose, part } from './sequences.js';

const FILE = 'kernels/lightning/decode.ts';
const upTo = (max: number): fc.Arbitrary<number> => fc.integer({ min: 1, max });

const heads = fc.constantFrom({ H: 2, HK: 2 }, { H: 4, HK: 2 }, { H: 3, HK: 1 });
const widths = fc.constantFrom({ D: 8, E: 8 }, { D: 8, E: 20 }, { D: 20, E: 3 });
const sized = (most: number) =>
  fc
    .tuple(upTo(3), fc.integer({ min: 0, max: most }), heads, widths)
    .map(([B, N, shared, width]) => ({ B, N, ...shared, ...width }));
const decay = fc.constantFrom({}, { tokenDecay: true }, { noDecay: true });
const options = fc.tuple(decay, fc.boolean()).map(([of, precise]) => ({ ...of, precise }));

describeKernels('decoding', [
  {
    file: FILE,
    name: 'lightningStep',
    reference: lightningStep,
    dims: sized(0).map(({ N: _, ...dims }) => dims),
    dtypes: ['f32', 'f16', 'bf16'],
    options: decay,
    configs: [{}, { BD: 16, BE: 8, warps: 2 }],
  },
  {
    file: FILE,
    name: 'lightningExtend',
    reference: lightningExtend,
    runs: 1,
    dims: sized(40),
    dtypes: ['f32', 'f16', 'bf16'],
    options,
    configs: [{ C: 16, BE: 8 }, { C: 8, BE: 8, warps: 2 }, { C: 32 }],
  },
  {
    file: FILE,
    name: 'lightningVerify',
    reference: lightningVerify,
    runs: 1,
    dims: sized(20),
    dtypes: ['f32', 'f16', 'bf16'],
    options: fc.tuple(options, fc.boolean()).map(([of, keepStates]) => ({ ...of, keepStates })),
    configs: [{ C: 8 }, { C: 16, BE: 8, warps: 2 }],
  },
  {
    file: FILE,
    name: 'lightningAccept',
    reference: lightningAccept,
    dims: sized(16),
    dtypes: ['f32', 'f16', 'bf16'],
    options: decay,
    configs: [{}, { BD: 16, BE: 8, warps: 1 }],
  },
] satisfies Subject[]);

const DEVICES = [
  { key: 'exact', runs: 3 },
  { key: 'sm90', runs: 1 },
] as const;
const dims = { B: 2, H: 2, HK: 1, D: 8, E: 8 };
const STATE = { shape: [dims.B, dims.H, dims.D, dims.E], axis: 3 };
const SHAPES = {
  q: [dims.B, dims.H, 0, dims.D],
  k: [dims.B, dims.HK, 0, dims.D],
  v: [dims.B, dims.HK, 0, dims.E],
  g: [dims.B, dims.H, 0],
} as const;
type Values = Readonly<Record<string, Float64Array>>;

const shapeOf = (name: keyof typeof SHAPES, N: number): readonly number[] => SHAPES[name].map((x) => x || N);
const forEach = (make: (name: keyof typeof SHAPES) => Float64Array): Values => ({
  q: make('q'),
  k: make('k'),
  v: make('v'),
  g: make('g'),
});

/** N tokens: values between -1 and 1, decays between exp(-1) and 1. */
function tokens(N: number, seed: number): Values {
  return forEach((name) => {
    const length = shapeOf(name, N).reduce((n, x) => n * x, 1);
    const wave = (i: number): number => Math.fround(Math.sin((i + 1) * (12.9898 + name.charCodeAt(0)) + seed));
    return Float64Array.from({ length }, (_, i) => (name === 'g' ? -Math.abs(wave(i)) : wave(i)));
  });
}

/** Tokens begin <= t < end of `all`, of which there are N. */
const some = (all: Values, N: number, begin: number, end: number): Values =>
  forEach((name) => part(all[name], shapeOf(name, N), 2, [begin, end]));

describe('decoding, kernel after kernel', () => {
  const on = devices('exact', 'sm90');
  const size = STATE.shape.reduce((n, x) => n * x, 1);
  const start = Float64Array.from({ length: size }, (_, i) => Math.fround(Math.cos(i)));

  it.each(DEVICES)(
    'steps, chunks in any split and accepted proposals are one long forward pass, on $key',
    async ({ key, runs }) => {
      const options = { tokenDecay: true };
      const run = async (name: string, N: number, inputs: Values, more: object = {}): Promise<Values> => {
        const config = name === 'Step' || name === 'Accept' ? { BE: 8 } : { C: 8, BE: 8 };
        const decl = kernelOf(FILE, `lightning${name}`);
        const request = { decl, reference: null, device: on[key], dims: { ...dims, N }, dtypes: { T: 'f32' }, config };
        const { N: _, ...sizes } = request.dims;
        const own = name === 'Step' ? sizes : request.dims;
        return (await runKernel({ ...request, dims: own, inputs, options: { ...options, ...more } })).values;
      };
      const zero = { slope: new Float64Array(dims.H) };
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 3 }),
          fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 2, maxLength: 2 }),
          fc.integer({ min: 0, max: 1000 }),
          async (lengths, accepted, seed) => {
            const proposed = 7;
            const N = lengths.reduce((n, x) => n + x, 0) + proposed;
            const all = { ...tokens(N, seed), ...zero };
            const whole = await run('Extend', N, { ...all, state: start });
            const token = (begin: number, end: number): Values => ({ ...some(all, N, begin, end), ...zero });
            const outputs = (begin: number, end: number): Float64Array =>
              part(whole.o, [dims.B, dims.H, N, dims.E], 2, [begin, end]);

            let state: Float64Array = start;
            let at = 0;
            for (const length of lengths) {
              const chunk = await run('Extend', length, { ...token(at, at + length), state });
              expectClose(chunk.o, outputs(at, at + length));
              state = chunk.state ?? state;
              at += length;
            }

            const draft = token(at, N);
            const verified = await run('Verify', proposed, { ...draft, state }, { keepStates: true });
            expectClose(verified.o, outputs(at, N));
            const moved = await run('Accept', proposed, { ...draft, state, accepted: Float64Array.from(accepted) });

            const after = [state];
            for (let t = at; t < N; t++) {
              const step = await run('Step', 1, { ...token(t, t + 1), state: after.at(-1) ?? state });
              expectClose(step.o, outputs(t, t + 1));
              after.push(step.state ?? state);
            }
            expectClose(after.at(-1), whole.state ?? start);
            for (let b = 0; b < dims.B; b++) {
              const mine = (x: Float64Array | undefined): Float64Array => part(x, STATE.shape, 0, [b, b + 1]);
              expectClose(mine(moved.state), mine(after[Math.min(accepted[b] ?? 0, proposed)]));
              for (let t = 0; t < proposed; t++) {
                const one = b * proposed + t;
                const kept = part(verified.states, [dims.B * proposed, size / dims.B], 0, [one, one + 1]);
                expectClose(kept, mine(after[t + 1]));
              }
            }
          },
        ),
        { numRuns: runs },
      );
    },
  );

  it.each(DEVICES)('proposals of many chunks see those of all earlier ones, on $key', async ({ key }) => {
    for (const options of [{}, { tokenDecay: true }]) {
      const decl = kernelOf(FILE, 'lightningVerify');
      const request = { decl, reference: lightningVerify, device: on[key], dims: { ...dims, N: 27 }, options };
      await expectRight({ ...request, dtypes: { T: 'f32' }, config: { C: 8, BE: 8 } });
    }
  });

  it.each(DEVICES)(
    'a sequence that accepts nothing keeps its state bit by bit, NaN or not, on $key',
    async ({ key }) => {
      const [N, sizes] = [5, { ...dims, N: 5 }];
      const state = start.map((x, i) => (i === 3 ? Number.NaN : x));
      const { values } = await runKernel({
        decl: kernelOf(FILE, 'lightningAccept'),
        reference: null,
        device: on[key],
        dims: sizes,
        dtypes: { T: 'f32' },
        config: { BE: 8 },
        options: { tokenDecay: true },
        inputs: { ...tokens(N, 1), slope: new Float64Array(dims.H), state, accepted: Float64Array.of(-3, 0) },
      });
      expect(values.state).toEqual(state);
    },
  );
});
