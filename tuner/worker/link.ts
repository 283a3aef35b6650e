import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../../runtime/clock.js';
import { END } from './protocol.js';
import { WATCH_FD } from './watch-fd.js';

/** How a child process ended. */
export interface Death {
  readonly state: 'crash' | 'memory';
  readonly why: string;
}

/** `From`: what the process says. */
export interface LinkEvents<From> {
  /** Null: it is none of ours. */
  read(message: unknown): From | null;
  message(message: From): void;
  /** Comes last. */
  ended(death: Death): void;
}

/** From SIGKILL on: a driver takes its time to stop a GPU, and to take back what was allocated there. */
const KILL_MS = 10_000;
/** As much where nobody comes after it: who ends a tune waits less than a second in all. */
const LAST_KILL_MS = 400;
/** Of what it printed last. */
const KEPT_CHARACTERS = 4096;

/** One child process, from its beginning to its end. */
export class ChildLink<From, To extends object> {
  readonly ended: Promise<void>;
  readonly #child: ChildProcess;
  readonly #clock: Clock;
  #events: LinkEvents<From>;
  #printed = '';
  #strange = false;
  #giveUp: (how: string) => void = () => {};

  constructor(entry: URL, clock: Clock, events: LinkEvents<From>) {
    this.#clock = clock;
    this.#events = events;
    // A process group of its own: Ctrl-C reaches the parent alone.
    this.#child = fork(fileURLToPath(entry), [], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc', 'pipe'],
      detached: process.platform !== 'win32',
      execArgv: [],
    });
    const child = this.#child;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#printed = (this.#printed + text).slice(-KEPT_CHARACTERS);
    });
    child.stdio[WATCH_FD]?.on('error', () => {});
    child.on('message', (message) => {
      const read = this.#events.read(message);
      if (read !== null && !this.#strange) this.#events.message(read);
      else this.distrust();
    });
    const abandoned = new Promise<string>((resolve) => {
      this.#giveUp = resolve;
    });
    this.ended = Promise.race([this.#end(), abandoned]).then((how) => this.#events.ended(this.#death(how)));
  }

  /** From now on these are told, and not those before. */
  hand(events: LinkEvents<From>): void {
    this.#events = events;
    this.#printed = '';
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** A process that says what it should not has run into anything: it is not heard any more. */
  distrust(): void {
    this.#strange = true;
    this.kill();
  }

  /** Resolves when the process is gone, and everything that it said was heard. */
  async #end(): Promise<string> {
    const child = this.#child;
    const [how] = await Promise.all([
      new Promise<string>((resolve) => {
        child.on('error', (error) => resolve(`could not be started: ${error.message}`));
        child.on('close', (status, signal) =>
          resolve(signal === null ? `ended with status ${status}` : `died of ${signal}`),
        );
      }),
      child.pid === undefined ? null : new Promise((resolve) => child.on('disconnect', resolve)),
    ]);
    return how;
  }

  #death(how: string): Death {
    if (this.#strange) return { state: 'crash', why: 'the process said something that is no answer' };
    if (/heap out of memory/.test(this.#printed))
      return { state: 'memory', why: `the process ran out of memory (${how.replace(/^died of /, '')})` };
    const last = this.#printed.trim().split('\n').at(-1) ?? '';
    const hint = how.endsWith('SIGKILL') ? ': the system does that where memory runs out' : '';
    return { state: 'crash', why: `the process ${how}${hint}${last === '' ? '' : `: ${last.slice(0, 200)}`}` };
  }

  send(message: To | typeof END): void {
    if (this.#child.connected) this.#child.send(message, () => {});
  }

  /** Not even this ends a process that is caught in its driver at once: it is waited for so long, and then no more. */
  kill(waitMs = KILL_MS): void {
    this.#child.kill('SIGKILL');
    const callOff = this.#clock.after(waitMs, () => this.#abandon());
    void this.ended.then(callOff);
  }

  #abandon(): void {
    const child = this.#child;
    child.unref();
    if (child.connected) child.disconnect();
    for (const stream of child.stdio) stream?.destroy();
    this.#giveUp('was killed, and is caught in its driver');
  }

  /** Resolves when it is gone, or as good as that. */
  async end(): Promise<void> {
    this.kill(LAST_KILL_MS);
    await this.ended;
  }

  /** Asks it to end, and ends it where it does not. */
  async close(graceMs: number): Promise<void> {
    this.send(END);
    const callOff = this.#clock.after(graceMs, () => this.kill(LAST_KILL_MS));
    await this.ended;
    callOff();
  }
}
