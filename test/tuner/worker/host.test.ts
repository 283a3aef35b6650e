import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import type { Row, Samples } from '../../../tuner/types.js';
import { type BenchOptions, type HostOptions, WorkerHost } from '../../../tuner/worker/host.js';
import type { OpenBench } from '../../../tuner/worker/pool.js';
import type { WorkerEvent } from '../../../tuner/worker/worker.js';
import { Children, config, isAlive, isGone, ManualClock, problem } from './children.js';
import { Scripts } from './scripted.js';

const scripts = new Scripts();
const children = new Children();
const hosts: WorkerHost[] = [];
const pids: number[] = [];
afterEach(async () => {
  await Promise.all(hosts.splice(0).map((host) => host.close()));
  expect(pids.splice(0).filter(isAlive)).toEqual([]);
});
afterAll(() => {
  scripts.remove();
  children.remove();
});

interface Hosted {
  readonly host: WorkerHost;
  /** Processes of workers and of compilers, in the order of their start. */
  readonly started: number[];
  readonly compilers: number[];
  readonly events: WorkerEvent[];
  open(options?: Partial<BenchOptions>): Promise<OpenBench>;
}

function hosted(options: HostOptions, devices: readonly string[] = ['interpret']): Hosted {
  const host = new WorkerHost(devices, { clock: new ManualClock(), compilers: 0, ...options });
  hosts.push(host);
  const made = { host, started: [] as number[], compilers: [] as number[], events: [] as WorkerEvent[] };
  const open = (more: Partial<BenchOptions> = {}): Promise<OpenBench> =>
    host.open({
      problem: problem(),
      ...more,
      onEvent: (event) => {
        if (event.kind === 'started') made.started.push(event.pid);
        if (event.kind === 'compiler' && !event.isReady) made.compilers.push(event.pid);
        if (event.kind === 'started' || event.kind === 'compiler') pids.push(event.pid);
        made.events.push(event);
        more.onEvent?.(event);
      },
    });
  return { ...made, open };
}

const states = (rows: readonly (Samples | Row | null)[]): string[] =>
  rows.map((row) => (row === null ? 'right' : 'ms' in row ? 'timed' : row.state));

describe('one problem after another', () => {
  /** Says how many problems its process has had, and what it was told of this one. */
  const COUNTING = `
    let count = 0;
    on('open', ({ problem, known, trusted }, at, answer) => {
      told = [++count, problem.dims.N, known, trusted];
      return answer({ kind: 'ready', device, known: { dims: {}, reduced: nothing, full: nothing } });
    });
    let told;
    on('prepare', ({ config }, at, answer) => answer(row(config, { why: JSON.stringify(told) })));`;

  test('is served by one process, which hears nothing of the one before', async () => {
    const { open, started, host } = hosted({ entry: scripts.entry(COUNTING) });
    for (const N of [70, 80, 90]) {
      const bench = await open({ problem: problem({ M: 3, N }) });
      const { why } = await bench.prepare(config(8));
      expect(JSON.parse(why ?? '')).toEqual([N / 10 - 6, N, null, null]);
      await bench.close();
      await expect(bench.prepare(config(8))).rejects.toThrow('was closed');
      expect(isAlive(started[0] as number)).toBe(true);
    }
    expect(started).toHaveLength(1);
    await host.close();
    expect(started.filter(isAlive)).toEqual([]);
    await expect(open()).rejects.toThrow('was closed');
  });

  test('on several devices too', async () => {
    const { open, started } = hosted({ entry: scripts.entry(COUNTING) }, ['x:0', 'x:1']);
    for (const count of [1, 2]) {
      let joined = (): void => {};
      const both = new Promise<void>((resolve) => {
        joined = resolve;
      });
      const bench = await open({ onEvent: ({ kind }) => kind === 'joined' && joined() });
      await both;
      expect(bench.ahead).toBe(4);
      const rows = await Promise.all([bench.prepare(config(8)), bench.prepare(config(16))]);
      for (const { why } of rows) expect(JSON.parse(why ?? '')[0]).toBe(count);
      await bench.close();
    }
    expect(started).toHaveLength(2);
  });

  test('opening another ends the one before', async () => {
    const { open, started } = hosted({ entry: scripts.entry(COUNTING) });
    const first = await open();
    const second = await open();
    await expect(first.prepare(config(8))).rejects.toThrow('was closed');
    expect(JSON.parse((await second.prepare(config(8))).why ?? '')[0]).toBe(2);
    await first.close();
    expect(states([await second.prepare(config(16))])).toEqual(['open']);
    expect(started).toHaveLength(1);
  });

  test('the last leaves no process', async () => {
    const { open, started } = hosted({ entry: scripts.entry(COUNTING) });
    await (await open()).close();
    await (await open({ isLast: true })).close();
    expect(started.map(isAlive)).toEqual([false]);
  });
});

