import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { installHost } from '../../driver/host.js';
import type { TuneCall, Tuner } from '../../driver/host-tune.js';
import { empty, f32, input, openDevice, output, plan } from '../../index.js';
import { EmulateDevice } from '../../runtime/emulate/device.js';
import type { Device } from '../../runtime/index.js';
import { tuneFromHost } from '../../tuner/from-host.js';
import { codesOf } from './codes-of.js';
import { doubled, unknown } from './fixtures/doubled.js';
import { scale } from './fixtures/scale.js';

/** y = 2 x twice over. */
const quadrupled = plan(
  {
    args: { x: input(f32, ['N']), y: output(f32, ['N']), z: output(f32, ['N']) },
    tune: { unused: [1, 2] },
  },
  ({ x, y, z }, _, run) => {
    run(doubled, { x, y });
    run(doubled, { x: y, y: z });
  },
);

const device = await openDevice('emulate:sm_80');
const launched: string[] = [];
const { launch, launchAll } = device;
const seen: Pick<Device, 'launch' | 'launchAll'> = {
  async launch(plan) {
    launched.push(JSON.stringify(plan.variant.config));
    await launch.call(device, plan);
  },
  async launchAll(sequence) {
    launched.push(...sequence.launches.map(({ variant }) => JSON.stringify(variant.config)));
    await launchAll.call(device, sequence);
  },
};
Object.assign(device, seen);

const calls: TuneCall[] = [];
let answer: Tuner = async () => ({ C: 64, warps: 1 });
installHost(async () => (call) => {
  calls.push(call);
  return answer(call);
});
beforeEach(() => {
  calls.length = 0;
  launched.length = 0;
});
afterAll(() => {
  device.destroy();
  installHost(async () => tuneFromHost);
});

const tensors = (n: number) => ({ x: empty(device, f32, [n]).fill(1), y: empty(device, f32, [n]).fill(7) });
const launchedBy = async (call: () => Promise<void>): Promise<readonly string[]> => {
  launched.length = 0;
  await call();
  return [...launched];
};
const using = (C: number): string => JSON.stringify({ C, warps: 1 });

describe('after a tune', () => {
  test('calls take what was found, also such as were launched before; other sizes and knobs that are given do not', async () => {
    const args = tensors(300);
    for (let i = 0; i < 2; i++) expect(await launchedBy(() => doubled(device, args))).toEqual([using(32)]);
    expect(await doubled.tune(device, args)).toEqual({ C: 64, warps: 1 });
    expect(calls).toMatchObject([
      { dims: { N: 300 }, dtypes: {}, which: 'emulate:sm_80', windows: {}, budgetMs: null },
    ]);
    for (let i = 0; i < 2; i++) expect(await launchedBy(() => doubled(device, args))).toEqual([using(64)]);
    expect(await launchedBy(() => doubled(device, tensors(290)))).toEqual([using(64)]);
    expect(await launchedBy(() => doubled(device, tensors(40)))).toEqual([using(32)]);
    expect(await launchedBy(() => doubled(device, args, { config: { C: 256 } }))).toEqual([using(256)]);
    expect(await launchedBy(() => doubled.with({ negated: true })(device, args))).toEqual([using(32)]);
  });

  test('plans that run the kernel take it too', async () => {
    const args = { ...tensors(1000), z: empty(device, f32, [1000]) };
    expect(await launchedBy(() => quadrupled(device, args))).toEqual([using(32), using(32)]);
    answer = async () => ({ C: 256, warps: 1 });
    await doubled.tune(device, { x: args.x, y: args.y });
    expect(await launchedBy(() => quadrupled(device, args))).toEqual([using(256), using(256)]);
    expect([...(await args.z.read())].every((v) => v === 4)).toBe(true);
  });
});

describe('what a tuner is given', () => {
  test('how tensors lie, where that is not as usual; the signal, a budget that timers can count', async () => {
    const storage = empty(device, f32, [1000]).fill(1);
    const { signal } = new AbortController();
    const x = storage.view([90], [2], 3);
    const y = empty(device, f32, [90]);
    await doubled.tune(device, { x, y }, { signal, budgetMs: 50 });
    await doubled.tune(device, { x: storage.view([90], [0]), y }, { budgetMs: Number.MAX_VALUE });
    await doubled.tune(device, { x, y }, { budgetMs: Number.NaN });
    expect(calls.map(({ budgetMs }) => budgetMs)).toEqual([50, null, 0]);
    expect(calls.map(({ windows }) => windows.x)).toEqual([
      { shape: [90], strides: [2], shift: 3 },
      undefined, // its elements share one address
      { shape: [90], strides: [2], shift: 3 },
    ]);
    expect(calls[0]?.facts).toEqual({ x: { contiguous: false, align: 1 }, y: { contiguous: true, align: 2 } });
    expect(calls[0]?.signal).toBe(signal);
  });
});

describe('what is refused before a tuner is asked', () => {
  const { x, y } = tensors(10);

  test.each([
    ['sizes that disagree', () => doubled.tune(device, { x, y: empty(device, f32, [11]) }), 'LAC0605'],
    ['a kernel without a reference', () => scale.tune(device, { x, y, a: 1 }), 'LAC0902'],
  ])('%s', async (_what, tune, code) => {
    expect(await codesOf(tune())).toEqual([code]);
    expect(calls).toEqual([]);
  });

  test('the missing reference is named, and what to write', async () => {
    await expect(scale.tune(device, { x, y, a: 1 })).rejects.toMatchObject({
      message: expect.stringMatching(/scale cannot be tuned without a reference: .*scale\.ref\.ts does not exist/),
      diagnostics: [{ help: [{ text: expect.stringContaining('export const scale: Reference = {') }, {}] }],
    });
  });

  test('a device that no other process can open', async () => {
    const own = new EmulateDevice();
    const args = { x: own.empty('f32', [10]), y: own.empty('f32', [10]) };
    expect(await codesOf(doubled.tune(own, args))).toEqual(['LAC0701']);
    expect(calls).toEqual([]);
  });

  test('a signal that is aborted already', async () => {
    const reason = new Error('no longer wanted');
    await expect(doubled.tune(device, { x, y }, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(calls).toEqual([]);
  });
});

test('what the tuner throws is thrown, and calls go on as before', async () => {
  const args = tensors(20);
  answer = () => Promise.reject(new Error('interrupted'));
  await expect(unknown.tune(device, args)).rejects.toThrow('interrupted');
  expect(await launchedBy(() => unknown(device, args))).toEqual([using(32)]);
});
