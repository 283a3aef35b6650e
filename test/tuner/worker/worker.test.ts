import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Row, Samples } from '../../../tuner/types.js';
import type { OpenBench } from '../../../tuner/worker/pool.js';
import type { WorkerEvent, WorkerOptions } from '../../../tuner/worker/worker.js';
import { Children, config, isAlive, isGone, ManualClock, problem, type Watched, watched } from './children.js';
import type { Faults } from './faults.js';

let children: Children;
let server: Server;
beforeAll(async () => {
  children = new Children();
  server = createServer().listen(children.path('gone'));
  await once(server, 'listening');
});
afterAll(() => {
  server.close();
  children.remove();
});

const open: OpenBench[] = [];
const pids: number[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((bench) => bench.close()));
  expect(pids.splice(0).filter(isAlive)).toEqual([]);
});

async function worker(faults: Faults, options: Partial<WorkerOptions> = {}): Promise<Watched> {
  const made = await watched({
    entry: children.entry(faults),
    ...options,
    onEvent: (event) => {
      if (event.kind === 'started') pids.push(event.pid);
      options.onEvent?.(event);
    },
  });
  open.push(made.bench);
  return made;
}

/** Deadlines pass as soon as configuration C comes to a stage. */
function passing(C: number, stage: string): Pick<WorkerOptions, 'clock' | 'onEvent'> {
  const clock = new ManualClock();
  const onEvent = (event: WorkerEvent): void => {
    if (event.kind === 'stage' && event.stage === stage && event.configs.some((c) => c.C === C))
      queueMicrotask(() => clock.advance(1e9));
  };
  return { clock, onEvent };
}

const states = (rows: readonly (Samples | Row | null)[]): string[] =>
  rows.map((row) => (row === null ? 'right' : 'ms' in row ? 'timed' : row.state));

const NOTHING = { sharedBytes: 0, threads: 1 };

describe('a worker', () => {
  test('compiles, checks and times; wrong configurations are rows, and harm no other', async () => {
    const { bench, pids } = await worker({ 8: 'wrong', 16: 'outside', 32: 'late', 128: 'slow' });
    expect(bench.device.backend).toBe('interpret');
    expect(bench.ahead).toBe(0);
    const rows = await Promise.all([8, 16, 32, 64, 128].map((C) => bench.prepare(config(C))));
    expect(states(rows)).toEqual(['wrong', 'wrong', 'open', 'open', 'open']);
    expect(rows[0]?.why).toMatch(/y: relative RMSE .* is 3 and not .*, at M=3,N=70/);
    expect(rows[0]?.rmse).toBeGreaterThan(0.1);
    expect(rows[1]?.why).toMatch(/wrote 4 bytes before y/);
    expect(rows.slice(2)).toMatchObject(
      [9, 6, 3].map((programs) => ({ rmse: 0, resources: { ...NOTHING, programs } })),
    );
    expect(rows.slice(2).every((row) => (row.compileMs ?? 0) > 0)).toBe(true);
    // Ctrl-C is for the tuner.
    for (const pid of pids()) process.kill(pid, 'SIGINT');
    const samples = await bench.sample([8, 32, 64].map(config), 3);
    expect(states(samples)).toEqual(['wrong', 'timed', 'timed']);
    const ms = samples.flatMap((s) => ('ms' in s ? s.ms : []));
    expect(ms.length).toBeGreaterThan(1);
    expect(ms.every((x) => x > 0)).toBe(true);
    // A launch that took long when it was checked is not launched again, and its outputs are still there.
    expect(await bench.sample([config(128)], 3, 1)).toMatchObject([{ ms: [expect.any(Number)], how: 'host' }]);
    expect(await bench.recheck(config(128))).toBeNull();
    expect(states(await bench.sample([config(64)], 1))).toEqual(['timed']);
    // 32 is wrong from now on.
    expect(states([await bench.recheck(config(64)), await bench.recheck(config(32))])).toEqual(['right', 'wrong']);
    expect(states(await bench.sample([config(32)], 1))).toEqual(['wrong']);
    expect(pids()).toHaveLength(1);
    await bench.close();
    await expect(bench.prepare(config(8))).rejects.toThrow('was closed');
  });

  test('is replaced when it crashes, blocks, is out of memory, or crashes in timing', async () => {
    const faults = { 8: 'segfault', 16: 'block', 32: 'memory', 64: 'timing crashes' } as const;
    const { bench, events, pids } = await worker(faults, passing(16, 'check'));
    const rows = await Promise.all([8, 16, 32, 64, 128].map((C) => bench.prepare(config(C))));
    expect(states(rows)).toEqual(['crash', 'hang', 'memory', 'open', 'open']);
    expect(rows.map((row) => row.why)).toMatchObject([
      /SIGSEGV/,
      /did not end/,
      /no memory is left/,
      undefined,
      undefined,
    ]);
    expect(states(await bench.sample([config(64)], 1))).toEqual(['crash']);
    const replaced = events.flatMap((e) => (e.kind === 'replaced' ? [e.state] : []));
    expect(replaced).toEqual(['crash', 'hang', 'memory', 'crash']);
    expect(pids().map(isAlive)).toEqual([false, false, false, false, true]);
  });

  test('that cannot have its problem is an error, and leaves no process', async () => {
    await expect(worker({}, { problem: { ...problem(), kernel: 'triple' } })).rejects.toThrow('LAC0904');
  });
});

