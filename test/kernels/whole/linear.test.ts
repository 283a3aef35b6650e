import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { randomStream } from '../../../driver/random.js';
import type { Dims, Reference } from '../../../driver/reference.js';
import { flashFwd } from '../../../kernels/flash/forward.ref.js';
import { lightning1Bwd, lightning1BwdKeys, lightning1Fwd } from '../../../kernels/lightning/lightning1.ref.js';
import { cosformerFwd } from '../../../kernels/linear/cosformer.ref.js';
import { linearCumsum } from '../../../kernels/linear/cumsum.ref.js';
import { featureAttention, reluAttention } from '../../../kernels/linear/feature-maps.ref.js';
import { leftProduct, linearScores, lowerProduct } from '../../../kernels/linear/left-product.ref.js';
import { favorFwd } from '../../../kernels/linear/random-features.ref.js';
import { srmsNorm, srmsNormBwd } from '../../../kernels/norm/srms-norm.ref.js';
import { devices, expectRight } from '../session.js';
import { declaration, describeKernels, type Subject } from './property.js';

const upTo = (max: number): fc.Arbitrary<number> => fc.integer({ min: 1, max });
const tokens = fc.oneof(fc.integer({ min: 0, max: 40 }), fc.constantFrom(8, 16, 17, 32));
/** One head of k and v for each of q, for some, for all. */
const heads = fc.constantFrom({ H: 2, HK: 2 }, { H: 4, HK: 2 }, { H: 3, HK: 1 });
const sizes = fc
  .record({ B: upTo(2), heads, N: tokens, D: fc.constantFrom(1, 12), E: fc.constant(10) })
  .map(({ heads: { H, HK }, ...rest }) => ({ ...rest, H, HK }));
const only = (...names: readonly string[]): fc.Arbitrary<Dims> =>
  sizes.map((dims) => Object.fromEntries(Object.entries(dims).filter(([name]) => names.includes(name))));

/** No decay, little, and so much that the token before is gone. */
const slopes: Subject['inputs'] = ({ H = 0 }, seed) => ({
  slope: Float64Array.from({ length: H }, (_, h) => [0, 1e-3, 0.3, 4, 1e30][(h + seed) % 5] ?? 0),
});
const attention = { dims: sizes, dtypes: ['f32', 'bf16'], configs: [{ BM: 8, BN: 16, warps: 2 }], inputs: slopes };
const chunked = {
  dims: sizes.map((dims) => ({ ...dims, D: 12, E: 8 })),
  dtypes: ['f32', 'f16'],
  configs: [{ C: 8, BE: 8, warps: 2 }],
};
const norm = {
  file: 'kernels/norm/srms-norm.ts',
  dims: fc.record({ M: upTo(9), K: fc.constantFrom(40, 200) }),
  dtypes: ['f32', 'bf16'],
  configs: [{ BM: 4, BK: 64, warps: 2 }],
  scalars: fc.constantFrom({ eps: 1e-6 }, { eps: 0.5 }),
};

describeKernels('linear attention of the papers', [
  { ...attention, file: 'kernels/lightning/lightning1.ts', name: 'lightning1Fwd', reference: lightning1Fwd },
  { ...attention, file: 'kernels/lightning/lightning1.ts', name: 'lightning1BwdKeys', reference: lightning1BwdKeys },
  {
    ...attention,
    file: 'kernels/linear/left-product.ts',
    name: 'linearScores',
    reference: linearScores,
    dims: only('B', 'H', 'HK', 'N', 'D'),
  },
  {
    ...attention,
    file: 'kernels/linear/left-product.ts',
    name: 'lowerProduct',
    reference: lowerProduct,
    dims: only('B', 'H', 'HK', 'N', 'E'),
    configs: [{ BM: 8, BE: 8, BN: 16, warps: 2 }],
    inputs: () => ({}),
  },
  {
    ...attention,
    file: 'kernels/linear/cumsum.ts',
    name: 'linearCumsum',
    reference: linearCumsum,
    configs: [{ BE: 8, warps: 1 }],
  },
  {
    ...chunked,
    file: 'kernels/linear/feature-maps.ts',
    name: 'featureAttention',
    reference: featureAttention,
    options: fc.record({ decay: fc.boolean() }),
    inputs: slopes,
  },
  {
    ...chunked,
    file: 'kernels/linear/cosformer.ts',
    name: 'cosformerFwd',
    reference: cosformerFwd,
    dtypes: ['f32'],
    scalars: fc.constantFrom({ longest: 40 }, { longest: 1000 }),
  },
  {
    ...chunked,
    file: 'kernels/linear/random-features.ts',
    name: 'favorFwd',
    reference: favorFwd,
    dims: chunked.dims.map((dims) => ({ ...dims, R: 16 })),
    dtypes: ['f32', 'bf16'],
    scalars: fc.constantFrom({ scale: 0.5 }, { scale: 2 }),
  },
  { ...norm, name: 'srmsNorm', reference: srmsNorm },
  { ...norm, name: 'srmsNormBwd', reference: srmsNormBwd },
] satisfies Subject[]);

