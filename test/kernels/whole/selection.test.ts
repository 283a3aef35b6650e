import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type RunRequest, runKernel } from '../../../driver/run.js';
import { maskedHistogram } from '../../../kernels/histogram/masked.ref.js';
import { bestPart, longArgmax, partArgmax } from '../../../kernels/select/argmax.ref.js';
import { sortRows } from '../../../kernels/select/sort.ref.js';
import { topK } from '../../../kernels/select/top-k.ref.js';
import { devices, expectRight, kernelOf } from '../session.js';
import { declaration, describeKernels, type Subject } from './property.js';

const upTo = (max: number): fc.Arbitrary<number> => fc.integer({ min: 1, max });
const floats = ['f32', 'f16', 'bf16'];

/** Few different values, so that many are equal. */
const ties = ({ M = 1, N = 1 }: Readonly<Record<string, number>>, seed: number) => ({
  x: Float64Array.from({ length: M * N }, (_, i) => (((i + 1) * (2 * seed + 7919)) % 13) - 6),
});

const tables = { K: fc.oneof(upTo(40), upTo(3)), N: upTo(700) };
const rows = fc.record({ M: upTo(4), N: upTo(300) });
const parts = fc.record({ M: upTo(4), N: upTo(300), G: upTo(9) });
const argmax = { file: 'kernels/select/argmax.ts', dtypes: floats };

describeKernels('selection', [
  {
    file: 'kernels/histogram/masked.ts',
    name: 'maskedHistogram',
    reference: maskedHistogram,
    dims: fc.record(tables),
    dtypes: ['f32', 'bf16'],
    configs: [{ BN: 256 }],
    options: fc.record({ weighted: fc.boolean() }),
    scalars: fc.constantFrom({ lo: -2, hi: 2 }, { lo: 0, hi: 1 }),
  },
  {
    file: 'kernels/select/top-k.ts',
    name: 'topK',
    reference: topK,
    dims: fc.record({ M: upTo(3), N: upTo(300), K: fc.constantFrom(1, 5, 16) }),
    dtypes: floats,
    configs: [{ BN: 64, warps: 1 }, { BN: 256 }],
  },
  {
    file: 'kernels/select/top-k.ts',
    name: 'topK',
    reference: topK,
    dims: fc.record({ M: upTo(3), N: upTo(200), K: fc.constantFrom(3, 16) }),
    configs: [{ BN: 64, warps: 1 }],
    inputs: ties,
  },
  {
    ...argmax,
    name: 'partArgmax',
    reference: partArgmax,
    dims: parts,
    configs: [{ BN: 64 }, {}],
  },
  { ...argmax, name: 'bestPart', reference: bestPart, dims: fc.record({ M: upTo(40), G: upTo(64) }) },
  {
    ...argmax,
    name: 'longArgmax',
    reference: longArgmax,
    dims: rows,
    configs: [{ G: 4 }, { G: 16 }],
  },
  { ...argmax, name: 'longArgmax', reference: longArgmax, dims: rows, configs: [{ G: 16 }], inputs: ties },
  {
    file: 'kernels/select/sort.ts',
    name: 'sortRows',
    reference: sortRows,
    dims: fc.record({ M: upTo(9), N: upTo(64) }),
    dtypes: floats,
    configs: [
      { BM: 4, warps: 4 },
      { BM: 1, warps: 1 },
    ],
  },
  {
    file: 'kernels/select/sort.ts',
    name: 'sortRows',
    reference: sortRows,
    dims: fc.record({ M: upTo(9), N: upTo(16) }),
    options: fc.constant({ L: 16 }),
    inputs: ties,
  },
] satisfies Subject[]);

describe('corners of selection', () => {
  const on = devices('exact', 'rounding', 'webgpu', 'sm80', 'sm90');
  const every = (['exact', 'rounding', 'webgpu', 'sm80', 'sm90'] as const).map((key) => ({ key }));
  const withNaN = every.filter(({ key }) => key !== 'webgpu'); // WGSL may assume that there is none
  const right = (file: string, name: string, request: Omit<RunRequest, 'decl'>) =>
    expectRight({ decl: declaration(file, name), ...request, reference: request.reference ?? topK });

  it.each(withNaN)('NaN and -Infinity are never chosen, on $key', async ({ key }) => {
    const [N, K] = [70, 5];
    const x = new Float64Array(3 * N).fill(Number.NaN);
    x.fill(-Infinity, N, 2 * N);
    for (const i of [3, 66, 40]) x[2 * N + i] = i === 66 ? 5 : -1e30;
    const request = { device: on[key], inputs: { x }, config: { BN: 64, warps: 1 } };
    const { values } = await right('kernels/select/top-k.ts', 'topK', {
      ...request,
      reference: topK,
      dims: { M: 3, N, K },
    });
    expect([...(values.index ?? [])].slice(2 * K)).toEqual([66, 3, 40, -1, -1]);
    const where = { dims: { M: 3, N }, reference: longArgmax, config: { G: 4 } };
    const best = await right('kernels/select/argmax.ts', 'longArgmax', { device: on[key], inputs: { x }, ...where });
    expect([...(best.values.index ?? [])]).toEqual([0, 0, 66]);
  });

  it.each(every)(
    'a row of one value has its first element chosen, and a row without columns is left alone, on $key',
    async ({ key }) => {
      const decl = declaration('kernels/select/argmax.ts', 'longArgmax');
      const inputs = { x: new Float64Array(2 * 130).fill(-7) };
      const run = (N: number) =>
        runKernel({
          decl,
          reference: null,
          device: on[key],
          dims: { M: 2, N },
          config: { G: 16 },
          inputs: N > 0 ? inputs : {},
        });
      expect([...((await run(130)).values.index ?? [])]).toEqual([0, 0]);
      expect([...((await run(0)).values.index ?? [])]).toEqual([0, 0]);
      await expectRight({
        decl: kernelOf('kernels/select/top-k.ts', 'topK'),
        reference: topK,
        device: on[key],
        dims: { M: 2, N: 0, K: 5 },
        config: { BN: 64, warps: 1 },
      });
    },
  );

  it.each(every)(
    'all of many elements in one bin are counted, those outside and infinite ones are not, on $key',
    async ({ key }) => {
      const N = 1500;
      const x = new Float64Array(N).fill(0.5).with(7, 1e30).with(8, -1e30).with(9, 2).with(10, -2);
      const inputs = { x, keep: new Float64Array(N).fill(1), count: Float64Array.of(4294967295, 0, 10) };
      const decl = kernelOf('kernels/histogram/masked.ts', 'maskedHistogram');
      const { values } = await runKernel({
        decl,
        reference: maskedHistogram,
        check: false,
        device: on[key],
        dims: { N, K: 3 },
        inputs,
      });
      expect([...(values.count ?? [])]).toEqual([0, N - 4, 10]); // -2 is in the first bin, whose count wraps; 2 is past the last
    },
  );
});