describe('a process is not used again', () => {
  test('that has crashed: the one in its place is', async () => {
    const { open, started } = hosted({
      entry: scripts.entry(`
        on('prepare', async ({ config }, at, answer) => {
          await at('check');
          await (config.C === 8 ? crash() : answer(row(config)));
        });`),
    });
    const first = await open();
    expect(states([await first.prepare(config(8)), await first.prepare(config(16))])).toEqual(['crash', 'open']);
    await first.close();
    expect(states([await (await open()).prepare(config(16))])).toEqual(['open']);
    expect(started.map(isAlive)).toEqual([false, true]);
  });

  const LEAVES: readonly (readonly [what: string, prepare: string, leave: string, ms?: number])[] = [
    ['that does not leave', 'await answer(row(config))', 'never()', 1000],
    ['that blocks', "await at('check'); for (;;) Math.random()", 'never()', 1000],
    ['that says it is unfit', 'await answer(row(config))', "answer({ kind: 'left' }, true)"],
    [
      'that cannot leave',
      'await answer(row(config))',
      "answer({ kind: 'failed', failure: { message: '', diagnostics: [] } })",
    ],
    ['that says something else', 'await answer(row(config))', "send('?')"],
    ['that ends when it should leave', 'await answer(row(config))', 'process.exit(0)'],
  ];
  test.each(LEAVES.map(([what, prepare, leave, ms = 0]) => ({ what, prepare, leave, ms })))(
    '$what',
    async ({ prepare, leave, ms }) => {
      const clock = new ManualClock();
      const { open, started } = hosted({
        clock,
        entry: scripts.entry(`
        on('prepare', async ({ config }, at, answer) => { ${prepare} });
        on('leave', (request, at, answer) => ${leave});`),
      });
      let isAt = (): void => {};
      const stage = new Promise<void>((resolve) => {
        isAt = resolve;
      });
      const bench = await open({ onEvent: (event) => event.kind === 'stage' && isAt() });
      const row = bench.prepare(config(8));
      await Promise.race([stage, row]);
      const closing = bench.close();
      clock.advance(ms);
      await closing;
      expect(started.map(isAlive)).toEqual([false]);
      await open();
      expect(started).toHaveLength(2);
    },
  );

  test('that died while it had nothing to do', async () => {
    const { open, started } = hosted({ entry: scripts.entry('') });
    await (await open()).close();
    process.kill(started[0] as number, 'SIGKILL');
    expect(await isGone(started[0] as number)).toBe(true);
    await open();
    expect(started).toHaveLength(2);
  });

  test('that speaks unasked', async () => {
    const { open, started } = hosted({
      entry: scripts.entry(
        "on('leave', (request, at, answer) => answer({ kind: 'left' }).then(() => send({ id: 1, stage: 'time' })));",
      ),
    });
    await (await open()).close();
    expect(await isGone(started[0] as number)).toBe(true);
    await open();
    expect(started).toHaveLength(2);
  });

  test('that cannot have the next problem, where a fresh one can', async () => {
    const ready = "answer({ kind: 'ready', device, known: { dims: {}, reduced: nothing, full: nothing } })";
    const { open, started } = hosted({
      entry: scripts.entry(`
        let count = 0;
        on('open', (request, at, answer) => ++count === 1 ? ${ready}
          : answer({ kind: 'failed', failure: { message: 'no memory is left', diagnostics: [] } }, true));`),
    });
    await (await open()).close();
    expect(states([await (await open()).prepare(config(8))])).toEqual(['open']);
    expect(started.map(isAlive)).toEqual([false, true]);
  });

  test('once all is to end', async () => {
    const abort = new AbortController();
    const { open, started, host } = hosted({ entry: scripts.entry("on('leave', () => {});"), signal: abort.signal });
    const bench = await open();
    const closing = bench.close();
    abort.abort();
    await closing;
    expect(started.map(isAlive)).toEqual([false]);
    await host.close();
  });

  test('closed while it opens: whoever waits hears of it', async () => {
    const { open, started, host } = hosted({ entry: scripts.entry("on('open', (request, at) => at('reference'));") });
    const opening = open({ onEvent: (event) => event.kind === 'stage' && void host.close() });
    await expect(opening).rejects.toThrow('was closed');
    await host.close();
    expect(started.map(isAlive)).toEqual([false]);
  });
});

