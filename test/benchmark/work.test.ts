import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { figuresOf } from '../../benchmark/figures.js';
import type { Ceilings } from '../../benchmark/types.js';
import { arithmeticCeiling, boundOf, ratesOf, workOf } from '../../benchmark/work.js';
import type { Reference } from '../../driver/reference.js';
import { pairsOf } from '../../kernels/flash/forward.ref.js';
import { kernelOf } from '../kernels/session.js';
import { codesOf } from './runs.js';

const reference = (more: Partial<Reference>): Reference => ({ shape: {}, run: () => ({}), ...more });
const gemm = kernelOf('kernels/gemm/gemm.ts', 'gemm');
const context = {
  dims: { M: 3, N: 5, K: 7 },
  dtypes: { T: 'bf16' },
  options: {},
  touched: new Set(['a', 'b', 'y']),
} as const;

describe('the work of a launch', () => {
  test('is every byte of the arguments that it touches, once in each direction', () => {
    expect(workOf(gemm, null, context)).toEqual({ bytes: 2 * (21 + 35 + 15), flops: null, tokens: null });
    expect(workOf(gemm, null, { ...context, touched: new Set(['y']) }).bytes).toBe(30);
    const step = kernelOf('kernels/lightning/decode.ts', 'lightningStep');
    const dims = { B: 2, H: 3, HK: 3, D: 4, E: 5 };
    const work = workOf(step, null, { dims, dtypes: { T: 'f32' }, options: {}, touched: new Set(['state', 'o']) });
    expect(work.bytes).toBe(4 * (2 * 2 * 3 * 4 * 5 + 2 * 3 * 5));
  });

  test('is what the reference says, and nothing that is no count', () => {
    const says = reference({ bytes: () => 10, flops: ({ M = 0 }, { twice }) => M * (twice ? 2 : 1), tokens: () => 4 });
    expect(workOf(gemm, says, context)).toEqual({ bytes: 10, flops: 3, tokens: 4 });
    expect(workOf(gemm, says, { ...context, options: { twice: true } }).flops).toBe(6);
    for (const wrong of [Number.NaN, -1, Number.POSITIVE_INFINITY, '5' as unknown as number])
      expect(codesOf(() => workOf(gemm, reference({ flops: () => wrong }), context))).toEqual(['LAC0903']);
  });

  test('causal attention has the pairs of queries and keys that meet', () => {
    const extent = fc.integer({ min: 0, max: 30 });
    fc.assert(
      fc.property(extent, extent, fc.boolean(), (M, N, causal) => {
        let pairs = 0;
        for (let i = 0; i < M; i++) for (let j = 0; j < N; j++) if (!causal || j <= i) pairs++;
        expect(pairsOf(M, N, causal)).toBe(pairs);
      }),
    );
  });
});

describe('the bound', () => {
  const ceilings: Ceilings = {
    copy: { perSecond: 1e9, config: {} },
    'product bf16': { perSecond: 1e12, config: {} },
  };

  test('is the later of moving the bytes and doing the arithmetic', () => {
    const count = fc.integer({ min: 1, max: 2 ** 50 });
    fc.assert(
      fc.property(count, count, (bytes, flops) => {
        const bound = boundOf({ bytes, flops, tokens: null }, ceilings, 'product bf16');
        const times = [bytes / 1e9, flops / 1e12].map((s) => s * 1e3);
        expect(bound?.ms).toBeCloseTo(Math.max(...times), 6);
        expect(bound?.by).toBe((times[0] ?? 0) >= (times[1] ?? 0) ? 'copy' : 'product bf16');
      }),
    );
  });

  test('is not there where nothing is known, and memory alone where operations are not', () => {
    expect(boundOf({ bytes: 8, flops: 8, tokens: null }, {}, 'multiply-add')).toBeNull();
    expect(boundOf({ bytes: 1e6, flops: null, tokens: null }, ceilings, 'product bf16')).toEqual({ ms: 1, by: 'copy' });
    expect(boundOf({ bytes: 0, flops: 0, tokens: null }, ceilings, 'product bf16')).toBeNull();
  });

  test('of products is that of their operands', () => {
    expect(arithmeticCeiling(true, ['f32', 'bf16'])).toBe('product bf16');
    expect(arithmeticCeiling(true, ['f16', 'i32'])).toBe('product f16');
    expect(arithmeticCeiling(true, ['f32'])).toBe('product f32');
    expect(arithmeticCeiling(false, ['bf16'])).toBe('multiply-add');
  });

  test('a launch of no time has no rates', () => {
    const work = { bytes: 8, flops: 4, tokens: 2 };
    expect(ratesOf(work, { ms: 0.5, by: 'copy' }, figuresOf({ ms: [2], how: 'host' }))).toEqual({
      bytes: 4000,
      flops: 2000,
      tokens: 1000,
      ofBound: 0.25,
    });
    expect(ratesOf(work, null, figuresOf({ ms: [0], how: 'host' }))).toBeNull();
  });
});
