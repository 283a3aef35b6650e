import { afterAll, describe, expect, test } from 'vitest';
import { Bug } from '../../compiler/diag/diagnostic.js';
import { bindLaunch, type Device, openDevice } from '../../runtime/index.js';
import { ADD, addVariant } from './variants.js';

const device: Device = await openDevice('webgpu:software');
afterAll(() => device.destroy());

const ramp = (n: number, step = 1): Float64Array => Float64Array.from({ length: n }, (_, i) => i * step);

async function add(dtype: 'f32' | 'f16', n: number, guardBytes = 0): Promise<Float64Array> {
  const make = () => device.empty(dtype, [n], { guardBytes });
  const [x, y, z] = [make().write(ramp(n)), make().write(ramp(n, 2)), make().poison()];
  await device.launch(bindLaunch(device, ADD, addVariant(dtype), { x, y, z, scale: 0.5 }));
  const out = await z.read();
  for (const t of [x, y, z]) {
    expect(await t.checkGuards()).toBeNull();
    t.free();
  }
  return out;
}

describe('launch on the software driver', () => {
  test('adds f32 vectors, with and without guard bands', async () => {
    expect(await add('f32', 1000)).toEqual(ramp(1000, 2.5));
    expect(await add('f32', 67, 100)).toEqual(ramp(67, 2.5));
  });

  test('adds f16 vectors, two elements to a word', async () => {
    expect(await add('f16', 128, 4)).toEqual(ramp(128, 2.5));
  });

  test('a grid over 65535 programs uses two dimensions', async () => {
    const n = 65535 + 130;
    const single = addVariant('f32');
    const text = single.text.replaceAll('64u', '1u').replace('workgroup_size(64)', 'workgroup_size(1)');
    const variant = { ...single, text, config: { BN: 1 } };
    const [x, z] = [device.empty('f32', [n]).write(ramp(n)), device.empty('f32', [n]).poison()];
    const plan = bindLaunch(device, ADD, variant, { x, y: x, z, scale: 1 });
    expect([plan.programs, plan.grid]).toEqual([n, { n }]);
    await device.launch(plan);
    expect(await z.read()).toEqual(ramp(n, 2));
  });

  test('no element: nothing is launched and nothing fails', async () => {
    expect(await add('f32', 0)).toEqual(new Float64Array(0));
  });

  test('WGSL that does not compile is a bug with the text attached', async () => {
    const broken = addVariant('f32', { text: 'fn main( {' });
    const error: unknown = await device.prepare(broken).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(Bug);
    expect(String(error)).toContain("expected ')' for function declaration");
    expect((error as Bug).ir).toBe('fn main( {');
    await device.synchronize();
  });

  test('times a launch', async () => {
    const n = 1 << 16;
    const [x, y, z] = [1, 2, 3].map(() => device.empty('f32', [n]).fill(1));
    const plan = bindLaunch(device, ADD, addVariant('f32'), { x, y, z, scale: 1 });
    const timing = await device.time(plan, { warmup: 1, repeat: 5 });
    expect(timing.samples).toHaveLength(5);
    expect(timing.p10).toBeLessThanOrEqual(timing.medianMs);
    expect(timing.medianMs).toBeLessThanOrEqual(timing.p90);
    expect(timing.medianMs).toBeGreaterThan(0);
    expect(timing.medianMs).toBeLessThan(1000);
  });
});
