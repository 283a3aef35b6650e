import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runKernel } from '../../../driver/run.js';
import { empty, f32, i32, openDevice } from '../../../index.js';
import { lightningPacked } from '../../../kernels/lightning/packed.ref.js';
import { lightningPackedBwd as packedBwd } from '../../../kernels/lightning/packed-backward.js';
import {
  lightningPackedBwd,
  lightningPackedBwdG,
  lightningPackedBwdSlopeParts,
  lightningPackedPass,
} from '../../../kernels/lightning/packed-backward.ref.js';
import { devices, kernelOf } from '../session.js';
import { declaration, describeKernels, type Subject } from './property.js';
import { expectClose, part } from './sequences.js';

const FORWARD = 'kernels/lightning/packed.ts';
const BACKWARD = 'kernels/lightning/packed-backward.ts';
const lightningPackedGradients = packedBwd.with({ noDecay: true });
const floats = ['f32', 'f16', 'bf16'];
const upTo = (max: number): fc.Arbitrary<number> => fc.integer({ min: 1, max });

const heads = fc.constantFrom({ H: 2, HK: 2 }, { H: 4, HK: 2 }, { H: 3, HK: 1 });
const widths = fc.constantFrom({ D: 8, E: 8 }, { D: 20, E: 8 }, { D: 8, E: 3 });
const sizes = fc
  .tuple(fc.integer({ min: 0, max: 60 }), upTo(4), heads, widths)
  .map(([N, S, shared, width]) => ({ N, S, S1: S + 1, ...shared, ...width }));
const flag = fc.boolean();
const decay = fc.constantFrom({}, {}, { tokenDecay: true }, { noDecay: true });
const common = fc.record({ precise: flag, reverse: flag });
const states = fc.record({ initialState: flag, stateGradient: flag });
const joined = (...parts: fc.Arbitrary<Readonly<Record<string, boolean>>>[]) =>
  fc.tuple(...parts).map((all): Readonly<Record<string, boolean>> => Object.assign({}, ...all));

describeKernels('packed sequences', [
  {
    file: FORWARD,
    name: 'lightningPacked',
    reference: lightningPacked,
    dims: sizes,
    dtypes: floats,
    options: joined(common, decay, fc.record({ initialState: flag, finalState: flag, stateOnly: flag })),
    configs: [{ C: 16, BE: 8, warps: 2 }, { C: 8 }],
  },
  {
    file: BACKWARD,
    name: 'lightningPackedPass',
    reference: lightningPackedPass,
    runs: 1,
    dims: fc.tuple(sizes, fc.constantFrom(2, 4), fc.constantFrom(1, 4)).map(([{ N, S, S1, D, E }, HX, HY]) => ({
      N,
      S,
      S1,
      H: 4,
      HG: 4,
      HX,
      HY,
      HW: HX,
      A: D,
      W: Math.min(E, 8),
      Q: 1,
    })),
    dtypes: floats,
    options: joined(
      common,
      decay,
      fc.record({ later: flag, stateBefore: flag, stateAfter: flag, products: flag, stateProduct: flag }),
    ),
    configs: [{ C: 16, BW: 8, warps: 2 }],
  },
  {
    file: BACKWARD,
    name: 'lightningPackedBwdG',
    reference: lightningPackedBwdG,
    runs: 1,
    dims: sizes.map(({ N, S, S1, H }) => ({ N, S, S1, H, P: 2, R: 3 })),
    options: fc.record({ stateGradient: flag, reverse: flag }),
    configs: [{ C: 64, warps: 2 }],
  },
  {
    file: BACKWARD,
    name: 'lightningPackedBwdSlopeParts',
    reference: lightningPackedBwdSlopeParts,
    runs: 1,
    dims: sizes.map((dims) => ({ ...dims, P: 1 })),
    dtypes: ['f32'],
    options: joined(common, states),
    configs: [{ C: 16, BE: 8, warps: 2 }],
  },
  {
    file: BACKWARD,
    name: 'lightningPackedBwd',
    reference: lightningPackedBwd,
    runs: 1,
    dims: sizes,
    dtypes: floats,
    options: joined(
      common,
      states,
      fc.constantFrom(
        {},
        { slopeGradient: true },
        { noDecay: true },
        { tokenDecay: true },
        { tokenDecay: true, tokenGradient: true },
      ),
    ),
  },
] satisfies Subject[]);

const every = (['exact', 'rounding', 'webgpu', 'sm80', 'sm90'] as const).map((key) => ({ key }));

