import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { serialize } from 'node:v8';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { type MadeProgram, madeDuring } from '../../../driver/made-before.js';
import { prepare } from '../../../driver/prepare.js';
import { SourceProject } from '../../../driver/source.js';
import { layTensors } from '../../../driver/tensors.js';
import type { Row } from '../../../tuner/types.js';
import { compilersFor } from '../../../tuner/worker/compilers.js';
import type { OpenBench } from '../../../tuner/worker/pool.js';
import { UnbackedDevice } from '../../../tuner/worker/unbacked.js';
import type { WorkerEvent, WorkerOptions } from '../../../tuner/worker/worker.js';
import { Children, config, isAlive, isGone, ManualClock, problem, type Watched, watched } from './children.js';
import { Scripts } from './scripted.js';

const scripts = new Scripts();
const children = new Children();
afterAll(() => {
  scripts.remove();
  children.remove();
});

const open: OpenBench[] = [];
const pids: number[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((bench) => bench.close()));
  expect(pids.splice(0).filter(isAlive)).toEqual([]);
});

/** Says of each configuration how many programs came with it. */
const WORKER = `
  on('prepare', async ({ config, programs }, at, answer) => {
    await at('check');
    await answer(row(config, { compileMs: 1, rmse: programs.length }));
  });`;

interface Made extends Watched {
  /** Resolves when so many compilers have been ready. */
  ready(count: number): Promise<void>;
}

/** A worker whose compilers do as a script says; all of them are ready. */
async function withCompilers(body: string, options: Partial<WorkerOptions> = {}): Promise<Made> {
  const waiting = new Map<number, () => void>();
  let ready = 0;
  const { compilers = 2 } = options;
  const made = await watched({
    ...{ entry: scripts.entry(WORKER), compilerEntry: scripts.compiler(body), compilers },
    ...options,
    onEvent: (event) => {
      if (event.kind === 'started' || (event.kind === 'compiler' && !event.isReady)) pids.push(event.pid);
      if (event.kind === 'compiler' && event.isReady) waiting.get(++ready)?.();
      options.onEvent?.(event);
    },
  });
  open.push(made.bench);
  const until = (count: number): Promise<void> =>
    new Promise((resolve) => {
      waiting.set(count, resolve);
      if (ready >= count) resolve();
    });
  await until(compilers);
  return { ...made, ready: until };
}

const states = (rows: readonly Row[]): string[] => rows.map((row) => row.state);
const compiledBy = (events: readonly WorkerEvent[], C?: number): readonly number[] =>
  events.flatMap((e) =>
    e.kind === 'ahead' && e.stage === 'compile' && (C === undefined || e.config.C === C) ? [e.pid] : [],
  );

