import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import type { Problem } from '../../../tuner/types.js';
import { type BenchOptions, WorkerHost } from '../../../tuner/worker/host.js';
import { knownOf } from '../../../tuner/worker/known.js';
import { References, type ReferencesOptions, referencesFor } from '../../../tuner/worker/references.js';
import { readSource, subjectOf } from '../../../tuner/worker/subject.js';
import { Children, config, isAlive, isGone, ManualClock, problem } from './children.js';
import { Scripts } from './scripted.js';

const scripts = new Scripts();
const children = new Children();
const open: { close(): Promise<void> }[] = [];
const logs: string[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
  expect(logs.splice(0).flatMap(pidsIn).filter(isAlive)).toEqual([]);
});
afterAll(() => {
  scripts.remove();
  children.remove();
});

/** A file in which processes say what they were asked for. */
function log(): string {
  const file = scripts.path(`went-${Math.random().toString(36).slice(2)}`);
  writeFileSync(file, '');
  logs.push(file);
  return file;
}

const linesOf = (file: string): number[][] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split(' ').map(Number));
const askedIn = (file: string): number[] => linesOf(file).map(([N = 0]) => N);
const pidsIn = (file: string): number[] => linesOf(file).map(([, pid = 0]) => pid);

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

const problems = (...sizes: readonly number[]): Problem[] => sizes.map((N) => problem({ M: 3, N }));

function references(options: Pick<ReferencesOptions, 'entry' | 'problems'> & Partial<ReferencesOptions>): References {
  const made = new References({ clock: new ManualClock(), referenceMs: 1000, ...options });
  open.push(made);
  return made;
}

describe('references asked ahead', () => {
  test('say what the worker would find out, of the next problem and the one after it, and nothing where that throws', async () => {
    const all = problems(70, 80, 90);
    const missing = { ...problem(), kernel: 'triple' };
    const file = log();
    const entry = children.bare(`
      import { appendFileSync } from 'node:fs';
      import ${JSON.stringify(children.url('tuner/worker/references-child.js'))};
      process.on('message', ({ problem }) =>
        appendFileSync(${JSON.stringify(file)}, problem.dims.N + ' ' + process.pid + '\\n'));`);
    const ahead = references({ entry, problems: [...all, missing] });
    expect(ahead.of(all[0] as Problem)).toBeNull();
    ahead.start(2, 'gpu');
    for (const one of all.slice(1)) {
      const subject = subjectOf(one, await readSource(one), 'gpu');
      expect(await ahead.of(one)).toEqual(knownOf(subject));
    }
    expect(await ahead.of(missing)).toBeNull();
    expect(new Set(pidsIn(file)).size).toBe(2);
    for (const pid of pidsIn(file)) expect(await isGone(pid)).toBe(true);
  });

  test('are two at most, in order; one that nobody began is left to the worker', async () => {
    const file = log();
    const go = scripts.path('go');
    const all = problems(10, 20, 30, 40, 50);
    const body = `
      import { existsSync } from 'node:fs';
      on.ask = async ({ dims: { N } }) => {
        while (N === 20 && !existsSync(${JSON.stringify(go)})) await new Promise(setImmediate);
        await known(N);
      };`;
    const ahead = references({ entry: scripts.references(body, file), problems: all });
    const [first, second, third, fourth, fifth] = all as [Problem, Problem, Problem, Problem, Problem];
    ahead.of(first);
    ahead.start(1, 'gpu');
    await until(() => askedIn(file).length === 1);
    const slow = ahead.of(second);
    expect(slow).not.toBeNull();
    expect(ahead.of(third)).toBeNull();
    writeFileSync(go, '');
    expect(await slow).toMatchObject({ dims: { N: 20 } });
    expect(await ahead.of(fourth)).toMatchObject({ dims: { N: 40 } });
    expect(await ahead.of(fifth)).toMatchObject({ dims: { N: 50 } });
    expect(askedIn(file)).toEqual([20, 40, 50]);
    expect(new Set(pidsIn(file)).size).toBe(1);
    expect(ahead.of(problem())).toBeNull();
  });

  test('that throw, end their process, say what is no answer, or never end, are the worker`s to find out', async () => {
    const file = log();
    const all = problems(10, 20, 30, 40, 50, 60, 70);
    const body = `
      on.ask = ({ dims: { N } }) => {
        if (N === 20) void send({ id: asked, known: null });
        else if (N === 30) void crash();
        else if (N === 40) void send({ id: asked, known: { dims: 'none' } });
        else if (N === 50) { for (;;) Math.random(); }
        else if (N === 60) { void known(N); void known(61); }
        else void known(N);
      };`;
    const clock = new ManualClock();
    const ahead = references({ entry: scripts.references(body, file), problems: all, clock });
    ahead.of(all[0] as Problem);
    ahead.start(1, 'gpu');
    const next = async (at: number): Promise<number | undefined> => (await ahead.of(all[at] as Problem))?.dims.N;
    expect([await next(1), await next(2), await next(3)]).toEqual([undefined, undefined, undefined]);
    await until(() => askedIn(file).includes(50));
    clock.advance(1000);
    expect(await next(4)).toBeUndefined();
    expect(await next(5)).toBe(60);
    // Its process spoke twice, the second time unasked: that is nothing to the next.
    expect(await next(6)).toBeUndefined();
  });

  test('are asked where processors are left, for a GPU', () => {
    const on = (kind: 'gpu' | 'software' | 'interpret', spare: number): number =>
      referencesFor({ info: { kind } } as Parameters<typeof referencesFor>[0], spare);
    expect([-3, 0, 1, 2, 64].map((spare) => on('gpu', spare))).toEqual([0, 0, 1, 2, 2]);
    expect([on('software', 64), on('interpret', 64)]).toEqual([0, 0]);
  });
});

