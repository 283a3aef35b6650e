import { empty, f32, openDevice } from 'lac';
import { afterAll, expect, test } from 'vitest';
import { gated } from './5-gated.js';
import { gated as gatedReference } from './5-gated.ref.js';

const device = await openDevice('interpret:round');
afterAll(() => device.destroy());

type Inputs = Record<'q' | 'k' | 'v' | 'g', Float64Array>;
const SIZES = { B: 1, H: 1, N: 40, D: 8, E: 8 };

/** Numbers in -1 .. 1 that look random; gates in -1 .. 0. */
function randomInputs({ B, H, N, D, E }: typeof SIZES): Inputs {
  const some = (n: number, seed: number) =>
    Float64Array.from({ length: B * H * N * n }, (_, i) => Math.fround(Math.sin((i + 1) * seed)));
  return { q: some(D, 1.7), k: some(D, 2.3), v: some(E, 3.1), g: some(1, 4.3).map((x) => -Math.abs(x)) };
}

async function launch({ B, H, N, D, E }: typeof SIZES, inputs: Inputs): Promise<Float64Array> {
  const q = empty(device, f32, [B, H, N, D]).write(inputs.q);
  const k = empty(device, f32, [B, H, N, D]).write(inputs.k);
  const v = empty(device, f32, [B, H, N, E]).write(inputs.v);
  const g = empty(device, f32, [B, H, N]).write(inputs.g);
  const o = empty(device, f32, [B, H, N, E]);
  await gated(device, { q, k, v, g, o }, { config: { C: 16, BE: 16, warps: 4 } });
  return o.read();
}

test.each([0, 1, 15, 16, 17, 40])('is the recurrence for %i tokens', async (N) => {
  const sizes = { ...SIZES, N };
  const inputs = randomInputs(sizes);
  const got = await launch(sizes, inputs);
  const want = gatedReference.run({ inputs, dims: sizes, scalars: {}, options: {} }).o ?? [];
  expect(got.length).toBe(want.length);
  for (const [i, x] of got.entries()) expect(x).toBeCloseTo(want[i] ?? Number.NaN, 4);
});

test('what comes later changes nothing before', async () => {
  const inputs = randomInputs(SIZES);
  const before = await launch(SIZES, inputs);
  for (const x of [inputs.k, inputs.v]) x.fill(Number.NaN, 20 * 8); // from token 20 on; D = E = 8
  const after = await launch(SIZES, inputs);
  expect(after.slice(0, 16 * 8)).toEqual(before.slice(0, 16 * 8)); // the chunk of token 20 begins at 16
});