describe('what is compiled ahead', () => {
  test('comes to the worker with its configuration, and counts as compiling', async () => {
    const { bench, events } = await withCompilers(
      "on.compile = (config) => done({ programs: [{ at: 0, key: 'a', made: {} }], compileMs: 100 * config.C });",
    );
    expect(bench.ahead).toBe(4);
    const rows = await Promise.all([bench.prepare(config(8)), bench.prepare(config(16))]);
    expect(rows).toMatchObject([
      { config: config(8), state: 'open', rmse: 1, compileMs: 801 },
      { config: config(16), state: 'open', rmse: 1, compileMs: 1601 },
    ]);
    expect(events.flatMap((e) => (e.kind === 'ahead' && e.stage === 'done' ? [e.config.C] : [])).sort()).toEqual([
      16, 8,
    ]);
  });

  test('is compiled by several at once: one that takes long keeps no other', async () => {
    const { bench, events } = await withCompilers(
      "on.compile = async ({ C }) => { await at('compile'); await (C === 8 ? never() : done()); };",
    );
    const slow = bench.prepare(config(8));
    const rows = await Promise.all([16, 32, 64].map((C) => bench.prepare(config(C))));
    expect(states(rows)).toEqual(['open', 'open', 'open']);
    const [stuck] = compiledBy(events, 8);
    const others = [16, 32, 64].flatMap((C) => compiledBy(events, C));
    expect(others).toEqual([others[0], others[0], others[0]]);
    expect(others).not.toContain(stuck);
    await bench.close();
    await expect(slow).rejects.toThrow('was closed');
  });

  test('and is out, or unclear: the worker hears of the latter only', async () => {
    const { bench, events } = await withCompilers(
      "on.compile = (config) => done(config.C === 8 ? { row: { config, state: 'limit', why: 'too large' } } : null);",
    );
    const rows = await Promise.all([bench.prepare(config(8)), bench.prepare(config(16))]);
    expect(rows).toMatchObject([
      { state: 'limit', why: 'too large' },
      { state: 'open', rmse: 0, compileMs: 1 },
    ]);
    const checked = events.flatMap((e) => (e.kind === 'stage' && e.stage === 'check' ? e.configs : []));
    expect(checked).toEqual([config(16)]);
  });

  test('is what the worker runs', async () => {
    const { bench } = await withCompilers(
      `
      import { deserialize } from 'node:v8';
      on.compile = () => done({ programs: [deserialize(readFileSync(${JSON.stringify(scripts.path('program'))}))], compileMs: 1 });`,
      {
        entry: children.entry({}),
      },
    );
    // Blocks of 8 in place of those of 16: half of the elements are left out.
    const [small, large] = [programOf(8, bench.device), programOf(16, bench.device)];
    const made = { ...small.made, variant: { ...small.made.variant, config: config(16) } };
    writeFileSync(scripts.path('program'), serialize({ at: 0, key: large.key, made }));
    expect(states([await bench.prepare(config(8)), await bench.prepare(config(16))])).toEqual(['open', 'wrong']);
  });

  test('is right', async () => {
    const options = { entry: children.entry({}), compilers: 1, compilerEntry: children.compiler() };
    const { bench, events } = await withCompilers('', options);
    const rows = await Promise.all([8, 16].map((C) => bench.prepare(config(C))));
    expect(rows).toMatchObject([
      { state: 'open', rmse: 0 },
      { state: 'open', rmse: 0 },
    ]);
    expect(compiledBy(events)).toHaveLength(2);
  });
});

test('compilers find out for the cost model too; what ends one leaves that to whoever asked', async () => {
  const { bench } = await withCompilers(`
    on.model = (config) => {
      if (config.C === 8) return crash();
      return send({ kind: 'modelled', modelled: { launch: { programs: config.C } } });
    };`);
  expect(await bench.prepare(config(64))).toMatchObject({ state: 'open' });
  expect(await Promise.all([8, 16].map((C) => bench.model?.(config(C))))).toEqual([null, { launch: { programs: 16 } }]);
});

function programOf(C: number, description: OpenBench['device']) {
  const { file, dims } = problem();
  const [decl] = new SourceProject().read(file).kernels;
  if (decl === undefined) throw new Error(`${file} has no kernel`);
  const device = new UnbackedDevice(description);
  const tensors = layTensors(device, decl.args, {}, dims, {});
  const { programs } = madeDuring(() => prepare({ decl, device, tensors, scalars: {}, config: config(C), how: {} }));
  const [{ key, made }] = programs as [MadeProgram];
  if (!('variant' in made)) throw new Error(made.message);
  return { key, made };
}

/** Deadlines pass as soon as the compilers come to a stage with C = 8. */
function passing(stage: string): Pick<WorkerOptions, 'clock' | 'onEvent'> {
  const clock = new ManualClock();
  const onEvent = (event: WorkerEvent): void => {
    if (event.kind === 'ahead' && event.stage === stage && event.config.C === 8)
      queueMicrotask(() => clock.advance(1e9));
  };
  return { clock, onEvent };
}

