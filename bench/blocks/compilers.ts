import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CompileJob, CompileReply } from './problem.js';

export type Asked = Omit<CompileJob, 'id' | 'file'>;
/** The file of the variant, or why there is none. */
export type Compiled = { readonly file: string } | { readonly refused: string };

/** A driver that takes longer than this does not come back. */
const LIMIT_MS = 20_000;

interface Waiting {
  readonly job: CompileJob;
  readonly urgent: boolean;
  readonly done: (compiled: Compiled) => void;
  timer?: NodeJS.Timeout;
}

/** Processes that compile ahead of what is measured. A process that dies costs what it had in hand. */
export class Compilers {
  readonly #folder = mkdtempSync(path.join(tmpdir(), 'lac-blocks-'));
  readonly #children = new Map<ChildProcess, Waiting | null>();
  readonly #queue: Waiting[] = [];
  readonly #device: string;
  #count = 0;
  #closed = false;

  /** `device`: where the driver compiles too, or ''. */
  constructor(processes: number, device: string) {
    this.#device = device;
    for (let i = 0; i < processes; i++) this.#start();
  }

  /** `urgent`: before all that is not. */
  compile(asked: Asked, urgent: boolean): Promise<Compiled> {
    const id = this.#count++;
    const job = { ...asked, id, file: path.join(this.#folder, `${id}.json`) };
    return new Promise((done) => {
      const at = urgent ? this.#queue.findIndex((w) => !w.urgent) : -1;
      this.#queue.splice(at < 0 ? this.#queue.length : at, 0, { job, urgent, done });
      this.#hand();
    });
  }

  close(): void {
    this.#closed = true;
    this.#queue.length = 0;
    for (const [child, waiting] of this.#children) {
      clearTimeout(waiting?.timer);
      child.kill('SIGKILL');
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #start(): void {
    const child = fork(fileURLToPath(new URL('./compiler-child.js', import.meta.url)), [this.#device]);
    this.#children.set(child, null);
    child.on('message', (reply: CompileReply) => {
      const waiting = this.#children.get(child);
      clearTimeout(waiting?.timer);
      this.#children.set(child, null);
      // Its file goes with the folder.
      if (!this.#closed) waiting?.done('refused' in reply ? reply : { file: waiting.job.file });
      this.#hand();
    });
    child.on('exit', (status, signal) => {
      const waiting = this.#children.get(child);
      clearTimeout(waiting?.timer);
      this.#children.delete(child);
      waiting?.done({ refused: `the compiler died of ${signal ?? status}` });
      if (waiting && !this.#closed) this.#start(); // it was at work: another may fare better
      if (this.#children.size === 0)
        for (const { done } of this.#queue.splice(0)) done({ refused: 'no compiler is left' });
      else this.#hand();
    });
  }

  #hand(): void {
    for (const [child, busy] of this.#children) {
      if (busy !== null) continue;
      const next = this.#queue.shift();
      if (next === undefined) return;
      this.#children.set(child, next);
      next.timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
      child.send(next.job);
    }
  }
}
