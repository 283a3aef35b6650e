import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { installHost } from '../../driver/host.js';
import { empty, f32, openDevice, type TuneProgress } from '../../index.js';
import { TuningStore } from '../../store/store.js';
import { tuneFromHost, tuneOne } from '../../tuner/from-host.js';
import type { TuneTools } from '../../tuner/tune.js';
import { type OpenBench, openWorker } from '../../tuner/worker/pool.js';
import { codesOf } from '../driver/codes-of.js';
import { doubled, unknown } from '../driver/fixtures/doubled.js';
import { builtSources } from '../setup/built.js';
import { FakeClock, SimulatedBench, type Simulation } from './search-bench.js';

const folder = mkdtempSync(join(tmpdir(), 'lac-from-host-'));
const before = process.env.LAC_TUNING_CACHE;
const device = await openDevice('emulate');
const args = { x: empty(device, f32, [300]).fill(1), y: empty(device, f32, [300]).fill(7) };

let open: TuneTools['open'];
let close: () => Promise<void>;
let clock: FakeClock;
let caches = 0;
beforeEach(() => {
  process.env.LAC_TUNING_CACHE = join(folder, `cache-${++caches}`);
  clock = new FakeClock();
  close = async () => {};
});
installHost(
  async () => (call) => tuneOne(call, { open: (...of) => open(...of), close: () => close(), now: () => clock.now() }),
);
afterAll(() => {
  installHost(async () => tuneFromHost);
  device.destroy();
  process.env.LAC_TUNING_CACHE = before;
  rmSync(folder, { recursive: true, force: true });
});

const { backend, name, info, limits, notes } = device;
const here: OpenBench['device'] = { backend, name, info, limits, notes, features: [] };

/** Least at C=64. */
const simulated = (simulation: Partial<Simulation> = {}): SimulatedBench =>
  new SimulatedBench({ clock, seed: 1, ms: ({ C = 1 }) => 1 + Math.abs(Math.log2(C / 64)), ...simulation });
const opened = (bench: SimulatedBench, more: Partial<OpenBench> = {}): OpenBench =>
  Object.assign(bench, { device: here, ahead: 2, close: async () => {}, ...more });

/** What is in the cache of the test. */
function listed(): ReturnType<TuningStore['list']> {
  const store = TuningStore.open();
  if (!(store instanceof TuningStore)) throw new Error(store.why);
  const list = store.list();
  store.close();
  return list;
}

describe('a tune from TypeScript', () => {
  test('gives the best, tells how it comes on, and keeps the rows', async () => {
    open = async () => opened(simulated());
    const told: TuneProgress[] = [];
    expect(await doubled.tune(device, args, { onProgress: (p) => told.push(p) })).toEqual({ C: 64, warps: 1 });
    expect(told.at(-1)).toMatchObject({ state: 'measured', best: { config: { C: 64, warps: 1 }, medianMs: 1 } });
    expect(told.at(-1)?.tried).toBe(told.at(-1)?.toTry);
    expect(listed()).toMatchObject([
      { key: { kernel: 'doubled' }, measured: 4, best: { config: { C: 64, warps: 1 } } },
    ]);
  });

  test('where nothing works: why', async () => {
    open = async () => opened(simulated({ fault: () => 'crash' }));
    await expect(doubled.tune(device, args)).rejects.toMatchObject({
      diagnostics: [{ code: 'LAC0921', help: [{ text: 'C=32,warps=1: crash: at prepare' }, {}, {}] }],
    });
  });

  test('a budget that ends before anything is measured', async () => {
    open = async () => opened(simulated(), { prepare: () => new Promise(() => {}) });
    await expect(doubled.tune(device, args, { budgetMs: 1 })).rejects.toMatchObject({
      diagnostics: [{ code: 'LAC0921', help: [{ text: 'give it more: { budgetMs: 30000 }' }] }],
    });
  });

  test('a worker that opened another device than the tensors are on', async () => {
    let closed = false;
    const close = async (): Promise<void> => {
      closed = true;
    };
    const other = { ...here, info: { ...info, architecture: 'sm_80' } };
    open = async () => opened(simulated(), { device: other, close });
    expect(await codesOf(doubled.tune(device, args))).toEqual(['LAC0925']);
    expect(closed).toBe(true);
  });

  test('the interpreter has nothing to tune', async () => {
    const interpreter = await openDevice('interpret');
    const [x, y] = [empty(interpreter, f32, [3]), empty(interpreter, f32, [3])];
    expect(await codesOf(doubled.tune(interpreter, { x, y }))).toEqual(['LAC0701']);
  });

  test('an interruption is thrown when the worker has ended; what was measured stays', async () => {
    const events: string[] = [];
    const close = async (): Promise<void> => void events.push('closed');
    open = async () => opened(simulated(), { close });
    const interrupt = new AbortController();
    const reason = new Error('no longer wanted');
    const onProgress = ({ state }: TuneProgress): void => {
      if (state === 'measured') interrupt.abort(reason);
    };
    const tuned = doubled.tune(device, args, { signal: interrupt.signal, onProgress });
    await expect(tuned.finally(() => events.push('thrown'))).rejects.toBe(reason);
    expect(events).toEqual(['closed', 'thrown']);
    expect(listed()[0]?.measured).toBeGreaterThan(0);
  });
});

