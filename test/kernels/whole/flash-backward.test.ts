import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { randomStream } from '../../../driver/random.js';
import type { Dims, Reference } from '../../../driver/reference.js';
import { runKernel } from '../../../driver/run.js';
import { alibiBwd, flashBwd, flashBwdKeys, flashBwdQueries, flashDelta } from '../../../kernels/flash/backward.ref.js';
import { alibiFwd, flashFwd } from '../../../kernels/flash/forward.ref.js';
import { devices, expectRight, kernelOf } from '../session.js';
import { declaration, describeKernels, type Subject } from './property.js';

const FILE = 'kernels/flash/backward.ts';
const upTo = (max: number): fc.Arbitrary<number> => fc.integer({ min: 1, max });
/** M = 0 and N = 0 too, and both sides of a block. */
const dims = fc.record({
  B: upTo(2),
  H: upTo(2),
  M: fc.oneof(fc.integer({ min: 0, max: 40 }), fc.constantFrom(16, 32)),
  N: fc.oneof(fc.integer({ min: 0, max: 40 }), fc.constantFrom(16, 32)),
  D: fc.constant(12),
});
/** Every eleventh query has no score. */
const withoutScores: Subject['inputs'] = ({ B = 0, H = 0, M = 0 }, seed) => ({
  lse: Float64Array.from({ length: B * H * M }, (_, i) => (i % 11 === seed % 11 ? -Infinity : 3 + ((i * 7) % 16) / 8)),
});
const part = {
  file: FILE,
  dims,
  dtypes: ['f32', 'f16', 'bf16'],
  configs: [{ BM: 8, BN: 16, warps: 2 }],
  options: fc.record({ causal: fc.boolean() }),
  scalars: fc.constantFrom({ scale: 0.2 }, { scale: -0.3 }),
  inputs: withoutScores,
};

describeKernels('flash attention, backward', [
  {
    file: FILE,
    name: 'flashDelta',
    reference: flashDelta,
    dims: dims.map(({ B, H, M, D }) => ({ B, H, M, D })),
    dtypes: part.dtypes,
    configs: [{ BM: 8, warps: 2 }],
  },
  { ...part, name: 'flashBwdKeys', reference: flashBwdKeys },
  { ...part, name: 'flashBwdQueries', reference: flashBwdQueries },
] satisfies Subject[]);

const flash = { name: 'flashBwd', forward: flashFwd, backward: flashBwd };
const pairs = [
  { ...flash, options: { causal: false } },
  { ...flash, options: { causal: true } },
  { name: 'alibiBwd', forward: alibiFwd, backward: alibiBwd, options: {} },
];
type Arrays = Record<string, Float64Array>;
const nothing = new Float64Array(0);
const values = (seed: number, name: string, n: number): Float64Array =>
  Float64Array.from({ length: n }, randomStream(seed, name).normal);

function tensors(seed: number, { B = 0, H = 0, M = 0, N = 0, D = 0 }: Dims): Arrays {
  const [rows, keys] = [B * H * M * D, B * H * N * D];
  return {
    q: values(seed, 'q', rows),
    k: values(seed, 'k', keys),
    v: values(seed, 'v', keys),
    dout: values(seed, 'dout', rows),
  };
}

describe('the gradient of attention', () => {
  const scalars = { scale: 0.4 };
  it.each(pairs)('is the slope of the forward pass: reference of $name, $options', ({ forward, backward, options }) => {
    const dims = { B: 1, H: 2, M: 5, N: 4, D: 3 };
    const given = tensors(5, dims);
    const loss = (inputs: Arrays): number => {
      const { o } = forward.run({ inputs, dims, scalars, options });
      return [...(given.dout ?? [])].reduce((sum, x, i) => sum + x * (o?.[i] ?? Number.NaN), 0);
    };
    const inputs = { ...given, ...forward.run({ inputs: given, dims, scalars, options }) };
    const gradients = backward.run({ inputs, dims, scalars, options });
    for (const name of ['q', 'k', 'v'])
      for (const [i, x] of (given[name] ?? nothing).entries()) {
        const at = (step: number): number => loss({ ...given, [name]: (given[name] ?? nothing).with(i, x + step) });
        expect(gradients[`d${name}`]?.[i]).toBeCloseTo((at(1e-5) - at(-1e-5)) / 2e-5, 7);
      }
  });

  const on = devices('exact', 'sm90');
  const plans = pairs.flatMap((pair) => [
    { ...pair, key: 'exact', T: 'f32' } as const,
    { ...pair, key: 'sm90', T: 'bf16' } as const,
  ]);
  it.each(plans)('follows from o and lse of the kernel: $name, $options on $key, $T', async (plan) => {
    const { name, forward, backward, options, key, T } = plan;
    const dims = { B: 1, H: 2, M: 37, N: 45, D: 16 };
    const request = { device: on[key], dims, dtypes: { T }, scalars, options };
    const { q = nothing, k = nothing, v = nothing } = tensors(7, dims);
    const decl = kernelOf('kernels/flash/forward.ts', forward === flashFwd ? 'flashFwd' : 'alibiFwd');
    const run = await runKernel({ ...request, decl, reference: forward, inputs: { q, k, v } });
    const { o = nothing, lse = nothing } = run.values;
    // What the reference is given is exact, made from the same q, k and v.
    const reference: Reference = {
      ...backward,
      run: (ctx) => backward.run({ ...ctx, inputs: { ...ctx.inputs, ...forward.run(ctx) } }),
    };
    await expectRight({ ...request, decl: declaration(FILE, name), reference, inputs: { q, k, v, o, lse } });
  });
});