describe('a compiler that ends costs its configuration alone', () => {
  test.each([
    ['process.exit(3)', 'crash', /ended with status 3/],
    ['await crash()', 'crash', /died of SIGSEGV/],
    ["console.error('JavaScript heap out of memory'); process.abort()", 'memory', /ran out of memory/],
    ["process.send('?')", 'crash', /no answer/],
    ['await done({ programs: 5, compileMs: 1 }); await never()', 'crash', /no answer/],
    ["await at('compile'); await never()", 'hang', /compiling did not end/],
    ["await at('driver'); for (;;) Math.random()", 'hang', /the driver's compilation did not end/],
  ])('%s', async (what, state, why) => {
    const { bench, ready } = await withCompilers(
      `on.compile = async (config) => { if (config.C === 8) { ${what} } else await done(); };`,
      passing(what.includes('driver') ? 'driver' : 'compile'),
    );
    expect(states([await bench.prepare(config(16))])).toEqual(['open']);
    const row = await bench.prepare(config(8));
    expect(row).toMatchObject({ state, why: expect.stringMatching(why) });
    // Another has taken its place.
    await ready(3);
    expect(bench.ahead).toBe(4);
    expect(states(await Promise.all([32, 64].map((C) => bench.prepare(config(C)))))).toEqual(['open', 'open']);
  });

  test('but the worker has a say where none has ever compiled anything', async () => {
    const { bench, ready } = await withCompilers('on.compile = crash;', { compilers: 1 });
    expect(await bench.prepare(config(8))).toMatchObject({ state: 'open', rmse: 0 });
    await ready(2);
    expect(await bench.prepare(config(16))).toMatchObject({ state: 'open', rmse: 0 });
    expect(bench.ahead).toBe(2);
    expect(await bench.prepare(config(32))).toMatchObject({ state: 'open', rmse: 0 });
    expect(pids).toHaveLength(3);
  });

  test('nor is one missed that cannot begin', async () => {
    const { bench } = await withCompilers('process.exit(1);', { compilers: 0 });
    const made = await watched({
      ...{ entry: scripts.entry(WORKER), compilerEntry: scripts.compiler('process.exit(1);'), compilers: 2 },
      onEvent: (event) => {
        if (event.kind === 'started' || event.kind === 'compiler') pids.push(event.pid);
      },
    });
    open.push(made.bench);
    const both = await Promise.all([bench.prepare(config(8)), made.bench.prepare(config(8))]);
    expect(both[1]).toEqual(both[0]);
  });

  test('nor does one that is killed cost the worker, or a worker the compilers', async () => {
    const { bench, ready, events } = await withCompilers('', { compilers: 1 });
    expect(states([await bench.prepare(config(8))])).toEqual(['open']);
    const [worker, compiler] = pids as [number, number];
    process.kill(worker, 'SIGKILL');
    expect(states([await bench.prepare(config(16))])).toEqual(['open']);
    expect(compiledBy(events)).toEqual([compiler, compiler]);
    await ready(1);
  });
});

test('no process is left when the tuner is killed while one is caught in a call that never returns', async () => {
  const caught = children.compiler(`
    process.prependListener('message', ({ kind }) => {
      if (kind === 'compile') process.send({ kind: 'stage', stage: 'compile' }, () => { for (;;) Math.random(); });
    });`);
  const options = JSON.stringify({ device: 'interpret', problem: problem(), compilers: 1 });
  const program = children.program(`
    let bench;
    const isReady = new Promise((resolve) => {
      const onEvent = (event) => {
        if (event.kind === 'started' || (event.kind === 'compiler' && !event.isReady)) console.log(event.pid);
        if (event.kind === 'compiler' && event.isReady) resolve();
        if (event.kind === 'ahead') console.log('caught');
      };
      const compilerEntry = new URL(${JSON.stringify(caught.href)});
      bench = pool.openWorker({ ...${options}, compilerEntry, onEvent });
    });
    await isReady;
    await (await bench).prepare({ C: 8, warps: 1 });`);
  const parent = spawn(process.execPath, [fileURLToPath(program)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const over = once(parent, 'exit');
  const started: number[] = [];
  try {
    for await (const line of createInterface({ input: parent.stdout })) {
      if (line === 'caught') break;
      started.push(Number(line));
    }
  } finally {
    parent.kill('SIGKILL');
  }
  await over;
  expect(started).toHaveLength(2);
  for (const pid of started) expect(await isGone(pid)).toBe(true);
});

describe('how many there are', () => {
  const gpu = (memoryBytes?: number) => ({
    info: { kind: 'gpu' },
    ...(memoryBytes !== undefined && { properties: { memoryBytes } }),
  });
  test.each([
    [gpu(80e9), 16, 6],
    [gpu(80e9), 4, 2],
    [gpu(80e9), 2, 0],
    [gpu(80e9), 1, 0],
    [gpu(17e9), 16, 1],
    [gpu(4e9), 16, 0],
    [gpu(), 16, 6],
    [{ info: { kind: 'software' } }, 16, 0],
    [{ info: { kind: 'interpret' } }, 16, 0],
  ])('%j, %d processors: %d', (device, processors, count) => {
    expect(compilersFor(device as Parameters<typeof compilersFor>[0], processors)).toBe(count);
  });
});
