import fc from 'fast-check';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { addRmsNorm as reference } from '../../kernels/norm/add-rms-norm.ref.js';
import type { Device } from '../../runtime/device.js';
import {
  expectRight,
  kernelOf,
  lengths,
  openInterpreter,
  openRounding,
  openWebGpu,
  placements,
  seeds,
} from './session.js';

const decl = kernelOf('kernels/norm/add-rms-norm.ts', 'addRmsNorm');
const layouts = fc.constantFrom([0, 1], [1, 0]);
const dtypes = fc.constantFrom('f32', 'f16', 'bf16');

describe('add + RMSNorm', () => {
  let exact: Device;
  let rounding: Device;
  let device: Device;
  beforeAll(async () => {
    exact = await openInterpreter();
    rounding = await openRounding();
    device = await openWebGpu();
  });
  afterAll(() => device.destroy());

  const sizes = fc.record({ M: fc.integer({ min: 0, max: 9 }), K: lengths(64, 200) });

  it('is the formula in f64 and within bounds in every dtype, interpreted', async () => {
    await fc.assert(
      fc.asyncProperty(
        sizes,
        dtypes,
        placements,
        seeds,
        fc.boolean(),
        async (dims, T, { rowPadding }, seed, passes) => {
          const config = { BM: 4, BK: 64, warps: 4 };
          const request = { decl, reference, dims, config, seed, passes, rowPadding };
          await expectRight({ ...request, device: exact });
          await expectRight({ ...request, device: rounding, dtypes: { T } });
        },
      ),
      { numRuns: 25 },
    );
  });

  it.each([
    { T: 'f32', config: {} },
    { T: 'bf16', config: {} },
    { T: 'f16', config: { BM: 1, BK: 64 } },
  ])('is the formula on WebGPU, $T', async ({ T, config }) => {
    const wide = fc.record({ M: fc.integer({ min: 0, max: 40 }), K: fc.oneof(lengths(64, 200), lengths(256, 1100)) });
    await fc.assert(
      fc.asyncProperty(wide, layouts, placements, seeds, async (dims, layout, { rowPadding }, seed) => {
        await expectRight({ decl, reference, device, dims, dtypes: { T }, config, seed, layout, rowPadding });
      }),
      { numRuns: 8 },
    );
  });
});
