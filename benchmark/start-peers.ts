/** Libraries through python3: a process, and another one where a library has ended it. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { diagnostic, LacError } from '../compiler/diag/diagnostic.js';
import type { Samples } from '../tuner/types.js';
import { readSamples, readStart, readStates } from './peer-messages.js';
import { PeerProcess } from './peer-process.js';
import type { Doing, PeerPoint, PeerState, Peers } from './peers.js';

interface StartOptions {
  /** Default: the file of this package. */
  readonly script?: string;
  readonly python?: string;
  /** Milliseconds without a word from it: a library may search and compile meanwhile. */
  readonly patienceMs?: number;
  /** Ends the process, at once. */
  readonly signal?: AbortSignal;
}

const PATIENCE_MS = 300_000;

/** The libraries, or why there are none: no python3, no torch, no GPU. */
export async function startPeers(options: StartOptions = {}): Promise<Peers | { readonly why: string }> {
  const script = options.script ?? packagedScript();
  if (script === null) return { why: 'lac_bench_peers.py is not where lac was installed' };
  const { python = 'python3', patienceMs = PATIENCE_MS, signal } = options;
  const peers = new Libraries(() => new PeerProcess(python, script, patienceMs));
  signal?.addEventListener('abort', () => peers.close(), { once: true });
  if (signal?.aborted) peers.close();
  try {
    const why = await peers.start();
    if (why === null) return peers;
    peers.close();
    return { why };
  } catch (error) {
    peers.close();
    if (error instanceof LacError) return { why: error.message };
    throw error;
  }
}

/** Above this file, which lies in benchmark/ or in dist/benchmark/. */
function packagedScript(): string | null {
  const places = ['../python/lac_bench_peers.py', '../../python/lac_bench_peers.py'];
  return places.map((place) => fileURLToPath(new URL(place, import.meta.url))).find((path) => existsSync(path)) ?? null;
}

const nobody: Doing = () => {};
const refused = (why: string): LacError => new LacError(diagnostic('LAC0932', why));

class Libraries implements Peers {
  readonly #spawn: () => PeerProcess;
  #process: PeerProcess | null = null;
  #closed = false;

  constructor(spawn: () => PeerProcess) {
    this.#spawn = spawn;
  }

  /** Null, or why nothing can be measured there. Throws LacError LAC0932. */
  async start(): Promise<string | null> {
    if (this.#closed) throw refused('it was closed');
    this.#process = this.#spawn();
    return readStart(await this.#process.ask({ op: 'start' }, nobody));
  }

  async open(point: PeerPoint, onDoing: Doing): Promise<readonly PeerState[]> {
    const lost = new Map<string, string>();
    for (;;) {
      const process = await this.#running();
      try {
        const without = [...lost.keys()];
        const states = readStates(await process.ask({ op: 'open', point, without }, onDoing));
        return [...states, ...[...lost].map(([name, why]) => ({ name, why }))];
      } catch (error) {
        const { peer, hasEnded } = process;
        if (this.#closed || !hasEnded || peer === null || lost.has(peer)) throw error;
        lost.set(peer, (error as Error).message);
      }
    }
  }

  async sample(names: readonly string[], count: number, onDoing: Doing): Promise<ReadonlyMap<string, Samples>> {
    const process = await this.#running();
    return readSamples(await process.ask({ op: 'sample', names, count }, onDoing), names, count);
  }

  close(): void {
    this.#closed = true;
    this.#process?.end('it was closed');
  }

  async #running(): Promise<PeerProcess> {
    if (this.#closed) throw refused('it was closed');
    if (this.#process?.hasEnded === true) {
      const why = await this.start();
      if (why !== null) throw refused(why);
    }
    if (this.#process === null) throw refused('it was never started');
    return this.#process;
  }
}
