import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Children, config, isAlive, problem, watched } from './children.js';
import { Scripts } from './scripted.js';

let children: Children;
let server: Server;
beforeAll(async () => {
  children = new Children('orphans');
  server = createServer().listen(children.path('gone'));
  await once(server, 'listening');
});
afterAll(() => {
  server.close();
  children.remove();
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

const moduleOf = (name: string): string => pathToFileURL(children.path('out', name)).href;

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
async function ended(parent: ChildProcess, when: (line: string, count: number) => boolean): Promise<number> {
  const connection = once(server, 'connection') as Promise<[Socket]>;
  let pid = 0;
  let count = 0;
  const over = once(parent, 'exit');
  for await (const line of createInterface({ input: parent.stdout as NodeJS.ReadableStream })) {
    if (line.startsWith('pid ')) pid = Number(line.slice(4));
    if (when(line, ++count)) parent.kill('SIGKILL');
  }
  await over;
  const [socket] = await connection;
  socket.resume();
  if (!socket.closed) await once(socket, 'close');
  return pid;
}

/** A process has closed its files a moment before it is gone. */
async function isGone(pid: number): Promise<boolean> {
  for (let i = 0; i < 1e5 && isAlive(pid); i++) await new Promise((resolve) => setImmediate(resolve));
  return !isAlive(pid);
}

describe('no process is left', () => {
  test.each([
    ['while the worker is loading', 1],
    ['while it opens its device', 2],
  ])('when the tuner is killed %s', async (_, lines) => {
    expect(await isGone(await ended(tuner('', 0), (_line, count) => count === lines))).toBe(true);
  });

  test('when the tuner is killed while the worker is caught in a call that never returns', async () => {
    let checks = 0;
    const pid = await ended(tuner('', 0), (line) => line === 'check' && ++checks === 2);
    expect(await isGone(pid)).toBe(true);
  });

  test('when the tuner exits without a word', async () => {
    expect(await isGone(await ended(tuner('process.exit(0);', 5), () => false))).toBe(true);
  });

  test('when workers are killed at any moment; what they had is done by others', async () => {
    const scripts = new Scripts();
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
            else if (kills.includes(count++)) process.kill(pid, 'SIGKILL');
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
    scripts.remove();
  });
});
