/** The device, the addon and what lies between them, against a driver that needs no GPU. */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CudaVariant } from '../../../compiler/artifact.js';
import { Bug } from '../../../compiler/diag/diagnostic.js';
import {
  bindLaunch,
  type CudaDevice,
  doctorFacts,
  listDevices,
  openDevice,
  type Tensor,
} from '../../../runtime/index.js';
import { ADD, ADDON, addVariant, buildFake } from './fake.js';

const fake = buildFake();
const before = { library: process.env.LAC_LIBCUDA, cache: process.env.LAC_CACHE };
const opened: CudaDevice[] = [];

beforeAll(() => {
  process.env.LAC_LIBCUDA = fake?.library;
  process.env.LAC_CACHE = path.join(fake?.folder ?? '', 'cache');
});
afterAll(() => {
  for (const device of opened) device.destroy();
  fake?.remove();
  restore('LAC_LIBCUDA', before.library);
  restore('LAC_CACHE', before.cache);
});

function restore(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}

async function open(which = 'cuda'): Promise<CudaDevice> {
  const device = (await openDevice(which)) as CudaDevice;
  opened.push(device);
  return device;
}

const ramp = (n: number): Float64Array => Float64Array.from({ length: n }, (_, i) => i);

function bound(device: CudaDevice, variant: CudaVariant = addVariant(), n = 100) {
  const [x, y] = [device.empty('f32', [n]).write(ramp(n)), device.empty('f32', [n]).fill(1)];
  const z: Tensor = device.empty('f32', [n]).poison();
  return { x, y, z, plan: bindLaunch(device, ADD, variant, { x, y, z, scale: 2 }) };
}

const doubledPlusOne = (n: number): Float64Array => ramp(n).map((i) => 2 * i + 1);

describe.skipIf(fake === null)('names', () => {
  test('cuda is the first GPU, and each GPU is listed', async () => {
    const device = await open();
    expect(device.info.cacheBytes).toBe(2 ** 20);
    expect([device.name, device.backend, device.info.sm, device.info.multiprocessors, device.info.driver]).toEqual([
      'Fake GPU 0',
      'cuda',
      80,
      4,
      'CUDA 12.4',
    ]);
    expect((await open('cuda:1')).name).toBe('Fake GPU 1');
    const { devices } = await listDevices();
    expect(devices.slice(0, 2).map((d) => d.which)).toEqual(['cuda:0', 'cuda:1']);
    await expect(openDevice('cuda:2')).rejects.toThrow('LAC0701: there is no GPU 2');
    const fact = (await doctorFacts()).find((f) => f.name === 'CUDA device');
    expect(fact).toMatchObject({ status: 'ok', detail: 'Fake GPU 0, sm_80, CUDA 12.4' });
  });

  test('the best device is a GPU through CUDA', async () => {
    expect((await open('')).backend).toBe('cuda');
  });
});

describe.skipIf(fake === null)('memory', () => {
  test('what is written is read, at odd places and over several pieces of staging', async () => {
    const device = await open();
    const n = 3 * 2 ** 20 + 5;
    const large = device.empty('f32', [n]).write(ramp(n));
    expect(Buffer.compare(Buffer.from((await large.read()).buffer), Buffer.from(ramp(n).buffer))).toBe(0);
    const half = device.empty('f16', [9]).write(ramp(9));
    half.view([3], [2], 1).write([10, 20, 30]);
    expect([...(await half.read())]).toEqual([0, 10, 2, 20, 4, 30, 6, 7, 8]);
    expect([...(await half.view([2], [1], 7).read())]).toEqual([7, 8]);
    expect(await device.empty('i32', [0]).read()).toEqual(new Float64Array(0));
  });

  test('guard bands and poison', async () => {
    const device = await open();
    const t = device.empty('bf16', [3, 3], { strides: [4, 1], guardBytes: 1 });
    expect(await t.checkGuards()).toBeNull();
    expect([...(await t.poison().read())].every(Number.isNaN)).toBe(true);
    expect(device.empty('i32', [2]).poison().size).toBe(2);
    t.write(ramp(9));
    expect(await t.checkGuards()).toBeNull();
    t.storage.writeRaw(t.offset + 3, Uint16Array.of(0));
    expect((await t.checkGuards())?.where).toBe('between');
  });

  test('a freed block serves the next tensor, and one that nobody can reach too', async () => {
    const device = await open();
    const address = (t: Tensor): unknown => (t.storage as unknown as { address: number }).address;
    const first = device.empty('f32', [5000]);
    const where = address(first);
    first.free();
    expect(address(device.empty('f32', [4999]))).toBe(where);
    setFlagsFromString('--expose_gc');
    const collect = runInNewContext('gc') as () => void;
    let seen = false;
    for (let i = 0; i < 20 && !seen; i++) {
      collect();
      await new Promise((resolve) => setTimeout(resolve, 10));
      seen = address(device.empty('f32', [5000])) === where;
    }
    expect(seen).toBe(true);
  });

  test('LAC0706: too much is refused, and the device goes on', async () => {
    const device = await open();
    const most = device.empty('u32', [40 * 2 ** 20]);
    expect(() => device.empty('u32', [30 * 2 ** 20])).toThrow(
      /^LAC0706: 120 MiB are needed, \d+ MiB of 256 MiB are free/,
    );
    most.free();
    const [other] = [device.empty('u32', [50 * 2 ** 20])];
    expect(other?.freed).toBe(false);
    expect(() => device.empty('u32', [2 ** 30])).toThrow('LAC0614');
  });
});

