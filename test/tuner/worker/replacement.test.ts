import fc from 'fast-check';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LacError } from '../../../compiler/diag/diagnostic.js';
import type { Row, Samples } from '../../../tuner/types.js';
import { devicesOf, type OpenBench, openWorkers } from '../../../tuner/worker/pool.js';
import type { WorkerEvent, WorkerOptions } from '../../../tuner/worker/worker.js';
import { config, isAlive, ManualClock, problem, type Watched, watched } from './children.js';
import { Scripts } from './scripted.js';

const scripts = new Scripts();
afterAll(() => scripts.remove());

const open: OpenBench[] = [];
const pids: number[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((bench) => bench.close()));
  expect(pids.splice(0).filter(isAlive)).toEqual([]);
});

const keepPid = (event: WorkerEvent): void => {
  if (event.kind === 'started') pids.push(event.pid);
};

async function worker(body: string, options: Partial<WorkerOptions> = {}): Promise<Watched> {
  const onEvent = (event: WorkerEvent): void => {
    keepPid(event);
    options.onEvent?.(event);
  };
  const made = await watched({ entry: scripts.entry(body), ...options, onEvent });
  open.push(made.bench);
  return made;
}

const states = (rows: readonly (Samples | Row | null)[]): string[] =>
  rows.map((row) => (row === null ? 'right' : 'ms' in row ? 'timed' : row.state));

const SHORT = { firstRunMs: 10, driverMs: 1000 };

/** The deadline of a first run passes as soon as a configuration with this C comes to the stage. */
function passing(C: number, stage: string): Pick<WorkerOptions, 'clock' | 'onEvent' | 'timeouts'> {
  const clock = new ManualClock();
  const onEvent = (event: WorkerEvent): void => {
    if (event.kind === 'stage' && event.stage === stage && event.configs.some((c) => c.C === C))
      queueMicrotask(() => clock.advance(SHORT.firstRunMs));
  };
  return { clock, onEvent, timeouts: SHORT };
}

