import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runKernel } from '../../driver/run.js';
import { philoxWords as expected, dropout as reference } from '../../kernels/random/dropout.ref.js';
import { devices, expectRight, GPUS, kernelOf, seeds } from './session.js';

/** Random123's known answers for philox4x32 with 10 rounds: counter, key, words. */
const PUBLISHED = [
  [
    [0, 0, 0, 0],
    [0, 0],
    [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
  ],
  [
    [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
    [0xffffffff, 0xffffffff],
    [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
  ],
  [
    [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    [0xa4093822, 0x299f31d0],
    [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  ],
] as const;

const words = kernelOf('test/kernels/cases/philox.ts', 'philoxWords');
const dropout = kernelOf('kernels/random/dropout.ts', 'dropout');
const ALL = [{ key: 'exact', runs: 4 }, { key: 'rounding', runs: 4 }, ...GPUS] as const;

describe('Philox-4x32-10', () => {
  const on = devices('exact', 'rounding', 'webgpu', 'sm80', 'sm90');

  it('has the published words, in the reference', () => {
    for (const [counter, key, want] of PUBLISHED) expect(expected(counter, key)).toEqual(want);
  });

  it.each(ALL)('has the published words and those of the reference, bit for bit, on $key', async ({ key }) => {
    for (const [counter, [k0, k1], want] of PUBLISHED) {
      const counters = [
        counter,
        ...Array.from({ length: 40 }, (_, i) => [i * 0x9e3779b1, ~i >>> 0, i, 7].map((x) => x % 2 ** 32)),
      ];
      const request = { decl: words, reference: null, device: on[key], dims: { N: counters.length, W: 4 } };
      const { values } = await runKernel({
        ...request,
        inputs: { counter: Float64Array.from(counters.flat()) },
        scalars: { k0, k1 },
      });
      expect([...(values.words ?? [])].slice(0, 4)).toEqual(want);
      expect([...(values.words ?? [])]).toEqual(counters.flatMap((c) => expected(c, [k0, k1])));
    }
  });

  it.each(ALL)('decides what dropout drops, on $key', async ({ key, runs }) => {
    const sizes = fc.record({ M: fc.integer({ min: 1, max: 9 }), N: fc.integer({ min: 1, max: 150 }) });
    const chance = fc.constantFrom(0, 0.1, 0.5, 0.9);
    await fc.assert(
      fc.asyncProperty(sizes, fc.constantFrom('f16', 'bf16'), chance, seeds, async (dims, T, p, seed) => {
        await expectRight({
          decl: dropout,
          reference,
          device: on[key],
          dims,
          dtypes: { T },
          scalars: { p, seed },
          seed,
        });
      }),
      { numRuns: runs },
    );
  });
});