describe.skipIf(fake === null)('launches', () => {
  test('a kernel finds its tensors and its parameters', async () => {
    const device = await open();
    const { z, plan } = bound(device);
    await device.launch(plan);
    expect(await z.read()).toEqual(doubledPlusOne(100));
    await device.synchronize();
  });

  test('take effect in the order of the calls, loaded or not', async () => {
    const device = await open();
    const { x, y, z, plan } = bound(device);
    z.fill(5);
    await device.prepare(plan.variant);
    const unloaded = addVariant({ text: '.entry add // another program' });
    const back = bindLaunch(device, ADD, unloaded, { x: z, y, z: x, scale: 1 });
    const launches = [device.launch(back), device.launch(plan)];
    const read = z.read();
    await Promise.all(launches);
    // x is 5 + 1 behind `back`, so that z is 2 * 6 + 1 behind `plan`.
    expect([...(await read)].every((value) => value === 13)).toBe(true);
  });

  test('a read sees what was launched before it, and nothing later', async () => {
    const device = await open();
    const { x, y, z, plan } = bound(device);
    await device.launch(plan);
    const first = z.read();
    const second = bindLaunch(device, ADD, addVariant(), { x, y, z, scale: 0 });
    const launched = device.launch(second);
    expect(await first).toEqual(doubledPlusOne(100));
    await launched;
    expect([...(await z.read())].every((v) => v === 1)).toBe(true);
    const third = z.read();
    z.fill(7);
    expect((await third)[0]).toBe(1);
  });

  test('a tensor that was freed after it was bound is refused', async () => {
    const device = await open();
    const { x, plan } = bound(device);
    x.free();
    await expect(device.launch(plan)).rejects.toThrow('LAC0609: add: x was freed after it was bound');
  });

  test('attributes are those of the driver', async () => {
    const device = await open();
    const made = await device.attributes(addVariant({ sharedBytes: 100_000, text: '.entry add // attributes' }));
    expect(made).toEqual({
      registers: 40,
      localBytes: 8,
      sharedBytes: 100_064,
      maxThreads: 512,
      programsPerSm: 32,
      log: 'compiled',
    });
  });

  test('time gives as many samples as were asked for', async () => {
    const device = await open();
    const { plan } = bound(device);
    const timing = await device.time([[plan], [plan, plan]], { repeat: 200, warmup: 1, warmupMs: 5 });
    expect([timing.how, timing.samples.length]).toEqual(['timestamp', 200]);
    expect(timing.samples.every((ms) => ms >= 0 && ms < 1000)).toBe(true);
    const nothing = bindLaunch(device, { ...ADD, grid: [['n', 0]] }, addVariant(), {
      ...plan.tensors,
      scale: 1,
    });
    expect((await device.time(nothing)).samples).toEqual([0]);
  });
});

describe.skipIf(fake === null)('compiled programs', () => {
  test('LAC_LINE_INFO=1 asks for the lines of the source', async () => {
    const device = await open();
    const logOf = async (text: string) => (await device.attributes(addVariant({ text }))).log;
    expect(await logOf('.entry add // without')).toBe('compiled');
    process.env.LAC_LINE_INFO = '1';
    try {
      expect(await logOf('.entry add // with')).toBe('compiled with lines');
    } finally {
      delete process.env.LAC_LINE_INFO;
    }
  });

  test('PTX that the driver refuses is our mistake, with the log', async () => {
    const device = await open();
    const wrong = device.prepare(addVariant({ text: '.entry add nonsense' }));
    await expect(wrong).rejects.toThrow(Bug);
    await expect(device.prepare(addVariant({ text: '.entry add nonsense' }))).rejects.toThrow(
      "PTX of add does not compile (CUDA_ERROR_INVALID_PTX)\nptxas lac.ptx, line 3; error: Parsing error near 'nonsense'",
    );
    await expect(device.prepare(addVariant({ entry: 'sub' }))).rejects.toThrow('LAC0708: load sub');
    expect(device.state).toBe('open');
  });

  test('LAC0712: a driver that is too old for the PTX', async () => {
    const device = await open();
    const newer = device.prepare(addVariant({ text: '.version 9.9\n.entry add' }));
    await expect(newer).rejects.toThrow(/^LAC0712: .*\n {2}help: update the NVIDIA driver/);
  });
});