describe('a real worker', () => {
  /** Whenever its device is synchronized it writes how many elements of tensors there are; that it does last as it leaves. */
  const counting = (file: string): URL =>
    children.program(`
      import { writeFileSync } from 'node:fs';
      let live = 0;
      serve(async (which) => {
        const device = await openDevice(which);
        const { allocate, synchronize } = device;
        return Object.assign(device, {
          allocate(dtype, elements) {
            const storage = allocate.call(device, dtype, elements);
            const { free } = storage;
            live += elements;
            storage.free = () => {
              if (!storage.freed) live -= elements;
              free.call(storage);
            };
            return storage;
          },
          synchronize() {
            writeFileSync(${JSON.stringify(file)}, String(live));
            return synchronize.call(device);
          },
        });
      });`);

  async function all(bench: OpenBench): Promise<unknown> {
    const rows = await Promise.all([8, 16, 32].map((C) => bench.prepare(config(C))));
    const timed = states(await bench.sample([config(16), config(32)], 2));
    return [rows.map(({ compileMs, ...row }) => row), timed, states([await bench.recheck(config(16))])];
  }

  test('says of the second problem what a fresh one says; it has given back the memory of the first', async () => {
    const file = children.path('live');
    const live = (): number => Number(readFileSync(file, 'utf8'));
    const { open, started } = hosted({ entry: counting(file) });
    const large = { problem: problem({ M: 40, N: 1000 }) };
    const first = await open();
    await all(first);
    expect(live()).toBeGreaterThan(0);
    const unfinished = Promise.allSettled([64, 128].map((C) => first.prepare(config(C))));
    await first.close();
    expect(live()).toBe(0);
    expect((await unfinished).map((row) => row.status)).toEqual(['rejected', 'rejected']);
    const kept = await all(await open(large));
    expect(started).toHaveLength(1);
    const fresh = await all(await hosted({ entry: children.entry({}) }).open(large));
    expect(kept).toEqual(fresh);
  });

  /** Its first launch runs out of memory, once the process has heard that it should leave. */
  const late = (launched: string): URL =>
    children.program(`
      import { writeFileSync } from 'node:fs';
      import { runtimeError } from ${JSON.stringify(children.url('runtime/errors.js'))};
      const told = new Promise((resolve) => {
        process.on('message', (message) => message.request?.kind === 'leave' && setImmediate(resolve));
      });
      serve(async (which) => Object.assign(await openDevice(which), {
        async launchAll() {
          writeFileSync(${JSON.stringify(launched)}, '');
          await told;
          throw runtimeError('LAC0706', 'no memory is left');
        },
      }));`);

  test('ends what it is at before it leaves, and is not used again where that makes it unfit', async () => {
    const launched = children.path('launched');
    const { open, started } = hosted({ entry: late(launched) });
    const bench = await open();
    const row = bench.prepare(config(8));
    while (!existsSync(launched)) await new Promise((resolve) => setImmediate(resolve));
    await bench.close();
    await expect(row).rejects.toThrow('was closed');
    expect(started.map(isAlive)).toEqual([false]);
  });
});

