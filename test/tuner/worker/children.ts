import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Clock } from '../../../runtime/clock.js';
import type { Problem } from '../../../tuner/types.js';
import { type OpenBench, openWorker } from '../../../tuner/worker/pool.js';
import type { WorkerEvent, WorkerOptions } from '../../../tuner/worker/worker.js';
import { builtSources } from '../../setup/built.js';
import type { Faults } from './faults.js';

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

/** Programs of children, over the modules as JavaScript. */
export class Children {
  readonly #built = builtSources();
  readonly #folder = mkdtempSync(join(tmpdir(), 'lac-children-'));

  path(name: string): string {
    return join(this.#folder, name);
  }

  /** Where a compiled module lies. */
  url(module: string): string {
    return pathToFileURL(join(this.#built, module)).href;
  }

  /** A program with nothing around it. */
  bare(text: string): URL {
    const file = this.path(`program-${Math.random().toString(36).slice(2)}.mjs`);
    writeFileSync(file, text);
    return pathToFileURL(file);
  }

  /** A program of statements; `pool` is that module, `serve` the child's, `faults` the one beside this. */
  program(body: string): URL {
    const from = (module: string): string => JSON.stringify(this.url(module));
    const lines = [
      `import * as pool from ${from('tuner/worker/pool.js')};`,
      `import { serve } from ${from('tuner/worker/serve.js')};`,
      `import { openDevice } from ${from('runtime/index.js')};`,
      `import * as faults from ${from('test/tuner/worker/faults.js')};`,
    ];
    return this.bare([...lines, body].join('\n'));
  }

  /** A child in whose devices these faults are. */
  entry(faults: Faults, first = ''): URL {
    return this.program(`${first}\nserve(faults.faulty(openDevice, ${JSON.stringify(faults)}));`);
  }

  /** One that compiles ahead, without a driver. */
  compiler(more = ''): URL {
    const module = JSON.stringify(this.url('tuner/worker/compiler.js'));
    return this.bare(`import { compileAhead } from ${module};\ncompileAhead();\n${more}`);
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

export const problem = (dims: Problem['dims'] = { M: 3, N: 70 }): Problem => ({
  file: here('double.ts'),
  kernel: 'double',
  dims,
  dtypes: {},
  options: {},
  seed: 1,
});

export const config = (C: number) => ({ C, warps: 1 });

/** A clock that goes on only when it is told to. */
export class ManualClock implements Clock {
  #now = 0;
  readonly #waiting = new Set<{ readonly at: number; readonly call: () => void }>();

  now(): number {
    return this.#now;
  }

  after(ms: number, call: () => void): () => void {
    const entry = { at: this.#now + ms, call };
    this.#waiting.add(entry);
    return () => void this.#waiting.delete(entry);
  }

  advance(ms: number): void {
    this.#now += ms;
    for (const entry of [...this.#waiting]) if (entry.at <= this.#now && this.#waiting.delete(entry)) entry.call();
  }
}

/** Whether a process is there, and not only waits to be counted. */
export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  } catch {
    return false;
  }
}

/** A process has closed its files a moment before it is gone: how long, the system decides. */
export async function isGone(pid: number): Promise<boolean> {
  const begin = performance.now();
  while (isAlive(pid) && performance.now() - begin < 60_000) await new Promise((resolve) => setImmediate(resolve));
  return !isAlive(pid);
}

export interface Watched {
  readonly bench: OpenBench;
  readonly events: WorkerEvent[];
  readonly pids: () => readonly number[];
}

/** A worker whose events are kept. No deadline passes by itself: a machine may be as busy as it likes. */
export async function watched(options: Partial<WorkerOptions> & Pick<WorkerOptions, 'entry'>): Promise<Watched> {
  const events: WorkerEvent[] = [];
  const bench = await openWorker({
    device: 'interpret',
    problem: problem(),
    clock: new ManualClock(),
    ...options,
    onEvent: (event) => {
      events.push(event);
      options.onEvent?.(event);
    },
  });
  const pids = (): readonly number[] => events.flatMap((e) => (e.kind === 'started' ? [e.pid] : []));
  return { bench, events, pids };
}
