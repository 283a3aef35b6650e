/** python/lac_bench_peers.py at work: a line of JSON for every request, a line for every answer. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { diagnostic, LacError } from '../compiler/diag/diagnostic.js';
import type { Samples } from '../tuner/types.js';
import { readSamples, readStart, readStates } from './peer-messages.js';
import type { PeerPoint, PeerState, Peers } from './peers.js';

interface StartOptions {
  /** Default: the file of this package. */
  readonly script?: string;
  readonly python?: string;
  /** Milliseconds without an answer: libraries search and compile meanwhile. */
  readonly patienceMs?: number;
}

const PATIENCE_MS = 300_000;
/** Characters of one answer: samples of some libraries, nothing more. */
const MOST_CHARACTERS = 2 ** 20;

/** The libraries, or why there are none: no python3, no torch, no GPU. */
export async function startPeers(options: StartOptions = {}): Promise<Peers | { readonly why: string }> {
  const script = options.script ?? packagedScript();
  if (script === null) return { why: 'lac_bench_peers.py is not where lac was installed' };
  const process = new PeerProcess(options.python ?? 'python3', script, options.patienceMs ?? PATIENCE_MS);
  try {
    const why = readStart(await process.ask({ op: 'start' }));
    if (why === null) return process;
    process.close();
    return { why };
  } catch (error) {
    process.close();
    if (error instanceof LacError) return { why: error.message };
    throw error;
  }
}

/** Above this file, which lies in benchmark/ or in dist/benchmark/. */
function packagedScript(): string | null {
  const places = ['../python/lac_bench_peers.py', '../../python/lac_bench_peers.py'];
  return places.map((place) => fileURLToPath(new URL(place, import.meta.url))).find((path) => existsSync(path)) ?? null;
}

interface Waiting {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: unknown) => void;
}

class PeerProcess implements Peers {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #patienceMs: number;
  #waiting: Waiting | null = null;
  #text = '';
  /** Why it can be asked no more. */
  #ended: LacError | null = null;

  constructor(python: string, script: string, patienceMs: number) {
    this.#patienceMs = patienceMs;
    this.#child = spawn(python, [script], { stdio: 'pipe' });
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => this.#read(text));
    // Libraries talk; nobody listens, and it must not block.
    this.#child.stderr.resume();
    this.#child.stdin.on('error', () => {});
    this.#child.on('error', (error) => this.#end(`${python} cannot be run: ${error.message}`));
    this.#child.on('close', (code, signal) => this.#end(`python ended, ${signal ?? `with ${code}`}`));
  }

  async open(point: PeerPoint): Promise<readonly PeerState[]> {
    return readStates(await this.ask({ op: 'open', point }));
  }

  async sample(names: readonly string[], count: number): Promise<ReadonlyMap<string, Samples>> {
    return readSamples(await this.ask({ op: 'sample', names, count }), names, count);
  }

  close(): void {
    this.#end('it was closed');
  }

  /** One request at a time. */
  ask(request: object): Promise<unknown> {
    if (this.#ended !== null) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => this.#end(`no answer within ${Math.round(this.#patienceMs / 1000)} s`),
        this.#patienceMs,
      );
      const settled = (): void => {
        clearTimeout(timer);
        this.#waiting = null;
      };
      this.#waiting = {
        resolve: (answer) => {
          settled();
          resolve(answer);
        },
        reject: (error) => {
          settled();
          reject(error);
        },
      };
      this.#child.stdin.write(`${JSON.stringify(request)}\n`);
    });
  }

  #read(text: string): void {
    this.#text += text;
    for (let end = this.#text.indexOf('\n'); end >= 0; end = this.#text.indexOf('\n')) {
      const line = this.#text.slice(0, end);
      this.#text = this.#text.slice(end + 1);
      // Libraries print what they like; answers are marked.
      if (line.startsWith('@')) this.#answer(line.slice(1));
    }
    if (this.#text.length > MOST_CHARACTERS) this.#end(`it says more than ${MOST_CHARACTERS} characters in a line`);
  }

  #answer(line: string): void {
    if (this.#waiting === null || line.length > MOST_CHARACTERS) {
      this.#end('it answers what nobody asked');
      return;
    }
    try {
      this.#waiting.resolve(JSON.parse(line));
    } catch {
      this.#end('its answer is no JSON');
    }
  }

  /** The first reason counts. The process is ended whatever it does. */
  #end(why: string): void {
    if (this.#ended !== null) return;
    this.#ended = new LacError(diagnostic('LAC0932', why));
    this.#child.kill('SIGKILL');
    for (const stream of [this.#child.stdin, this.#child.stdout, this.#child.stderr]) stream.destroy();
    this.#child.unref();
    this.#waiting?.reject(this.#ended);
  }
}
