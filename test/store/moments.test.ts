import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, copyFileSync, mkdirSync, openSync, readdirSync, readFileSync, readSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { builtSources } from '../setup/built.js';
import { folder, openStore } from './folders.js';
import { keyOf, measured } from './keys.js';
import { stateAfter, stateOf } from './steps.js';
import { writerFile } from './writers.js';

/** LAC_KILLS: moments in all. */
const BATCHES = 10;
const MOMENTS = Math.ceil(Number(process.env.LAC_KILLS ?? 1000) / BATCHES);

/** What the writer has acknowledged. */
interface Acknowledged {
  readonly cache: number;
  readonly step: number;
}

/** A process that writes without an end, and can be stopped at any moment. */
class EndlessWriter {
  readonly #path: string;
  readonly #child: ChildProcess;
  readonly #file: number;
  readonly #words = new Float64Array(2);
  /** Rejected when it ends. */
  readonly #ended: Promise<never>;
  #steps = 0;
  #onStep = (): void => {};

  constructor(path: string) {
    this.#path = path;
    this.#file = openSync(join(path, 'acknowledged'), 'w+');
    const child = spawn(process.execPath, [writerFile(), 'steps', path], { stdio: ['ignore', 'pipe', 'inherit'] });
    child.stdout.on('data', (dots: Buffer) => {
      this.#steps += dots.length;
      this.#onStep();
    });
    this.#ended = new Promise((_, reject) => {
      child.on('error', reject);
      child.on('exit', (status, signal) => reject(new Error(`the writer ended: ${status ?? signal}`)));
    });
    this.#ended.catch(() => {});
    this.#child = child;
  }

  get acknowledged(): Acknowledged {
    readSync(this.#file, this.#words, 0, this.#words.byteLength, 0);
    const [cache = 0, step = 0] = this.#words;
    return { cache, step };
  }

  /** Until it has taken so many steps more. */
  goesOn(steps: number): Promise<void> {
    const end = this.#steps + steps;
    const taken = new Promise<void>((resolve) => {
      this.#onStep = () => this.#steps >= end && resolve();
    });
    return Promise.race([taken, this.#ended]);
  }

  /** Until not one of its threads runs. */
  async stop(): Promise<void> {
    this.#child.kill('SIGSTOP');
    const tasks = `/proc/${this.#child.pid}/task`;
    const isStopped = (task: string): boolean => / T [^)]*$/.test(readFileSync(join(tasks, task, 'stat'), 'utf8'));
    const isFirst = isStopped.bind(null, String(this.#child.pid));
    while (!isFirst() || !readdirSync(tasks).every(isStopped)) {
      await Promise.race([this.#ended, new Promise(setImmediate)]);
      leaveProcessor();
    }
  }

  go(): void {
    this.#child.kill('SIGCONT');
  }

  /** The files of the cache in use; none where it is not begun. */
  copyTo(path: string): void {
    const cache = join(this.#path, String(this.acknowledged.cache));
    mkdirSync(path, { mode: 0o700 });
    for (const name of namesIn(cache)) copyFileSync(join(cache, name), join(path, name));
  }

  async end(): Promise<void> {
    const gone = new Promise((resolve) => this.#child.once('close', resolve));
    this.#child.kill('SIGKILL');
    await gone;
    closeSync(this.#file);
  }
}

/** To whoever else wants it, for a moment: no event says that a process stands still. */
const leaveProcessor = (): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 0.2);

function namesIn(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

/** All that was acknowledged is there as it was written, the step that was under way is there whole or not at all, and work goes on. */
function expectSound(path: string, { cache, step }: Acknowledged): void {
  const store = openStore(path);
  const where = `cache ${cache}, step ${step}`;
  expect(store.verify(), where).toMatchObject({ bad: [] });
  const state = stateOf(store);
  const isDone = [stateAfter(step), stateAfter(step + 1)].some((s) => JSON.stringify(s) === JSON.stringify(state));
  if (!isDone) expect(state, where).toEqual(stateAfter(step));
  expect(store.put(keyOf(), measured(99)), where).toBe(true);
  expect(store.rows(keyOf()), where).toEqual([measured(99)]);
  expect(store.notes, where).toEqual([]);
  store.close();
}

/**
 * A thousand moments at which `kill -9` would have come. A process that is stopped has left in its files, byte for byte, what it
 * would leave if it were killed then: the system keeps what was written for both alike, and locks, which the copy does not
 * have, end with a process. A kill can also cut a write short that is longer than a page: that is for the writers that are
 * killed in truth (`processes.test.ts`).
 */
describe.runIf(process.platform === 'linux')('a writer that is killed at any moment', () => {
  beforeAll(() => void builtSources());
  let writer: EndlessWriter | null = null;
  afterEach(async () => {
    await writer?.end();
    writer = null;
  });

  /** Steps until the moment, and how long it is in the next ones. */
  const moment = fc.record({ steps: fc.integer({ min: 1, max: 8 }), turns: fc.nat({ max: 200 }) });
  const batches = fc.sample(fc.array(moment, { minLength: MOMENTS, maxLength: MOMENTS }), BATCHES);

  test.each(batches.map((moments, i) => [i * MOMENTS, moments] as const))(
    'from moment %i on: all that was acknowledged is there',
    async (_, moments) => {
      const path = folder();
      const copy = join(path, 'copy');
      writer = new EndlessWriter(path);
      for (const { steps, turns } of moments) {
        await writer.goesOn(steps);
        for (let turn = 0; turn < turns; turn++) writer.acknowledged;
        await writer.stop();
        const acknowledged = writer.acknowledged;
        writer.copyTo(copy);
        expectSound(copy, acknowledged);
        rmSync(copy, { recursive: true });
        writer.go();
      }
    },
    600_000,
  );
});