describe('linear attention of the papers, composed', () => {
  const on = devices('exact', 'sm90');
  const dims = { B: 2, H: 4, HK: 2, N: 45, D: 12, E: 10 };
  const whole: readonly (readonly [file: string, name: string, reference: Reference])[] = [
    ['kernels/lightning/lightning1.ts', 'lightning1Bwd', lightning1Bwd],
    ['kernels/linear/left-product.ts', 'leftProduct', leftProduct],
    ['kernels/linear/feature-maps.ts', 'reluAttention', reluAttention],
    ['kernels/linear/cosformer.ts', 'cosformerFwd', cosformerFwd],
  ];

  it.each(whole)('%s: %s', async (file, name, reference) => {
    const decl = declaration(file, name);
    await expectRight({ decl, reference, device: on.exact, dims });
    await expectRight({ decl, reference, device: on.sm90, dims, dtypes: { T: 'bf16' } });
  });

  it('the gradient of Lightning Attention-1 is its slope', () => {
    const small = { B: 1, H: 2, HK: 1, N: 5, D: 3, E: 2 };
    const values = (n: number, by: number): Float64Array =>
      Float64Array.from({ length: n }, (_, i) => Math.sin(i * by));
    const inputs = { q: values(30, 1.3), k: values(15, 2.1), v: values(10, 0.7), slope: Float64Array.of(0.2, 1.1) };
    const dout = values(20, 1.9);
    const at = (given: typeof inputs): number => {
      const { o } = lightning1Fwd.run({ inputs: given, dims: small, scalars: {}, options: {} });
      return [...dout].reduce((sum, x, i) => sum + x * (o?.[i] ?? Number.NaN), 0);
    };
    const gradients = lightning1Bwd.run({ inputs: { ...inputs, dout }, dims: small, scalars: {}, options: {} });
    for (const name of ['q', 'k', 'v'] as const)
      for (const [i, x] of inputs[name].entries()) {
        const moved = (step: number): number => at({ ...inputs, [name]: inputs[name].with(i, x + step) });
        expect(gradients[`d${name}`]?.[i]).toBeCloseTo((moved(1e-4) - moved(-1e-4)) / 2e-4, 7);
      }
  });

  it('many random features come close to softmax attention', () => {
    const dims = { B: 1, H: 1, HK: 1, N: 5, M: 5, D: 2, E: 2, R: 20_000 };
    const values = (name: string, n: number): Float64Array =>
      Float64Array.from({ length: n }, randomStream(3, name).normal);
    const inputs = { q: values('q', 10), k: values('k', 10), v: values('v', 10), w: values('w', 2 * dims.R) };
    const { o } = favorFwd.run({ inputs, dims, scalars: { scale: 0.8 }, options: {} });
    const softmax = flashFwd.run({ inputs, dims, scalars: { scale: 0.64 }, options: { causal: true } });
    for (const [i, x] of (softmax.o ?? []).entries()) expect(Math.abs((o?.[i] ?? Number.NaN) - x)).toBeLessThan(0.03);
  });

  it('the gradient of SRMSNorm is its slope', () => {
    const request = { dims: { M: 2, K: 5 }, scalars: { eps: 0.01 }, options: {} };
    const x = Float64Array.from({ length: 10 }, (_, i) => Math.sin(1 + i * 1.7));
    const dy = Float64Array.from({ length: 10 }, (_, i) => Math.cos(i * 2.3));
    const loss = (given: Float64Array): number => {
      const { y } = srmsNorm.run({ ...request, inputs: { x: given } });
      return [...dy].reduce((sum, g, i) => sum + g * (y?.[i] ?? Number.NaN), 0);
    };
    const { dx } = srmsNormBwd.run({ ...request, inputs: { x, dy } });
    for (const [i, v] of x.entries())
      expect(dx?.[i]).toBeCloseTo((loss(x.with(i, v + 1e-5)) - loss(x.with(i, v - 1e-5))) / 2e-5, 7);
  });
});
