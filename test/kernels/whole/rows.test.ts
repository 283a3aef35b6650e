import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runKernel } from '../../../driver/run.js';
import {
  columnSums,
  layerNorm,
  layerNormBwd,
  layerNormBwdAtomic,
  layerNormBwdParts,
} from '../../../kernels/norm/layer-norm.ref.js';
import { normal } from '../../../kernels/random/normal.ref.js';
import { rotary } from '../../../kernels/rope/rotary.ref.js';
import { longPrefixSum, partPrefixSums, partSums, prefixSum } from '../../../kernels/scan/prefix-sum.ref.js';
import { devices, expectRight, kernelOf } from '../session.js';
import { declaration, describeKernels, type Subject } from './property.js';

const upTo = (max: number): fc.Arbitrary<number> => fc.integer({ min: 1, max });
const floats = ['f32', 'f16', 'bf16'];
const normed = { file: 'kernels/norm/layer-norm.ts', dtypes: floats };
const widths = fc.constantFrom(1, 40, 64);
const small = [
  { BM: 4, warps: 4 },
  { BM: 1, warps: 2 },
];

describeKernels('rows', [
  {
    ...normed,
    name: 'layerNorm',
    reference: layerNorm,
    dims: fc.record({ M: upTo(20), K: fc.constantFrom(40, 64, 200) }),
    configs: small,
  },
  {
    ...normed,
    name: 'layerNormBwdAtomic',
    reference: layerNormBwdAtomic,
    dims: fc.record({ M: upTo(20), K: widths }),
    configs: small.map((config) => ({ ...config, P: 8 })),
  },
  {
    ...normed,
    name: 'layerNormBwdParts',
    reference: layerNormBwdParts,
    dims: fc.record({ M: upTo(20), K: widths, P: upTo(5) }),
    configs: small,
  },
  {
    ...normed,
    name: 'layerNormBwd',
    reference: layerNormBwd,
    dims: fc.record({ M: upTo(30), K: widths }),
    configs: [{ P: 8 }, { P: 32 }],
  },
  { ...normed, name: 'columnSums', reference: columnSums, dims: fc.record({ P: upTo(40), K: upTo(150) }) },
  {
    file: 'kernels/rope/rotary.ts',
    name: 'rotary',
    reference: rotary,
    dims: fc.record({ B: upTo(2), N: upTo(30), H: upTo(3), D: fc.constantFrom(2, 12, 32) }),
    dtypes: floats,
    configs: [{ C: 8, warps: 1 }, { C: 32 }],
    options: fc.record({ interleaved: fc.boolean(), inverse: fc.boolean() }),
    scalars: fc.constantFrom({ log2Base: Math.log2(10000) }, { log2Base: 0 }),
  },
  {
    file: 'kernels/scan/prefix-sum.ts',
    name: 'prefixSum',
    reference: prefixSum,
    dims: fc.record({ M: upTo(3), N: upTo(300) }),
    dtypes: ['f32', 'i32', 'u32'],
    configs: [{ BN: 64, warps: 1 }, {}],
  },
  {
    file: 'kernels/scan/prefix-sum.ts',
    name: 'partSums',
    reference: partSums,
    dims: fc.record({ M: upTo(3), N: upTo(300), G: upTo(9) }),
    dtypes: ['f32', 'i32', 'u32'],
    configs: [{ BN: 64, warps: 1 }],
  },
  {
    file: 'kernels/scan/prefix-sum.ts',
    name: 'partPrefixSums',
    reference: partPrefixSums,
    dims: fc.record({ M: upTo(3), N: upTo(300), G: upTo(9) }),
    dtypes: ['f32', 'i32', 'u32'],
    configs: [{ BN: 64, warps: 1 }],
  },
  {
    file: 'kernels/scan/prefix-sum.ts',
    name: 'longPrefixSum',
    reference: longPrefixSum,
    dims: fc.record({ M: upTo(3), N: upTo(700) }),
    dtypes: ['f32', 'i32', 'u32'],
    configs: [{ G: 8 }, { G: 64 }],
  },
  {
    file: 'kernels/random/normal.ts',
    name: 'normal',
    reference: normal,
    dims: fc.record({ N: upTo(600) }),
    configs: [{ BN: 128, warps: 1 }, {}],
    scalars: fc.record({ seed: fc.integer({ min: 0, max: 2 ** 32 - 1 }) }),
  },
] satisfies Subject[]);