describe('packed sequences, one by one', () => {
  const on = devices('exact', 'rounding', 'webgpu', 'sm80', 'sm90');
  const [D, E, H, HK] = [8, 8, 2, 1];
  const wave = (length: number, by: number): Float64Array =>
    Float64Array.from({ length }, (_, i) => Math.fround(Math.sin((i + 1) * by)));
  const OF_TOKENS = { q: H * D, k: HK * D, v: HK * E, dout: H * E, o: H * E, dq: H * D, dk: HK * D, dv: HK * E, g: H };
  const OF_SEQUENCES = ['h0', 'hT', 'dh0', 'dhT'];

  it.each(every.filter(({ key }) => key === 'exact' || key === 'sm90'))(
    'a batch is its sequences, forward and backward, on $key',
    async ({ key }) => {
      const offset = [0, 19, 19, 30, 31];
      const [S, N] = [offset.length - 1, 31];
      const given = Object.entries(OF_TOKENS).map(([name, width], i) => [name, wave(N * width, 7.31 + i)] as const);
      const all: Readonly<Record<string, Float64Array>> = {
        ...Object.fromEntries(given),
        g: wave(N * H, 3).map((x) => -Math.abs(x)),
        slope: Float64Array.of(0.5, 0.01),
        h0: wave(S * H * D * E, 5),
        dhT: wave(S * H * D * E, 6),
      };
      for (const [file, name, options] of [
        [FORWARD, 'lightningPacked', { initialState: true, finalState: true }],
        [BACKWARD, 'lightningPackedBwd', { initialState: true, stateGradient: true, slopeGradient: true }],
      ] as const) {
        const decl = declaration(file, name);
        const taken = new Set(decl.args.flatMap((a) => ('dir' in a && a.dir === 'in' ? [a.name] : [])));
        const run = async (values: typeof all, dims: object) => {
          const inputs = Object.fromEntries(Object.entries(values).filter(([input]) => taken.has(input)));
          const sized = { H, HK, D, E, ...dims };
          const request = {
            decl,
            reference: null,
            device: on[key],
            dims: sized,
            dtypes: { T: 'f32' },
            options,
            inputs,
          };
          return (await runKernel(name === 'lightningPacked' ? { ...request, config: { C: 16, BE: 8 } } : request))
            .values;
        };
        const batch = await run({ ...all, offset: Float64Array.from(offset) }, { N, S, S1: S + 1 });
        const slopes = new Float64Array(H);
        for (let s = 0; s < S; s++) {
          const range = [offset[s] ?? 0, offset[s + 1] ?? 0] as const;
          const own = (x: Float64Array | undefined, of: string): Float64Array | undefined => {
            const width = (OF_TOKENS as Readonly<Record<string, number>>)[of === 'dg' ? 'g' : of];
            if (width !== undefined) return part(x, [N, width], 0, range);
            return OF_SEQUENCES.includes(of) ? part(x, [S, H * D * E], 0, [s, s + 1]) : x;
          };
          const mine = Object.entries(all).map(([of, x]) => [of, own(x, of) ?? x] as const);
          const length = range[1] - range[0];
          const alone = await run(
            { ...Object.fromEntries(mine), offset: Float64Array.of(0, length) },
            { N: length, S: 1, S1: 2 },
          );
          for (const [of, x] of Object.entries(alone))
            if (of === 'dslope') for (let h = 0; h < H; h++) slopes[h] = (slopes[h] ?? 0) + (x[h] ?? 0);
            else expectClose(x, own(batch[of], of));
        }
        if (batch.dslope) expectClose(slopes, batch.dslope);
      }
    },
  );

  it.each(every)('what is NaN in one sequence reaches no other, on $key', async ({ key }) => {
    const dims = { N: 45, H: 2, HK: 2, D: 8, E: 8, S: 4, S1: 5 };
    const [cut, next] = [19, 30];
    const offset = Float64Array.of(0, cut, cut, next, 45);
    const hole = (): Float64Array =>
      Float64Array.from({ length: 45 * 16 }, (_, i) => {
        const n = Math.floor(i / 16);
        return n >= cut && n < next ? Number.NaN : ((i * 31) % 64) / 32 - 1;
      });
    const { values } = await runKernel({
      decl: kernelOf(FORWARD, 'lightningPacked'),
      reference: lightningPacked,
      device: on[key],
      dims,
      inputs: { q: hole(), k: hole(), v: hole(), offset },
      options: { finalState: true },
      config: { C: 16, BE: 8, warps: 2 },
    });
    const nan = (x: Float64Array | undefined, from: number, to: number, width: number): boolean =>
      (x ?? new Float64Array(0)).subarray(from * width, to * width).some(Number.isNaN);
    expect([nan(values.o, 0, cut, 16), nan(values.o, next, 45, 16)]).toEqual([false, false]);
    expect([0, 1, 3].map((s) => nan(values.hT, s, s + 1, 128))).toEqual([false, false, false]);
    expect([...(values.hT ?? [])].slice(128, 256).every((v) => v === 0)).toBe(true);
  });
});

it('what a variant never touches may be left out', async () => {
  const device = await openDevice('interpret');
  const [N, H, D, E] = [5, 2, 4, 3];
  const tensor = (width: number, seed: number) => {
    const values = Float64Array.from({ length: N * H * width }, (_, i) => Math.fround(Math.sin(i * seed + seed)));
    return { values, tensor: empty(device, f32, [N, H, width]).write(values) };
  };
  const [q, k, v, dout] = [tensor(D, 2), tensor(D, 3), tensor(E, 5), tensor(E, 7)];
  const offset = empty(device, i32, [3]).write([0, 0, 5]);
  const [dq, dk, dv] = [empty(device, f32, [N, H, D]), empty(device, f32, [N, H, D]), empty(device, f32, [N, H, E])];
  const given = { q: q.tensor, k: k.tensor, v: v.tensor, dout: dout.tensor, offset };
  await lightningPackedGradients(device, { ...given, dq, dk, dv });
  const want = lightningPackedBwd.run({
    inputs: { q: q.values, k: k.values, v: v.values, dout: dout.values, offset: Float64Array.of(0, 0, 5) },
    dims: { N, H, HK: H, D, E, S: 2, S1: 3 },
    options: { noDecay: true },
    scalars: {},
  });
  expectClose(Float64Array.from(await dq.read()), want.dq);
  expectClose(Float64Array.from(await dk.read()), want.dk);
  expectClose(Float64Array.from(await dv.read()), want.dv);
  device.destroy();
});
