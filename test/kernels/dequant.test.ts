import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runKernel } from '../../driver/run.js';
import { e4m3, dequantGemm as reference } from '../../kernels/gemm/dequant.ref.js';
import { devices, expectRight, GPUS, kernelOf, seeds } from './session.js';

const file = 'kernels/gemm/dequant.ts';
const int8 = kernelOf(file, 'dequantGemm');
const fp8 = kernelOf(file, 'dequantGemmFp8');
const ALL = [{ key: 'exact', runs: 5 }, { key: 'rounding', runs: 5 }, ...GPUS] as const;
const config = { BM: 16, BN: 32, BK: 32, warps: 4 };

describe('product with quantised weights', () => {
  const on = devices('exact', 'rounding', 'webgpu', 'sm80', 'sm90');
  // Enough elements that one sum whose terms cancel is not all that is compared.
  const sizes = fc
    .record({
      M: fc.integer({ min: 4, max: 20 }),
      N: fc.integer({ min: 8, max: 40 }),
      K: fc.integer({ min: 1, max: 80 }),
    })
    .map((d) => ({ ...d, K4: Math.ceil(d.K / 4), KB: Math.ceil(d.K / 32) }));

  it.each(ALL)('is the product of the values that the bits mean, on $key', async ({ key, runs }) => {
    await fc.assert(
      fc.asyncProperty(fc.boolean(), sizes, fc.constantFrom('f16', 'bf16'), seeds, async (is8, dims, T, seed) => {
        const decl = is8 ? fp8 : int8;
        await expectRight({ decl, reference, dims, dtypes: { T }, config, seed, device: on[key] });
      }),
      { numRuns: runs },
    );
  });

  it.each(ALL)('every e4m3 value is exact, NaN included, on $key', async ({ key }) => {
    const K = 256;
    const w = Float64Array.from(
      { length: K / 4 },
      (_, i) => 4 * i + 256 * (4 * i + 1 + 256 * (4 * i + 2 + 256 * (4 * i + 3))),
    );
    const a = new Float64Array(K * K);
    for (let k = 0; k < K; k++) a[k * K + k] = 1;
    // One column of w a launch times the identity gives the values; rows of NaN have NaN everywhere, so they are left out.
    const nan = (k: number): boolean => k % 128 === 127;
    for (let k = 0; k < K; k++) if (nan(k)) a[k * K + k] = 0;
    const bytes = Array.from({ length: K }, (_, k) => k);
    const finite = w.map((word, i) => (nan(4 * i + 3) ? word % 2 ** 24 : word));
    const request = { decl: fp8, reference: null, device: on[key], dtypes: { T: 'f16' }, config };
    const dims = { M: K, N: 1, K, K4: K / 4, KB: K / 32 };
    const scale = new Float64Array(K / 32).fill(1);
    const { values } = await runKernel({ ...request, dims, inputs: { a, w: finite, scale } });
    expect([...(values.y ?? [])]).toEqual(bytes.map((b) => (nan(b) ? 0 : e4m3(b) + 0)));
    const one = { M: 1, N: 1, K: 4, K4: 1, KB: 1 };
    const inputs = { a: Float64Array.of(0, 0, 0, 1), w: Float64Array.of(0x7f * 2 ** 24), scale: Float64Array.of(1) };
    expect([...((await runKernel({ ...request, dims: one, inputs })).values.y ?? [])]).toEqual([Number.NaN]);
  });
});
