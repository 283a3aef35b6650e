import { afterAll, describe, expect, test } from 'vitest';
import { bindLaunch, type Device, doctorFacts, listDevices, openDevice } from '../../runtime/index.js';
import { WebGpuDevice } from '../../runtime/webgpu/device.js';
import { ADD, addVariant } from './variants.js';

const opened: Device[] = [];
afterAll(() => {
  for (const d of opened) d.destroy();
});
const cudaWorks = (): Promise<boolean> =>
  openDevice('cuda').then(
    (device) => opened.push(device) > 0,
    () => false,
  );

async function open(which: string): Promise<Device> {
  const device = await openDevice(which);
  opened.push(device);
  return device;
}

describe('names of devices', () => {
  test.each([
    ['cuda:0:1', "LAC0701: there is no device 'cuda:0:1'"],
    [
      'gpu',
      "LAC0701: there is no device 'gpu'\n  help: cuda, cuda:N, webgpu, webgpu:software, webgpu:N, emulate or interpret",
    ],
    [
      'webgpu:x',
      "LAC0701: there is no device 'webgpu:x'\n  help: cuda, cuda:N, webgpu, webgpu:software, webgpu:N, emulate or interpret",
    ],
    [
      'interpret:f16',
      "LAC0701: there is no device 'interpret:f16'\n  help: cuda, cuda:N, webgpu, webgpu:software, webgpu:N, emulate or interpret",
    ],
  ])('%s', async (which, message) => {
    await expect(openDevice(which)).rejects.toThrow(message);
  });

  test('webgpu:999 is no adapter', async () => {
    await expect(openDevice('webgpu:999')).rejects.toThrow(/^LAC0701: there is no adapter 999/);
  });

  test('the empty name opens the best there is', async () => {
    const device = await open('');
    expect(device.backend).toBe((await cudaWorks()) ? 'cuda' : 'webgpu');
    expect(device.limits.maxInvocations).toBeGreaterThanOrEqual(256);
    if (device.info.kind === 'software') expect(device.notes.join()).toContain('no GPU');
  });

  test('without robustness', async () => {
    const device = await openDevice('webgpu:software', { robust: false });
    opened.push(device);
    expect(await device.empty('f32', [3]).write([1, 2, 3]).read()).toEqual(Float64Array.of(1, 2, 3));
  });
});

describe('a device that is gone', () => {
  test('says that it was destroyed; a fresh one works', async () => {
    const device = await openDevice('webgpu:software');
    const t = device.empty('f32', [4]).fill(1);
    device.destroy();
    device.destroy();
    expect(device.state).toBe('destroyed');
    await expect(t.read()).rejects.toThrow('LAC0707');
    expect(() => t.fill(2)).toThrow('LAC0707');
    expect(() => device.empty('f32', [1])).toThrow('LAC0707');
    await expect(device.prepare(addVariant('f32'))).rejects.toThrow('LAC0707');
    await expect(device.synchronize()).rejects.toThrow('LAC0707');
    t.free();
    const fresh = await open('webgpu:software');
    expect([...(await fresh.empty('f32', [1]).fill(3).read())]).toEqual([3]);
  });

  test('says that it was lost, with what the driver said', async () => {
    const real = (await open('webgpu:software')) as WebGpuDevice;
    let lose = (_: GPUDeviceLostInfo): void => {};
    const lost = new Promise<GPUDeviceLostInfo>((resolve) => {
      lose = resolve;
    });
    const gpu = new Proxy(real.gpu, {
      get(target, name) {
        if (name === 'lost') return lost;
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    const device = new WebGpuDevice(gpu, fakeInfo);
    const t = device.empty('f32', [4]).fill(1);
    const plan = bindLaunch(device, ADD, addVariant('f32'), { x: t, y: t, z: device.empty('f32', [4]), scale: 1 });
    lose({ __brand: 'GPUDeviceLostInfo', reason: 'unknown', message: 'the GPU fell off the bus' });
    await Promise.resolve();
    expect(device.state).toBe('lost');
    const message = 'LAC0705: acme rocket: the GPU fell off the bus\n  help: open a new device with openDevice()';
    await expect(device.launch(plan)).rejects.toThrow(message);
    await expect(t.read()).rejects.toThrow(message);
    expect(() => device.time(plan)).toThrow(message);
  });

  test('reports what the driver refused at the next synchronisation, once', async () => {
    const device = (await open('webgpu:software')) as WebGpuDevice;
    device.gpu.createBuffer({ size: 2 ** 40, usage: 128 });
    await expect(device.synchronize()).rejects.toThrow(/^LAC0708: validation error: Buffer size/);
    await device.synchronize();
  });
});

const fakeInfo = { vendor: 'acme', device: 'rocket--', architecture: '', description: '' } as GPUAdapterInfo;

describe('what a machine has', () => {
  test('devices: software and interpreter at least', async () => {
    const { devices } = await listDevices();
    expect(devices.map((d) => d.info.kind)).toContain('software');
    expect(devices.at(-1)?.which).toBe('interpret');
  });

  test('doctor: every fact has a status, every problem a fix', async () => {
    const facts = await doctorFacts();
    expect(facts.map((f) => f.name)).toEqual(
      expect.arrayContaining(['Node', 'CUDA device', 'WebGPU device', 'interpreter']),
    );
    for (const f of facts) if (f.status === 'problem') expect(f.fix).toBeTruthy();
  });
});