describe.skipIf(fake === null)('a context that is gone', () => {
  /** A kernel that uses an address outside of every allocation. */
  async function stray({ device, tensors }: ReturnType<typeof bound>['plan']): Promise<void> {
    const variant = addVariant({ text: '.entry stray', entry: 'stray' });
    await device.launch(bindLaunch(device, { ...ADD, kernel: 'stray' }, variant, { ...tensors, scale: 1 }));
  }

  test('LAC0705: a fault is told with the kernels that ran, and ends the device; a fresh one works', async () => {
    const device = await open();
    const { x, z, plan } = bound(device);
    await device.launch(plan);
    await stray(plan);
    const told =
      /^LAC0705: Fake GPU 0: a kernel used an address outside of every allocation \(CUDA_ERROR_ILLEGAL_ADDRESS\); launched before: add, stray\n/;
    await expect(device.synchronize()).rejects.toThrow(told);
    expect(device.state).toBe('lost');
    await expect(device.launch(plan)).rejects.toThrow(told);
    await expect(z.read()).rejects.toThrow(told);
    expect(() => x.fill(1)).toThrow(told);
    expect(() => device.empty('f32', [1])).toThrow(told);
    x.free();
    device.destroy();
    const fresh = bound(await open());
    await fresh.plan.device.launch(fresh.plan);
    expect(await fresh.z.read()).toEqual(doubledPlusOne(100));
  });

  test('a new device waits for what still holds the lost context', async () => {
    const device = await open();
    const { plan } = bound(device);
    const compiling = expect(device.prepare(addVariant({ text: '.entry add // slow' }))).rejects.toThrow('LAC0705');
    await new Promise((resolve) => setTimeout(resolve, 100));
    await stray(plan);
    await expect(device.synchronize()).rejects.toThrow('LAC0705');
    const next = bound(await open());
    await next.plan.device.launch(next.plan);
    expect(await next.z.read()).toEqual(doubledPlusOne(100));
    await compiling;
  });

  test('LAC0713: a driver that does no more for the process', async () => {
    const [device, other, third] = [bound(await open()), bound(await open()), await open()];
    process.env.FAKE_CUDA_UNFORGIVING = '1';
    try {
      await stray(device.plan);
      await expect(device.plan.device.synchronize()).rejects.toThrow('LAC0705');
      await expect(other.z.read()).rejects.toThrow(
        /^LAC0705: .*; launched before: nothing; the first fault of this process: Fake GPU 0: .*; launched before: stray\n/,
      );
      expect(other.plan.device.state).toBe('lost');
      await expect(third.prepare(addVariant({ text: '.entry add // too late' }))).rejects.toThrow('LAC0705');
      await expect(open()).rejects.toThrow(
        /^LAC0713: Fake GPU 0 cannot be opened again: .* The fault: Fake GPU 0: .*ILLEGAL_ADDRESS\); launched before: stray\n {2}help: .*new process$/,
      );
    } finally {
      delete process.env.FAKE_CUDA_UNFORGIVING;
    }
  });

  test('LAC0707: destroyed', async () => {
    const device = await open();
    const { z, plan } = bound(device);
    device.destroy();
    device.destroy();
    await expect(device.launch(plan)).rejects.toThrow('LAC0707');
    await expect(z.read()).rejects.toThrow('LAC0707');
    z.free();
  });

  test('an endless kernel does not keep the process from ending', () => {
    const script = `
      const driver = require(${JSON.stringify(ADDON)}).openDriver(process.env.LAC_LIBCUDA);
      driver.createContext(0).then(async (context) => {
        const kernel = await context.load('.entry endless', 'endless', 32, 0, new ArrayBuffer(0), false);
        kernel.launch(1);
        context.synchronize();
        setTimeout(() => process.exit(7), 50);
      });`;
    const { status, stderr } = spawnSync(process.execPath, ['-e', script], { timeout: 20_000, encoding: 'utf8' });
    expect([status, stderr]).toEqual([7, '']);
  });
});