describe('a host that knows what is coming', () => {
  /** Says what it was told of this problem. */
  const worker = (kind: string): URL =>
    scripts.entry(`
      device.info = { kind: ${JSON.stringify(kind)} };
      let told;
      on('open', ({ known }, at, answer) => {
        told = known;
        return answer({ kind: 'ready', device, known: known ?? { dims: {}, reduced: nothing, full: null } });
      });
      on('prepare', ({ config }, at, answer) => answer(row(config, { why: JSON.stringify(told?.dims.N ?? null) })));`);

  function hosted(kind: string, coming: readonly Problem[], body = ''): { host: WorkerHost; file: string } {
    const file = log();
    const clock = new ManualClock();
    const [entry, referencesEntry] = [worker(kind), scripts.references(body, file)];
    const host = new WorkerHost(['x'], { ...{ entry, clock, compilers: 0 }, coming, references: 1, referencesEntry });
    open.push(host);
    return { host, file };
  }

  const told = async (host: WorkerHost, options: BenchOptions): Promise<unknown> => {
    const bench = await host.open(options);
    const { why = '' } = await bench.prepare(config(8));
    await bench.close();
    return JSON.parse(why);
  };

  test('tells the worker on a GPU what the next reference says', async () => {
    const coming = problems(70, 80, 90);
    const { host, file } = hosted('gpu', coming);
    const all: unknown[] = [];
    for (const [i, one] of coming.entries()) {
      // Nothing is asked ahead before it is sure that there is a GPU.
      if (i > 0) await until(() => askedIn(file).length >= i);
      all.push(await told(host, { problem: one, isLast: i === 2 }));
    }
    expect(all).toEqual([null, 80, 90]);
    expect(askedIn(file)).toEqual([80, 90]);
    expect(pidsIn(file).filter(isAlive)).toEqual([]);
  });

  test('leaves it to the worker where asking came to nothing', async () => {
    const coming = problems(70, 80, 90);
    const { host, file } = hosted('gpu', coming, 'on.ask = ({ dims: { N } }) => void (N === 80 ? crash() : known(N));');
    expect(await told(host, { problem: coming[0] as Problem })).toBeNull();
    await until(() => askedIn(file).length >= 1);
    expect(await told(host, { problem: coming[1] as Problem })).toBeNull();
    await until(() => askedIn(file).length >= 2);
    expect(await told(host, { problem: coming[2] as Problem })).toBe(90);
  });

  test('asks nothing where the device is the processors', async () => {
    const coming = problems(70, 80);
    const { host, file } = hosted('software', coming);
    for (const one of coming) expect(await told(host, { problem: one })).toBeNull();
    await host.close();
    expect(askedIn(file)).toEqual([]);
  });

  test('closed while it waits for a reference that never ends: whoever opens hears of it, and no process is left', async () => {
    const coming = problems(70, 80);
    const { host, file } = hosted('gpu', coming, 'on.ask = () => { for (;;) Math.random(); };');
    await told(host, { problem: coming[0] as Problem });
    await until(() => askedIn(file).length === 1);
    const opening = host.open({ problem: coming[1] as Problem, isLast: true });
    const refused = expect(opening).rejects.toThrow('was closed');
    await host.close();
    await refused;
    expect(pidsIn(file).filter(isAlive)).toEqual([]);
  });
});
