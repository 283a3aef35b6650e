/** python/lac_bench_peers.py at work: a line of JSON for every request, lines of JSON until the answer. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { diagnostic, LacError } from '../compiler/diag/diagnostic.js';
import { readDoing, readLost } from './peer-messages.js';
import type { Doing } from './peers.js';

/** Characters of one answer: samples of some libraries, nothing more. */
const MOST_CHARACTERS = 2 ** 20;

interface Waiting {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly onDoing: Doing;
}

/** Signals reach a process and all that it has started only where they are a group. */
const GROUPED = process.platform !== 'win32';

/** One process, until it ends for whatever reason. */
export class PeerProcess {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #patienceMs: number;
  #waiting: Waiting | null = null;
  #timer: NodeJS.Timeout | undefined;
  #text = '';
  #peer: string | null = null;
  /** Why it can be asked no more. */
  #ended: LacError | null = null;

  /** `patienceMs`: without a word from it. */
  constructor(python: string, script: string, patienceMs: number) {
    this.#patienceMs = patienceMs;
    this.#child = spawn(python, [script], { stdio: 'pipe', detached: GROUPED });
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => this.#read(text));
    // Libraries talk; nobody listens, and it must not block.
    this.#child.stderr.resume();
    this.#child.stdin.on('error', () => {});
    this.#child.on('error', (error) => this.end(`${python} cannot be run: ${error.message}`));
    this.#child.on('close', (code, signal) => this.end(`python ended, ${signal ?? `with ${code}`}`));
  }

  get hasEnded(): boolean {
    return this.#ended !== null;
  }

  /** The library that was at work when something was last heard. */
  get peer(): string | null {
    return this.#peer;
  }

  /** One request at a time. Throws LacError LAC0932 once the process has ended. */
  ask(request: object, onDoing: Doing): Promise<unknown> {
    if (this.#ended !== null) return Promise.reject(this.#ended);
    this.#peer = null;
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject, onDoing };
      this.#beginToWait();
      this.#child.stdin.write(`${JSON.stringify(request)}\n`);
    });
  }

  /** The first reason counts. The process and what it has started are ended whatever they do. */
  end(why: string): void {
    if (this.#ended !== null) return;
    this.#ended = new LacError(diagnostic('LAC0932', why));
    this.#kill();
    for (const stream of [this.#child.stdin, this.#child.stdout, this.#child.stderr]) stream.destroy();
    this.#child.unref();
    this.#take()?.reject(this.#ended);
  }

  #kill(): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(GROUPED ? -pid : pid, 'SIGKILL');
    } catch {
      // Gone by itself.
    }
  }

  #beginToWait(): void {
    clearTimeout(this.#timer);
    const why = `no answer within ${Math.round(this.#patienceMs / 1000)} s`;
    this.#timer = setTimeout(() => this.end(why), this.#patienceMs);
  }

  #take(): Waiting | null {
    clearTimeout(this.#timer);
    const waiting = this.#waiting;
    this.#waiting = null;
    return waiting;
  }

  #read(text: string): void {
    this.#text += text;
    for (let end = this.#text.indexOf('\n'); end >= 0; end = this.#text.indexOf('\n')) {
      const line = this.#text.slice(0, end);
      this.#text = this.#text.slice(end + 1);
      // Libraries print what they like; answers are marked.
      if (line.startsWith('@')) this.#hear(line.slice(1));
    }
    if (this.#text.length > MOST_CHARACTERS) this.end(`it says more than ${MOST_CHARACTERS} characters in a line`);
  }

  #hear(line: string): void {
    if (this.#waiting === null || line.length > MOST_CHARACTERS) {
      this.end('it answers what nobody asked');
      return;
    }
    const message = parsed(line);
    if (message === undefined) {
      this.end('its answer is no JSON');
      return;
    }
    try {
      this.#understand(message, this.#waiting);
    } catch (error) {
      this.end((error as Error).message);
    }
  }

  #understand(message: unknown, { onDoing }: Waiting): void {
    const [doing, lost] = [readDoing(message), readLost(message)];
    if (lost !== null) this.end(lost);
    else if (doing === null) this.#take()?.resolve(message);
    else {
      this.#peer = doing.peer;
      this.#beginToWait();
      onDoing(doing.peer === null ? doing.what : `${doing.peer}, ${doing.what}`);
    }
  }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