test('a reference that never ends is not left behind, and not beside the next tune', async () => {
  const events: string[] = [];
  const interrupt = new AbortController();
  open = () => {
    interrupt.abort(new Error('no longer wanted'));
    return new Promise(() => {});
  };
  close = async () => void events.push('closed');
  const first = doubled.tune(device, args, { signal: interrupt.signal }).catch(() => events.push('thrown'));
  await first;
  open = async () => {
    events.push('opened');
    return opened(simulated());
  };
  await doubled.tune(device, args);
  expect(events).toEqual(['closed', 'thrown', 'opened', 'closed']);
});

describe('several at once', () => {
  test('wait for each other, and one that is called off does not', async () => {
    const events: string[] = [];
    let letGo = (): void => {};
    const held = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    open = async () => {
      events.push('opened');
      await held;
      return opened(simulated(), { close: async () => void events.push('closed') });
    };
    const interrupt = new AbortController();
    const first = doubled.tune(device, args);
    const second = doubled.tune(device, args, { signal: interrupt.signal });
    const third = doubled.tune(device, args);
    interrupt.abort();
    await expect(second).rejects.toBe(interrupt.signal.reason);
    letGo();
    expect(await Promise.all([first, third])).toEqual(Array(2).fill({ C: 64, warps: 1 }));
    expect(events).toEqual(['opened', 'closed', 'opened', 'closed']);
  });
});

describe('with a worker', () => {
  const entry = pathToFileURL(join(builtSources(), 'tuner/worker/child.js'));
  const worker: TuneTools['open'] = (which, options) => openWorker({ ...options, device: which, entry });

  test('wrong configurations are out, and the tensors of the caller are as they were', async () => {
    open = worker;
    const states = new Map<string, string>();
    const storage = empty(device, f32, [1000]).fill(1);
    const x = storage.view([300], [3], 5);
    const best = await doubled.tune(
      device,
      { x, y: args.y },
      { onProgress: ({ config, state }) => states.set(`${config.C}`, state) },
    );
    expect(states.get('128')).toBe('wrong');
    expect(states.get(`${best.C}`)).toBe('measured');
    expect(new Set(await args.y.read())).toEqual(new Set([7]));
    await doubled(device, { x, y: args.y });
    expect(new Set(await args.y.read())).toEqual(new Set([2]));
  });

  test('a reference file without this kernel', async () => {
    open = worker;
    await expect(unknown.tune(device, args)).rejects.toMatchObject({
      diagnostics: [{ code: 'LAC0902', message: expect.stringContaining('exports no reference named unknown') }],
    });
  });
});