test('sizes that do not belong together are not held against configurations', async () => {
  const { bench } = await worker({}, { problem: { ...problem({ N: 64, P: 32 }), kernel: 'halves' } });
  expect(states([await bench.prepare({ C: 8 }), await bench.prepare({ C: 16 })])).toEqual(['open', 'open']);
});

describe('at sizes that no reference is asked for', () => {
  const large = problem({ M: 40, N: 1000 });

  test('each is looked at there too, and compared with one that was right; one that came first and was not is outvoted', async () => {
    const unfit = { 128: 'wrong', 256: 'large unwritten', 512: 'large outside' } as const;
    const { bench, pids } = await worker({ 16: 'large', 64: 'exit', ...unfit }, { problem: large });
    const out: Row[] = [];
    for (const C of [128, 256, 512]) out.push(await bench.prepare(config(C)));
    expect(out).toMatchObject([
      { state: 'wrong', why: expect.stringMatching(/^y: relative RMSE/) },
      { state: 'wrong', why: 'y has elements that are NaN, or were never written, at M=40,N=1000' },
      { state: 'wrong', why: expect.stringMatching(/wrote 4 bytes before y/) },
    ]);
    const rows: Row[] = [];
    for (const C of [16, 8, 32, 64]) rows.push(await bench.prepare(config(C)));
    expect(states(rows)).toEqual(['open', 'open', 'open', 'crash']);
    // The new child is told which outputs were right.
    const wrong = await bench.recheck(config(16));
    expect(wrong).toMatchObject({ state: 'wrong' });
    expect(wrong?.why).toMatch(/compared with C=8,warps=1/);
    expect(pids()).toHaveLength(2);
  });
});

describe('on the software driver', () => {
  test('configurations are checked and timed, also after a process has ended', async () => {
    const { bench } = await worker({ 16: 'segfault', 32: 'unwritten' }, { device: 'webgpu:software' });
    const rows = await Promise.all([8, 16, 32].map((C) => bench.prepare(config(C))));
    expect(states(rows)).toEqual(['open', 'crash', 'wrong']);
    expect(rows[0]?.resources).toMatchObject({ threads: 32, programs: 27 });
    expect(rows[2]?.why).toMatch(/is NaN and not/);
    expect(states(await bench.sample([config(8)], 2))).toEqual(['timed']);
    expect(await bench.recheck(config(8))).toBe(null);
  });
});

/** Connects before anything else is loaded, then blocks in the first launch of C=8, where no message can reach it. */
const child = (): URL =>
  children.bare(`
    import { connect } from 'node:net';
    connect(${JSON.stringify(children.path('gone'))});
    const { serve } = await import(${JSON.stringify(moduleOf('tuner/worker/serve.js'))});
    const { faulty } = await import(${JSON.stringify(moduleOf('test/tuner/worker/faults.js'))});
    const { openDevice } = await import(${JSON.stringify(moduleOf('runtime/index.js'))});
    serve(faulty(openDevice, { 8: 'block' }));`);

const moduleOf = (name: string): string => children.url(name);

/** A tuner that prints what its worker does; `end` after so many lines. */
function tuner(end: string, after: number): ChildProcess {
  const options = JSON.stringify({ device: 'interpret', problem: problem() });
  const program = children.bare(`
    const pool = await import(${JSON.stringify(moduleOf('tuner/worker/pool.js'))});
    let lines = 0;
    const onEvent = (event) => {
      console.log(event.kind === 'started' ? 'pid ' + event.pid : event.stage);
      if (++lines === ${after}) { ${end} }
    };
    const bench = await pool.openWorker({ ...${options}, entry: new URL(${JSON.stringify(child().href)}), onEvent });
    await bench.prepare({ C: 16, warps: 1 });
    await bench.prepare({ C: 8, warps: 1 });`);
  return spawn(process.execPath, [fileURLToPath(program)], { stdio: ['ignore', 'pipe', 'inherit'] });
}

/** The tuner is killed by us when it says this, or ends by itself. The process of its worker. */
async function ended(parent: ChildProcess, when: (line: string) => boolean): Promise<number> {
  const connection = once(server, 'connection') as Promise<[Socket]>;
  let pid = 0;
  const over = once(parent, 'exit');
  for await (const line of createInterface({ input: parent.stdout as NodeJS.ReadableStream })) {
    if (line.startsWith('pid ')) pid = Number(line.slice(4));
    if (when(line)) parent.kill('SIGKILL');
  }
  await over;
  const [socket] = await connection;
  socket.resume();
  if (!socket.closed) await once(socket, 'close');
  return pid;
}

describe('no process is left', () => {
  test('when the tuner is killed while the worker is loading', async () => {
    expect(await isGone(await ended(tuner('', 0), (line) => line.startsWith('pid ')))).toBe(true);
  });

  test('when the tuner is killed while the worker is caught in a call that never returns', async () => {
    let checks = 0;
    const pid = await ended(tuner('', 0), (line) => line === 'check' && ++checks === 2);
    expect(await isGone(pid)).toBe(true);
  });

  test('when the tuner exits without a word', async () => {
    expect(await isGone(await ended(tuner('process.exit(0);', 5), () => false))).toBe(true);
  });
});
