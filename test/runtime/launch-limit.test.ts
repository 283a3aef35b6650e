import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { LacError } from '../../compiler/diag/diagnostic.js';
import { bindKernel } from '../../driver/bind.js';
import { SourceProject } from '../../driver/source.js';
import { type Device, type LaunchPlan, limitLaunches, openDevice } from '../../runtime/index.js';
import { ManualClock } from '../tuner/worker/children.js';

const ENDLESS = fileURLToPath(new URL('./fixtures/endless.ts', import.meta.url));

const planOf = (kernel: string, C: number): LaunchPlan =>
  ({ kernel, variant: { config: { C, warps: 1 } }, programs: 1 }) as unknown as LaunchPlan;

/** A device whose waits end when the test says so. */
function limited(limitMs: number) {
  const clock = new ManualClock();
  const waits: (() => void)[] = [];
  const stuck: string[] = [];
  const wait = (): Promise<void> =>
    new Promise((resolve) => {
      waits.push(resolve);
    });
  const device = {
    name: 'Test GPU',
    launch: async () => {},
    launchAll: async () => {},
    synchronize: wait,
    time: async () => {
      const begin = clock.now();
      await device.synchronize();
      const ms = clock.now() - begin;
      return { medianMs: ms, p10: ms, p90: ms, samples: [ms], how: 'host' };
    },
  } as unknown as Device;
  limitLaunches(device, { limitMs, clock, onStuck: ({ diagnostics: [d] }) => stuck.push(d?.message ?? '') });
  return { device, clock, stuck, end: () => waits.splice(0).forEach((resolve) => void resolve()) };
}

/** Microtasks that are due. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a launch that does not end is told of, by its name and configuration, and so is who waits', async () => {
  const { device, clock, stuck } = limited(100);
  await device.launch(planOf('hang', 64));
  const waiting = device.synchronize();
  clock.advance(99);
  expect(stuck).toEqual([]);
  clock.advance(1);
  expect(stuck).toEqual(['hang (C=64, warps=1) did not end within 100 ms on Test GPU']);
  await expect(waiting).rejects.toMatchObject({ diagnostics: [{ code: 'LAC0714' }] });
});

test('what ends in time is not, however long nobody asks for more', async () => {
  const { device, clock, stuck, end } = limited(100);
  await device.launch(planOf('slow', 64));
  const waiting = device.synchronize();
  clock.advance(99);
  end();
  await waiting;
  clock.advance(10_000);
  const again = device.synchronize();
  clock.advance(99);
  end();
  await again;
  expect(stuck).toEqual([]);
});

test('of several launches each has its time, and all of them are named', async () => {
  const { device, clock, stuck } = limited(2000);
  const launches = [planOf('first', 8), planOf('second', 16), planOf('second', 16)];
  await device.launchAll({ key: {}, launches });
  device.synchronize().catch(() => {});
  clock.advance(5999);
  expect(stuck).toEqual([]);
  clock.advance(1);
  expect(stuck[0]).toMatch(
    /^one of first \(C=8, warps=1\), second \(C=16, warps=1\) \(the last of 2\) did not end within 2 s on/,
  );
});

test('timing may take what the launches are known to take, and waits within it are not limited', async () => {
  const { device, clock, stuck, end } = limited(100);
  const plan = planOf('quick', 64);
  const once = device.time(plan, { warmup: 0, repeat: 1 });
  clock.advance(20);
  end();
  expect((await once).medianMs).toBe(20);
  const timing = device.time(plan, { warmup: 0, repeat: 50 });
  clock.advance(4999);
  await settled();
  expect(stuck).toEqual([]);
  clock.advance(1);
  expect(stuck).toEqual(['quick (C=64, warps=1) did not end within 100 ms on Test GPU']);
  await expect(timing).rejects.toBeInstanceOf(LacError);
});

test.each([
  ['interpret', /endless \(C=64, warps=1\) did not end within 0 ms, in program \(n=0\)/, ENDLESS],
  ['emulate', /endless\.ts:\d+:\d+\), .*: endless \(C=64, warps=1\) did not end within 0 ms/, undefined],
])('%s stops, and names the place', async (which, message, place) => {
  const [decl] = new SourceProject().read(ENDLESS).kernels;
  if (decl === undefined) throw new Error('the kernel of this test is not read');
  const device = await openDevice(which);
  limitLaunches(device, { limitMs: 0, onStuck: () => expect.unreachable() });
  const tensors = { x: device.empty('f32', [100]).fill(1), y: device.empty('f32', [100]) };
  const { plan } = bindKernel(decl, device, tensors, { C: 64, warps: 1 });
  const error: unknown = await device.launch(plan).catch((e: unknown) => e);
  if (!(error instanceof LacError)) throw error;
  const [found] = error.diagnostics;
  expect(found).toMatchObject({ code: 'LAC0714', message: expect.stringMatching(message) });
  expect(found?.span?.file).toBe(place);
});
