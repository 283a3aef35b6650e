import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { compileKernel } from '../../driver/compile.js';
import type { Config } from '../../driver/configurations.js';
import { type KernelDecl, SourceProject, withOptions } from '../../driver/source.js';
import { targetOf } from '../../driver/target.js';
import { tunedFor } from '../../driver/tuned.js';
import { keyOf } from '../../driver/tuning-key.js';
import { type NewTunedRow, writeTunedRows } from '../../driver/write-tuned-rows.js';
import { EmulateDevice } from '../../runtime/emulate/device.js';
import { InterpretDevice } from '../../runtime/interpret/device.js';
import { type TuneEvent, type TuneRequest, type TuneTools, tune } from '../../tuner/tune.js';
import { tunedRowOf, whyUnwritten } from '../../tuner/tuned-row.js';
import type { Problem } from '../../tuner/types.js';
import type { OpenBench } from '../../tuner/worker/pool.js';
import { openStore } from '../store/folders.js';
import { FakeClock, SimulatedBench, type Simulation } from './search-bench.js';

const SOURCE = `import { cdiv, f32, input, kernel, output } from 'lac';
export const twice = kernel({
  args: { x: input(f32, ['N', 'D']), y: output(f32, ['N', 'D']) },
  comptime: ['D'],
  options: { negative: false },
  tune: { C: [8, 16, 32, 64], warps: [1, 2, 64] },
  prune: ({ C }) => C > 8,
  tuneKey: ({ N }) => [N / 8],
  grid: ({ N, C }) => ({ n: cdiv(N, C) }),
}, ({ x, y }, { C, D, negative }, { n }) => {
  y.store([n * C, 0], x.load([n * C, 0], [C, D]) * (negative ? -2 : 2));
});
`;
const folder = mkdtempSync(join(tmpdir(), 'lac-tune-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = join(folder, 'twice.ts');
writeFileSync(file, SOURCE);
const [declared] = new SourceProject().read(file).kernels;
if (declared === undefined) throw new Error('the kernel of this test is not read');
const decl: KernelDecl = declared;
const problem: Problem = {
  file,
  kernel: 'twice',
  dims: { N: 100, D: 16 },
  dtypes: {},
  options: { negative: false },
  seed: 3,
};

/** A device that is described, and not there. */
const description = (device: EmulateDevice | InterpretDevice): OpenBench['device'] => {
  const { backend, name, info, limits, notes } = device;
  return { backend, name, info, limits, notes, features: [] };
};
const EMULATED = description(new EmulateDevice(90));

/** Least at C=32 warps=2. */
const landscape = ({ C = 1, warps = 1 }: Config): number => 1 + Math.abs(Math.log2(C / 32)) + (warps === 2 ? 0 : 0.5);

interface Setting {
  readonly simulation?: Partial<Simulation>;
  readonly store?: TuneTools['store'];
  readonly device?: OpenBench['device'];
  readonly request?: Partial<TuneRequest>;
  readonly onEvent?: (event: TuneEvent) => void;
  readonly onOpen?: (options: Parameters<TuneTools['open']>[1]) => void;
  readonly hasTimers?: boolean;
}

function tuning({
  simulation,
  store = null,
  device = EMULATED,
  request,
  onEvent,
  onOpen,
  hasTimers = true,
}: Setting = {}) {
  const clock = new FakeClock();
  const bench = new SimulatedBench({ clock, seed: 1, ms: landscape, ...simulation });
  const events: TuneEvent[] = [];
  let closed = 0;
  const opened: OpenBench = Object.assign(bench, {
    ...{ device, ahead: 2 },
    close: async () => {
      closed++;
    },
  });
  const done = tune(
    {
      ...{ decl, problem, device: 'emulate', signal: new AbortController().signal },
      onEvent: (event) => {
        events.push(event);
        onEvent?.(event);
      },
      ...request,
    },
    {
      open: async (_, options) => {
        onOpen?.(options);
        return opened;
      },
      ...{ store, now: clock.now, ...(hasTimers && { after: clock.after }) },
    },
  );
  return { done, bench, events, closed: () => closed };
}

const USUAL = { C: 16, warps: 1 };
const orderOf = (bench: SimulatedBench): Config[] =>
  bench.calls.flatMap(({ what, configs }) => (what === 'sample' && configs.length === 1 ? [...configs] : []));
const measuredConfigs = (bench: SimulatedBench): Set<string> =>
  new Set(bench.calls.flatMap(({ what, configs }) => (what === 'sample' ? configs.map((c) => JSON.stringify(c)) : [])));
describe('a tune', () => {
  test('finds the best, and every configuration has its row', async () => {
    const { done, closed, events } = tuning();
    const { outcome, usual, workOf } = await done;
    expect(outcome).toMatchObject({ ended: 'done', device: EMULATED.name, best: { config: { C: 32, warps: 2 } } });
    const states = outcome.rows.map(({ config, state }) => [config.C, config.warps, state]);
    expect(states).toEqual(
      [8, 16, 32, 64].flatMap((C) =>
        [1, 2, 64].map((warps) => [C, warps, C === 8 ? 'pruned' : warps === 64 ? 'limit' : 'measured']),
      ),
    );
    expect(usual?.config).toEqual({ C: 16, warps: 1 });
    // x and y of 100 x 16 in f32 are touched once.
    expect(workOf({ C: 32, warps: 2 })?.bytes).toBe(2 * 100 * 16 * 4);
    expect(closed()).toBe(1);
    expect(events.at(-1)).toMatchObject({ kind: 'row', progress: { best: { config: { C: 32, warps: 2 } } } });
  });

  test('begins with what a call takes untuned, while the others are ranked', async () => {
    const order: string[] = [];
    const { done, bench } = tuning({
      simulation: {
        fault: (config, step) => {
          if (step === 'prepare' && config.C === USUAL.C && config.warps === USUAL.warps) order.push('prepared');
          return null;
        },
      },
      onEvent: ({ kind }) => {
        if (kind === 'row') order.push('row');
      },
    });
    await done;
    expect(orderOf(bench)[0]).toEqual(USUAL);
    expect(bench.calls[0]).toEqual({ what: 'prepare', configs: [USUAL] });
    expect(order.slice(0, 2)).toEqual(['prepared', 'row']);
    expect(order.filter((what) => what === 'prepared')).toHaveLength(1);
  });

  test('what was measured before is measured again, unless it is resumed', async () => {
    const store = openStore();
    await tuning({ store }).done;
    const again = tuning({ store });
    await again.done;
    expect(measuredConfigs(again.bench).size).toBe(6);
    expect(again.events).toContainEqual({ kind: 'known', rows: 6, used: false });
    const resumed = tuning({ store, request: { resume: true } });
    const { outcome } = await resumed.done;
    expect(resumed.events).toContainEqual({ kind: 'known', rows: 6, used: true });
    expect(resumed.bench.calls.filter((c) => c.what === 'prepare').length).toBeLessThan(6);
    expect(outcome.best?.config).toEqual({ C: 32, warps: 2 });
  });

  test('what was measured elsewhere is not resumed', async () => {
    const [elsewhere, store] = [openStore(), openStore()];
    await tuning({ store: elsewhere }).done;
    expect(store.import(elsewhere.export(), 'a file')).toBe(6);
    const resumed = tuning({ store, request: { resume: true } });
    await resumed.done;
    expect(measuredConfigs(resumed.bench).size).toBe(6);
  });

  test('times of other sizes in the same bucket of the cache are not resumed', async () => {
    const store = openStore();
    await tuning({ store }).done;
    const at = { ...problem, dims: { ...problem.dims, N: 101 } };
    const other = tuning({ store, request: { problem: at, resume: true } });
    await other.done;
    expect(measuredConfigs(other.bench).size).toBe(6);
    expect(other.events.filter((e) => e.kind === 'known')).toEqual([]);
  });

  test('an interruption keeps what was measured, and a resumed tune measures the rest', async () => {
    const store = openStore();
    const interrupt = new AbortController();
    let measured = 0;
    const onEvent = (event: TuneEvent): void => {
      if (event.kind === 'row' && event.row.state === 'measured' && ++measured === 2) interrupt.abort();
    };
    const first = tuning({ store, onEvent, request: { signal: interrupt.signal } });
    const { outcome } = await first.done;
    expect(outcome.ended).toBe('interrupted');
    expect(first.closed()).toBe(1);
    // Nothing is settled on: what an earlier tune found stays in use.
    expect(store.export()).not.toContain('"best":');
    const kept = outcome.rows.filter((row) => row.state === 'measured').length;
    expect(kept).toBeGreaterThanOrEqual(2);
    expect(kept).toBeLessThan(6);
    const second = tuning({ store, request: { resume: true } });
    expect((await second.done).outcome).toMatchObject({ ended: 'done', best: { config: { C: 32, warps: 2 } } });
    expect(second.events).toContainEqual({ kind: 'known', rows: kept, used: true });
  });

  test('an interruption before the device is open gives it back when it opens', async () => {
    const interrupt = new AbortController();
    const bench = new SimulatedBench({ clock: new FakeClock(), seed: 1, ms: landscape });
    let give = (_: OpenBench): void => {};
    const opening = new Promise<OpenBench>((resolve) => {
      give = resolve;
    });
    const request = { decl, problem, device: 'emulate', signal: interrupt.signal, onEvent: () => {} };
    const done = tune(request, { open: () => opening, store: null, now: () => 0 });
    interrupt.abort();
    await expect(done).rejects.toBe(interrupt.signal.reason);
    await new Promise<void>((closed) => {
      give(Object.assign(bench, { device: EMULATED, ahead: 2, close: async () => closed() }));
    });
    expect(bench.calls).toEqual([]);
  });

  test('a device that is not open when the budget ends is given back when it is', async () => {
    const bench = new SimulatedBench({ clock: new FakeClock(), seed: 1, ms: landscape });
    let give = (_: OpenBench): void => {};
    const opening = new Promise<OpenBench>((resolve) => {
      give = resolve;
    });
    const { signal } = new AbortController();
    const request = { decl, problem, device: 'emulate', budgetMs: 1, signal, onEvent: () => {} };
    const done = tune(request, { open: () => opening, store: null, now: () => 0 });
    await expect(done).rejects.toMatchObject({ diagnostics: [{ code: 'LAC0921' }] });
    await new Promise<void>((closed) => {
      give(Object.assign(bench, { device: EMULATED, ahead: 2, close: async () => closed() }));
    });
    expect(bench.calls).toEqual([]);
  });

  test('caches are as they are asked for', async () => {
    const asked: unknown[] = [];
    for (const caches of ['warm', undefined] as const) {
      const { done } = tuning({ request: caches === undefined ? {} : { caches }, onOpen: (o) => asked.push(o.caches) });
      await done;
    }
    expect(asked).toEqual(['warm', undefined]);
  });

  test('a cache that cannot be written is told of once, and the tune comes to its end', async () => {
    const store = { rows: () => [], put: () => false, choose: () => false, notes: ['no space is left'] };
    const { done, events } = tuning({ store });
    expect((await done).outcome.best?.config).toEqual({ C: 32, warps: 2 });
    expect(events.filter((e) => e.kind === 'unkept')).toEqual([{ kind: 'unkept', why: 'no space is left' }]);
  });

  test('where every configuration fails, none is best', async () => {
    const store = openStore();
    const { outcome } = await tuning({ store, simulation: { fault: () => 'wrong' } }).done;
    expect(outcome).toMatchObject({ best: null, ended: 'failed', measured: 0 });
    expect(store.list()).toMatchObject([{ rows: 6, measured: 0, best: null }]);
    // Whoever mends the reference and resumes has them compared with the new one.
    const mended = tuning({ store, request: { resume: true } });
    expect((await mended.done).outcome.best?.config).toEqual({ C: 32, warps: 2 });
  });

  test('keeps its budget, the opening of the device and the ranking included', async () => {
    const { done } = tuning({ simulation: { prepareMs: 600 }, request: { budgetMs: 1500 } });
    const { outcome } = await done;
    expect(outcome.ended).toBe('budget');
    expect(outcome.best).not.toBeNull();
    expect(outcome.elapsedMs).toBeLessThanOrEqual(2000);
    expect(outcome.rows.some((row) => row.state === 'open')).toBe(true);
  });

  test('a budget beyond what timers of the system count is one without an end', async () => {
    const { done } = tuning({ request: { budgetMs: 2 ** 40 }, hasTimers: false });
    expect((await done).outcome).toMatchObject({ ended: 'done', best: { config: { C: 32, warps: 2 } } });
  });

  test.each(['device', 'known', 'row', 'unkept'])(
    'what a listener throws at %s ends it, and the device is given back',
    async (kind) => {
      const store = { rows: () => [], put: () => kind !== 'unkept', choose: () => true, notes: [] };
      const onEvent = (event: TuneEvent): void => {
        if (event.kind === kind) throw new Error(`no more of ${kind}`);
      };
      const known = openStore();
      if (kind === 'known') await tuning({ store: known }).done;
      const { done, closed } = tuning({ store: kind === 'known' ? known : store, onEvent });
      await expect(done).rejects.toThrow(`no more of ${kind}`);
      expect(closed()).toBe(1);
    },
  );

  test('the interpreter is refused, and given back', async () => {
    const { done, closed } = tuning({ device: description(new InterpretDevice('f64')) });
    await expect(done).rejects.toMatchObject({ diagnostics: [{ code: 'LAC0701' }] });
    expect(closed()).toBe(1);
  });
});

describe('what a call takes', () => {
  const at = join(folder, 'wide.ts');
  const dims = { N: 100, D: 128 };
  writeFileSync(
    at,
    SOURCE.replace('twice', 'wide')
      .replace(/tune: .*/, 'tune: { C: [64, 16, 8], warps: [1, 2] },')
      .replace(/options: .*\n/, '')
      .replace('D, negative', 'D')
      .replace('(negative ? -2 : 2)', '2'),
  );
  const [wide] = new SourceProject().read(at).kernels;
  const of = wide as KernelDecl;
  const info = { ...EMULATED.info, multiprocessors: 132 };
  const device = { ...EMULATED, backend: 'cuda' as const, name: 'NVIDIA H100', info };
  const target = targetOf(device);
  const row = (config: Config, measured: boolean) => ({
    ...{ kernel: 'wide', target: 'cuda' as const, sm: 90, config },
    ...(measured && { architecture: 'sm_90' }),
  });
  const tuned = async (...rows: readonly NewTunedRow[]) => {
    writeTunedRows(at, rows, () => true);
    const { kernel: _, ...more } = problem;
    const request = { decl: of, problem: { ...more, file: at, kernel: 'wide', dims, options: {} } };
    const { done, bench } = tuning({ device, request });
    const { outcome, usual } = await done;
    return { outcome, usual: usual?.config, order: orderOf(bench) };
  };

  test('is no block whose registers are predicted not to suffice, unless it was measured; a tune times it', async () => {
    const tight = { C: 64, warps: 1 };
    const untuned = await tuned();
    expect(untuned.usual).toEqual({ C: 64, warps: 2 });
    expect(compileKernel(of, { dims, target }).config).toEqual(untuned.usual);
    expect(untuned.order[0]).toEqual(untuned.usual);
    expect(untuned.order).toContainEqual(tight);
    // A guess that no call takes does not lead.
    expect((await tuned(row(tight, false))).order[0]).toEqual(untuned.usual);
    expect((await tuned(row(tight, true))).order.slice(0, 2)).toEqual([tight, untuned.usual]);
  });

  test('is timed even where `prune` rejects it', async () => {
    const { order, outcome } = await tuned(row({ C: 8, warps: 1 }, true));
    expect(order[0]).toEqual({ C: 8, warps: 1 });
    expect(outcome.rows.map(({ config, state }) => [config.C, config.warps, state])).toEqual([
      ...[64, 16].flatMap((C) => [1, 2].map((warps) => [C, warps, 'measured'])),
      ...[1, 2].map((warps) => [8, warps, warps === 1 ? 'measured' : 'pruned']),
    ]);
  });
});

describe('a row of x.tune.json', () => {
  const GPU = { ...EMULATED, backend: 'cuda' as const, name: 'NVIDIA H100' };

  test('is found again for its problem, and not for other options or comptime sizes', async () => {
    const { outcome } = await tuning().done;
    const row = tunedRowOf(decl, outcome, GPU, '2026-11-22');
    expect(row).toMatchObject({
      ...{ kernel: 'twice', target: 'cuda', sm: 90, architecture: 'sm_90', config: { C: 32, warps: 2 } },
      // 100 / 8 lies between.
      when: { options: { negative: false }, dims: { D: 16 }, key: [{ least: 12, most: 13 }] },
      note: '1 ms on PTX emulator (sm_90), 2026-11-22',
    });
    if (row === null) throw new Error('there is no row');
    writeTunedRows(file, [row]);
    const choices = (of: KernelDecl, dims: Problem['dims']): readonly Config[] =>
      tunedFor(of, { target: targetOf(GPU), dtypes: {}, dims, config: {} }).choices.map((c) => c.config);
    expect(choices(decl, { N: 100, D: 16 })).toEqual([{ C: 32, warps: 2 }]);
    expect(choices(decl, { N: 100, D: 32 })).toEqual([]);
    expect(choices(withOptions(decl, { negative: true }), { N: 100, D: 16 })).toEqual([]);
    // What a call takes anyway is timed first, so that a budget which ends early takes nothing away.
    const again = tuning({ device: GPU });
    await again.done;
    expect(orderOf(again.bench).slice(0, 2)).toEqual([{ C: 32, warps: 2 }, USUAL]);
  });

  test('is not written for an emulated device, nor where nothing was found', async () => {
    const { outcome } = await tuning().done;
    expect(tunedRowOf(decl, outcome, EMULATED, '')).toBeNull();
    expect(tunedRowOf(decl, { ...outcome, best: null }, GPU, '')).toBeNull();
  });

  test('is not written where there is no choice, or nothing takes time; nor is that remembered as the best', async () => {
    const store = openStore();
    const { outcome } = await tuning({ store, device: GPU, simulation: { ms: () => 0 } }).done;
    expect(outcome.best).not.toBeNull();
    expect(whyUnwritten(outcome, GPU)).toBe('a launch at these sizes does nothing');
    expect(tunedRowOf(decl, outcome, GPU, '')).toBeNull();
    expect(store.offers(keyOf(decl, { ...problem, device: GPU }))).toEqual([]);
    const { outcome: some } = await tuning().done;
    const rows = some.rows.filter(({ config }) => config === some.best?.config);
    expect(whyUnwritten({ ...some, rows }, GPU)).toBe('there is one configuration');
    expect(whyUnwritten(some, GPU)).toBeNull();
  });
});