describe('compilers', () => {
  const WORKER = `
    on('open', ({ problem }, at, answer) =>
      answer({ kind: 'ready', device, known: { dims: { N: problem.dims.N / 2 }, reduced: nothing, full: nothing } }));
    on('prepare', ({ config, programs }, at, answer) => answer(row(config, { rmse: programs.length })));`;
  const count = (bench: OpenBench, C: number): Promise<number | undefined> =>
    bench.prepare(config(C)).then(({ rmse }) => rmse);

  /** Both of them are ready. */
  async function withCompilers(body: string): Promise<Hosted & { readonly first: OpenBench }> {
    const made = hosted({ entry: scripts.entry(WORKER), compilerEntry: scripts.compiler(body), compilers: 2 });
    let ready = 0;
    let bothReady = (): void => {};
    const areReady = new Promise<void>((resolve) => {
      bothReady = resolve;
    });
    const first = await made.open({
      onEvent: (event) => event.kind === 'compiler' && event.isReady && ++ready === 2 && bothReady(),
    });
    await areReady;
    return { ...made, first };
  }

  test('are asked at once for the next problem; what one is at for the last is nothing to it', async () => {
    const { first, open, compilers, events } = await withCompilers(`
      import { existsSync } from 'node:fs';
      const programs = (n) => Array(n).fill({ at: 0, key: 'a', made: {} });
      on.compile = async ({ C }) => {
        await at('compile');
        while (C === 8 && !existsSync(${JSON.stringify(scripts.path('go'))})) await new Promise(setImmediate);
        await done({ programs: programs(C), compileMs: 1 });
      };
      on.model = ({ C }) => send({ kind: 'modelled', modelled: { launch: { programs: C } } });`);
    const slow = first.prepare(config(8));
    expect(await count(first, 16)).toBe(16);
    await first.close();
    await expect(slow).rejects.toThrow('was closed');
    events.length = 0;
    const second = await open();
    expect(await second.model?.(config(32))).toEqual({ launch: { programs: 32 } });
    expect(await Promise.all([64, 128].map((C) => count(second, C)))).toEqual([64, 128]);
    writeFileSync(scripts.path('go'), '');
    await new Promise<void>((resolve) => {
      const look = (): unknown =>
        events.filter((e) => e.kind === 'compiler').length === 2 ? resolve() : setImmediate(look);
      look();
    });
    expect(await Promise.all([16, 32].map((C) => count(second, C)))).toEqual([16, 32]);
    const of = events.flatMap((e) => (e.kind === 'ahead' ? [e.config.C] : []));
    expect(of).not.toContain(8);
    expect(new Set(compilers).size).toBe(2);
  });

  test('are told the reduced sizes that the worker found for the next problem', async () => {
    const { first, open } = await withCompilers(`
      let reduced = { N: 0 };
      process.prependListener('message', ({ kind, commission, dims }) => {
        if (kind === 'begin') reduced = commission.reduced;
        if (kind === 'reduced') reduced = dims;
      });
      on.model = () => send({ kind: 'modelled', modelled: { launch: { programs: reduced?.N ?? 'usual' } } });`);
    const sizes = (bench: OpenBench): unknown => bench.model?.(config(8));
    expect(await sizes(first)).toEqual({ launch: { programs: 35 } });
    const second = await open({ problem: problem({ M: 3, N: 90 }) });
    expect(await sizes(second)).toEqual({ launch: { programs: 45 } });
  });
});