describe('when a process ends', () => {
  const ends: readonly (readonly [what: string, why: RegExp, state?: string])[] = [
    ['process.exit(3)', /ended with status 3/],
    ['await crash()', /died of SIGSEGV/],
    ["console.error('no memory for the heap'); process.exit(1)", /status 1: no memory for the heap/],
    ["console.error('JavaScript heap out of memory'); process.exit(134)", /ran out of memory/, 'memory'],
    ["process.send({ id: 1, stage: 'nowhere' })", /no answer/],
    ["process.send('?')", /no answer/],
    ["await answer({ kind: 'sampled', results: [] }); await never()", /no answer/],
    ["await answer({ kind: 'prepared', row: { config: 5 } }); await never()", /no answer/],
  ];
  test.each(ends.map(([what, why, state = 'crash']) => [what, why, state] as const))(
    '%s: a row that says why, and the next one is measured',
    async (what, why, state) => {
      const { bench, events } = await worker(
        `on('prepare', async ({ config }, at, answer) => {
        await at('check');
        if (config.C === 8) { ${what} } else await answer(row(config));
      });`,
      );
      const rows = await Promise.all([bench.prepare(config(8)), bench.prepare(config(16))]);
      expect(states(rows)).toEqual([state, 'open']);
      expect(rows[0]?.why).toMatch(why);
      expect(events.filter((e) => e.kind === 'replaced')).toHaveLength(1);
    },
  );

  test('what ran on the device is to blame, not what was compiled meanwhile', async () => {
    const { bench } = await worker(`
      const met = [];
      on('prepare', async ({ config }, at, answer) => {
        await at(config.C === 8 ? 'check' : 'driver');
        if (life > 1) return answer(row(config));
        if (met.push(config.C) === 2) crash();
      });`);
    const rows = await Promise.all([bench.prepare(config(8)), bench.prepare(config(16))]);
    expect(states(rows)).toEqual(['crash', 'open']);
  });

  test('where anything may be to blame, each is tried on its own', async () => {
    const { bench, pids } = await worker(`
      let met = 0;
      on('prepare', async ({ config }, at, answer) => {
        await at('driver');
        if (life === 1) return ++met === 3 ? crash() : never();
        if (config.C === 16) return crash();
        await answer({ ...row(config), launchMs: ++met });
      });`);
    const rows = await Promise.all([8, 16, 32].map((C) => bench.prepare(config(C))));
    expect(states(rows)).toEqual(['open', 'crash', 'open']);
    expect(pids()).toHaveLength(3);
  });

  test('a lost device is the fault of the one that says so', async () => {
    const { bench, events } = await worker(`
      const met = [];
      on('prepare', async ({ config }, at, answer) => {
        await at('check');
        if (life > 1) return answer(row(config));
        met.push(() => answer({ ...row(config), row: { config, state: 'lost', why: 'fell off the bus' }, launchMs: null }, true));
        if (met.length === 2) await met[0]();
      });`);
    const rows = await Promise.all([bench.prepare(config(8)), bench.prepare(config(16))]);
    expect(rows).toMatchObject([{ state: 'lost', why: 'fell off the bus' }, { state: 'open' }]);
    expect(events.filter((e) => e.kind === 'replaced')).toMatchObject([{ state: 'lost', why: 'fell off the bus' }]);
  });

  test('timed together, each is timed alone afterwards', async () => {
    const { bench } = await worker(`
      on('sample', async ({ configs }, at, answer) => {
        await at('time');
        if (configs.some(({ C }) => C === 16)) return crash();
        await answer({ kind: 'sampled', results: configs.map(() => ({ ms: [configs.length], how: 'timestamp' })) });
      });`);
    const results = await bench.sample([8, 16, 32].map(config), 4);
    expect(states(results)).toEqual(['timed', 'crash', 'timed']);
    expect(results[0]).toEqual({ ms: [1], how: 'timestamp' });
    expect(states(await bench.sample([config(8), config(32)], 4))).toEqual(['timed', 'timed']);
  });

  test('timing that fails without an end is repeated one by one too', async () => {
    const { bench, pids } = await worker(`
      on('sample', ({ configs }, at, answer) => answer(configs.length > 1
        ? { kind: 'sampled', results: null }
        : { kind: 'sampled', results: [configs[0].C === 8 ? { config: configs[0], state: 'error', why: 'no' } : { ms: [1], how: 'host' }] }));`);
    expect(states(await bench.sample([config(8), config(16)], 1))).toEqual(['error', 'timed']);
    expect(pids()).toHaveLength(1);
  });

  test('a worker that is killed at any moment: what it had is done by another', async () => {
    const entry = scripts.entry(`
      on('prepare', async ({ config }, at, answer) => {
        for (const stage of ['compile', 'driver', 'waiting', 'check']) await at(stage);
        await answer(row(config));
      });`);
    const moments = fc.uniqueArray(fc.nat({ max: 40 }), { minLength: 1, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(moments, async (kills) => {
        let count = 0;
        let pid = 0;
        const { bench, pids } = await watched({
          entry,
          onEvent: (event) => {
            if (event.kind === 'started') pid = event.pid;
            else if (kills.includes(count++) && isAlive(pid)) process.kill(pid, 'SIGKILL');
          },
        });
        const rows = await Promise.all([8, 16, 32, 64, 128].map((C) => bench.prepare(config(C))));
        const states = rows.map((row) => row.state);
        expect(states.filter((s) => s !== 'open' && s !== 'crash')).toEqual([]);
        expect(states.filter((s) => s === 'crash').length).toBeLessThanOrEqual(kills.length);
        await bench.close();
        expect(pids().filter(isAlive)).toEqual([]);
      }),
      { numRuns: 8 },
    );
  });
});

describe('deadlines', () => {
  test('of a launch: the process is killed, what was compiled meanwhile is not lost', async () => {
    const { bench, pids } = await worker(
      `on('prepare', async ({ config }, at, answer) => {
        await at(config.C === 8 ? 'check' : 'driver');
        if (life > 1) await answer(row(config));
      });`,
      passing(8, 'check'),
    );
    const rows = await Promise.all([bench.prepare(config(16)), bench.prepare(config(8))]);
    expect(states(rows)).toEqual(['open', 'hang']);
    expect(rows[1]?.why).toMatch(/the launches that check its outputs did not end/);
    expect(pids().map(isAlive)).toEqual([false, true]);
  });

  test('of a process that says nothing', async () => {
    const clock = new ManualClock();
    const { bench } = await worker("on('prepare', () => {});", { clock });
    const row = bench.prepare(config(8));
    clock.advance(1e9);
    expect(await row).toMatchObject({ state: 'hang', why: 'the process does not answer' });
  });

  test('of opening a device', async () => {
    const clock = new ManualClock();
    const onEvent = ({ kind }: WorkerEvent): void => {
      if (kind === 'stage') queueMicrotask(() => clock.advance(1e9));
    };
    const opening = worker("on('open', (request, at) => at('open'));", { clock, onEvent });
    await expect(opening).rejects.toThrow(/LAC0925.*opening the device did not end/s);
  });

  test('of ending: killed where it does not', async () => {
    const clock = new ManualClock();
    let busy = (): void => {};
    const isBusy = new Promise<void>((resolve) => {
      busy = resolve;
    });
    const onEvent = (event: WorkerEvent): void => void (event.kind === 'stage' && event.configs.length > 0 && busy());
    const body = "on('prepare', async (request, at) => { await at('check'); for (;;) Math.random(); });";
    const { bench, pids } = await worker(body, { clock, onEvent });
    const row = bench.prepare(config(8));
    await isBusy;
    const closing = bench.close();
    clock.advance(500);
    await closing;
    await expect(row).rejects.toThrow('was closed');
    await expect(bench.sample([config(8)], 1)).rejects.toThrow('was closed');
    expect(pids().map(isAlive)).toEqual([false]);
  });
});

describe('when nothing can go on', () => {
  test('one after the other ends it in the same way, and none ever worked', async () => {
    const { bench, pids } = await worker(
      "on('prepare', async (request, at) => { await at('check'); process.exit(3); });",
    );
    const rows: Row[] = [];
    for (const C of [8, 16, 32, 64]) rows.push(await bench.prepare(config(C)));
    const last = [bench.prepare(config(128)), bench.prepare(config(8))];
    expect(states([...rows, await (last[0] as Promise<Row>)])).toEqual(Array(5).fill('crash'));
    await expect(last[1]).rejects.toThrow(/LAC0925.*status 3/s);
    expect(pids()).toHaveLength(5);
  });

  test('a reference that ends the process, on a device that nobody named', async () => {
    const opening = worker("on('open', async (request, at) => { await at('reference'); process.exit(0); });", {
      device: '',
    });
    await expect(opening).rejects.toMatchObject({
      diagnostics: [
        {
          message: 'the worker cannot go on: opening it: the process ended with status 0',
          help: [{ text: 'lac run shows what the device says by itself' }],
        },
      ],
    });
  });

  test('a device that does not open again', async () => {
    const { bench, pids } = await worker(`
      if (life > 1) process.exit(9);
      on('prepare', async ({ config }, at, answer) => {
        await at('check');
        return config.C === 8 ? crash() : answer(row(config));
      });`);
    expect((await bench.prepare(config(16))).state).toBe('open');
    const rows = [bench.prepare(config(8)), bench.prepare(config(32))];
    expect((await rows[0])?.state).toBe('crash');
    await expect(rows[1]).rejects.toThrow(/LAC0925.*status 9/s);
    expect(pids()).toHaveLength(3);
  });

  test('what a child says against the problem is thrown as it is', async () => {
    const failure =
      "{ message: 'LAC0904: no', diagnostics: [{ code: 'LAC0904', severity: 'error', message: 'no', span: null, labels: [], help: [] }] }";
    const opening = worker(`on('open', (r, at, answer) => answer({ kind: 'failed', failure: ${failure} }, true));`);
    await expect(opening).rejects.toThrow(LacError);
  });
});

describe('what a listener throws', () => {
  const body = `
    on('prepare', async ({ config }, at, answer) => {
      await at('check');
      if (config.C === 8) return crash();
      return config.C === 32 ? answer(row(config)) : never();
    });`;
  const throwing = (when: (event: WorkerEvent) => boolean): Pick<WorkerOptions, 'onEvent'> => ({
    onEvent: (event) => {
      if (when(event)) throw new Error(`no more of ${event.kind}`);
    },
  });
  let started = 0;
  beforeEach(() => {
    started = 0;
  });

  test('before the device is open is thrown by opening it', async () => {
    await expect(
      worker(
        body,
        throwing(({ kind }) => kind === 'started'),
      ),
    ).rejects.toThrow('no more of started');
  });

  test.each<readonly [string, (event: WorkerEvent) => boolean, string]>([
    ['at a stage', (e) => e.kind === 'stage' && e.configs.some(({ C }) => C === 16), 'stage'],
    ['at the end of a process', ({ kind }) => kind === 'replaced', 'replaced'],
    ['at the beginning of the next', ({ kind }) => kind === 'started' && ++started > 1, 'started'],
  ])('%s is thrown to all who wait, and no process is left', async (_, when, kind) => {
    const { bench, pids } = await worker(body, throwing(when));
    const rows = await Promise.allSettled([32, 8, 16, 64].map((C) => bench.prepare(config(C))));
    const reasons = rows.flatMap((row) => (row.status === 'rejected' ? [row.reason] : []));
    expect(reasons.length).toBeGreaterThan(1);
    for (const reason of reasons) expect(reason).toEqual(new Error(`no more of ${kind}`));
    await expect(bench.sample([config(32)], 1)).rejects.toThrow(`no more of ${kind}`);
    await bench.close();
    expect(pids().filter(isAlive)).toEqual([]);
  });
});

describe('several devices', () => {
  /** Until all have joined, or are known not to. */
  async function openTogether(devices: readonly string[], options: Omit<WorkerOptions, 'device'>): Promise<OpenBench> {
    let waiting = devices.length - 1;
    let done = (): void => {};
    const met = new Promise<void>((resolve) => {
      done = resolve;
    });
    const onEvent = (event: WorkerEvent): void => {
      keepPid(event);
      options.onEvent?.(event);
      if ((event.kind === 'joined' || event.kind === 'absent') && --waiting === 0) done();
    };
    const bench = await openWorkers(devices, { ...options, onEvent });
    open.push(bench);
    await met;
    return bench;
  }

  const named =
    "on('open', ({ device: name }, at, answer) => answer({ kind: 'ready', device: { ...device, name: name.split(':')[0] }, known: { dims: {}, reduced: nothing, full: nothing } }));";

  test('share what is to be compiled; one of them times', async () => {
    const events: WorkerEvent[] = [];
    const onEvent = (event: WorkerEvent): void => {
      keepPid(event);
      events.push(event);
    };
    const entry = scripts.entry(`${named}
      on('prepare', async ({ config }, at, answer) => { await at('check'); await answer(row(config)); });
      on('sample', async ({ configs }, at, answer) => { await at('time'); await answer({ kind: 'sampled', results: configs.map(() => ({ ms: [1], how: 'host' })) }); });`);
    const bench = await openTogether(['x:0', 'x:1'], { problem: problem(), entry, onEvent });
    expect(bench.ahead).toBe(4);
    await Promise.all([8, 16, 32, 64].map((C) => bench.prepare(config(C))));
    await bench.sample([8, 16, 32, 64].map(config), 1);
    const at = (stage: string): string[] =>
      events.flatMap((e) => (e.kind === 'stage' && e.stage === stage ? [e.device] : []));
    expect(at('check').sort()).toEqual(['x:0', 'x:0', 'x:1', 'x:1']);
    expect(at('time')).toEqual(['x:0']);
  });

  test('of another kind takes no part, and its process is gone', async () => {
    const events: WorkerEvent[] = [];
    const entry = scripts.entry(`${named} on('prepare', ({ config }, at, answer) => answer(row(config)));`);
    const bench = await openTogether(['x:0', 'y:0'], { problem: problem(), entry, onEvent: (e) => events.push(e) });
    expect(events.at(-1)).toEqual({ kind: 'absent', device: 'y:0', why: 'it is y, and x:0 is x' });
    expect(pids.filter(isAlive)).toHaveLength(1);
    expect(bench.ahead).toBe(2);
    expect(states(await Promise.all([8, 16].map((C) => bench.prepare(config(C)))))).toEqual(['open', 'open']);
  });

  const WITH_NAME = `let which = '';
    on('open', ({ device: name }, at, answer) => {
      which = name;
      return answer({ kind: 'ready', device: { ...device, name: 'x' }, known: { dims: {}, reduced: nothing, full: nothing } });
    });`;

  test('that cannot open is done without', async () => {
    const events: WorkerEvent[] = [];
    const entry = scripts.entry(`on('open', ({ device: name }, at, answer) => {
        if (name === 'x:1') process.exit(4);
        return answer({ kind: 'ready', device: { ...device, name: 'x' }, known: { dims: {}, reduced: nothing, full: nothing } });
      });
      on('prepare', ({ config }, at, answer) => answer(row(config)));`);
    const bench = await openTogether(['x:0', 'x:1'], { problem: problem(), entry, onEvent: (e) => events.push(e) });
    expect(events.at(-1)).toMatchObject({ kind: 'absent', device: 'x:1', why: expect.stringContaining('status 4') });
    expect(states(await Promise.all([8, 16, 32].map((C) => bench.prepare(config(C)))))).toEqual(Array(3).fill('open'));
  });

  test('that cannot go on is done without: what it had goes to the first', async () => {
    const events: WorkerEvent[] = [];
    const entry = scripts.entry(`${WITH_NAME}
      on('prepare', ({ config }, at, answer) => (which === 'x:1' ? process.exit(5) : answer(row(config))));`);
    const bench = await openTogether(['x:0', 'x:1'], { problem: problem(), entry, onEvent: (e) => events.push(e) });
    const rows = await Promise.all(Array.from({ length: 20 }, (_, i) => bench.prepare(config(i + 1))));
    // Five ends say that it is the device. Configurations that were alone there may have been the reason.
    const crashed = states(rows).filter((state) => state === 'crash').length;
    expect(crashed).toBeLessThanOrEqual(5);
    expect(states(rows).filter((state) => state === 'open')).toHaveLength(20 - crashed);
    const absent = events.filter(({ kind }) => kind === 'absent');
    expect(absent).toEqual([{ kind: 'absent', device: 'x:1', why: expect.stringContaining('status 5') }]);
    expect(states([await bench.prepare(config(99))])).toEqual(['open']);
  });

  test('what is closed before the others are there leaves no process, and says nothing of them', async () => {
    const kinds: string[] = [];
    const bench = await openWorkers(['x:0', 'x:1'], {
      problem: problem(),
      entry: scripts.entry(WITH_NAME),
      onEvent: (event) => {
        keepPid(event);
        kinds.push(event.kind);
      },
    });
    await bench.close();
    expect(pids.filter(isAlive)).toEqual([]);
    expect(kinds).not.toContain('absent');
  });

  test('a name stands for itself, and cuda for the GPUs like the first', async () => {
    expect(await devicesOf('cuda:1')).toEqual(['cuda:1']);
    const gpus = async () => ['H100', 'L4', 'H100'].map((name) => ({ name, sm: name === 'L4' ? 89 : 90 }));
    expect(await devicesOf('cuda', gpus)).toEqual(['cuda:0', 'cuda:2']);
    expect(await devicesOf('webgpu:software')).toEqual(['webgpu:software']);
  });
});