describe('corners of rows', () => {
  const on = devices('exact', 'rounding', 'webgpu', 'sm80', 'sm90');
  const every = (['exact', 'rounding', 'webgpu', 'sm80', 'sm90'] as const).map((key) => ({ key }));

  it.each(every)('prefix sums of integers wrap, on $key', async ({ key }) => {
    const N = 150;
    const x = Float64Array.from({ length: N }, (_, i) => (i * 0x9e3779b1) % 2 ** 32);
    let total = 0;
    const want = [...x].map((v) => {
      total = (total + v) % 2 ** 32;
      return total;
    });
    for (const [file, config] of [['prefixSum', { BN: 64, warps: 1 }] as const, ['longPrefixSum', { G: 8 }] as const]) {
      const decl = declaration('kernels/scan/prefix-sum.ts', file);
      const request = { decl, reference: null, device: on[key], dims: { M: 1, N }, config, inputs: { x } };
      for (const T of ['u32', 'i32'] as const) {
        const signed = (v: number): number => (T === 'i32' ? v | 0 : v);
        const { values } = await runKernel({ ...request, dtypes: { T }, inputs: { x: x.map(signed) } });
        expect([...(values.y ?? [])]).toEqual(want.map(signed));
      }
    }
  });

  it.each(every)('a large mean costs no digits of the variance, on $key', async ({ key }) => {
    const [M, K] = [3, 64];
    const x = Float64Array.from({ length: M * K }, (_, i) => 4096 + ((i * 37) % 64) / 64);
    const decl = kernelOf('kernels/norm/layer-norm.ts', 'layerNorm');
    await expectRight({
      decl,
      reference: layerNorm,
      device: on[key],
      dims: { M, K },
      inputs: { x },
      config: { BM: 4, warps: 4 },
    });
  });

  it.each(every)('turned there and back, every token is what it was, on $key', async ({ key }) => {
    const dims = { B: 2, N: 11, H: 2, D: 12 };
    const request = { reference: rotary, device: on[key], dims, config: { C: 8, warps: 1 } };
    const x = Float64Array.from({ length: 2 * 11 * 2 * 12 }, (_, i) => ((i * 29) % 64) / 32 - 1);
    for (const kind of ['', 'Interleaved']) {
      const turn = async (back: string, values: Float64Array): Promise<Float64Array> => {
        const decl = kernelOf('kernels/rope/rotary.ts', `rotary${kind}${back}`);
        return (await expectRight({ ...request, decl, inputs: { x: values } })).values.y ?? new Float64Array(0);
      };
      const back = await turn('Inverse', await turn('', x));
      expect(Math.max(...back.map((v, i) => Math.abs(v - (x[i] ?? 0))))).toBeLessThan(1e-5);
    }
  });

  it('gradients of a plan have the same bits every time, those of atomics the same sums', async () => {
    const request = { reference: layerNormBwd, device: on.webgpu, dims: { M: 70, K: 40 }, config: { P: 8 } };
    const decl = declaration('kernels/norm/layer-norm.ts', 'layerNormBwd');
    const [a, b] = [await expectRight({ ...request, decl }), await expectRight({ ...request, decl })];
    expect(a.values).toEqual(b.values);
  });

  it('the numbers of the reference are normal: mean 0, variance 1, kurtosis 3', () => {
    const N = 40_000;
    const { y } = normal.run({ inputs: {}, dims: { N }, scalars: { seed: 7 }, options: {} });
    const moment = (p: number): number => (y ?? new Float64Array(N)).reduce((s, v) => s + v ** p, 0) / N;
    expect(Math.abs(moment(1))).toBeLessThan(0.02);
    expect(moment(2)).toBeCloseTo(1, 1);
    expect(moment(4)).toBeCloseTo(3, 0);
  });
});
