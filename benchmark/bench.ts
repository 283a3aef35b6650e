import { LacError } from '../compiler/diag/diagnostic.js';
import { inputDtypes } from '../driver/compile.js';
import type { Config } from '../driver/configurations.js';
import { deviceKey } from '../driver/device-key.js';
import { isTensorArg } from '../driver/inputs.js';
import { type Settled, settle } from '../driver/preflight.js';
import type { Dims, OptionValue, Reference } from '../driver/reference.js';
import { type KernelDecl, optionValues, type PlanDecl } from '../driver/source.js';
import { milliseconds } from '../reporting/figures.js';
import type { Device } from '../runtime/device.js';
import { measure } from '../tuner/measure.js';
import type { Samples } from '../tuner/types.js';
import { ceilingsFor } from './ceilings.js';
import { storedEntry } from './compare.js';
import { type Candidate, Contender, type PointRequest, WrongResult } from './contender.js';
import { figuresOf } from './figures.js';
import type { Doing, Peers } from './peers.js';
import type { BenchRun, CeilingName, Ceilings, Entry, Place, Point } from './types.js';
import { arithmeticCeiling, boundOf, workOf } from './work.js';

/** A kernel, and the one that is measured beside it. */
export interface Job {
  readonly decl: KernelDecl | PlanDecl;
  readonly reference: Reference | null;
  /** Whether results are compared with the reference. */
  readonly checked: boolean;
  readonly baseline: Pick<Candidate, 'name' | 'decl' | 'reference'> | null;
}

/** A run that was stored, and how it is called. */
export interface StoredRun {
  readonly name: string;
  readonly run: BenchRun;
}

export interface BenchRequest {
  readonly jobs: readonly Job[];
  /** Sizes of every point, over those of the references. */
  readonly points: readonly Dims[];
  readonly dtypes: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, OptionValue>>;
  readonly config: Config;
  readonly seed: number;
  /** Elements of all arguments up to which the f64 reference is asked at full sizes. Default 2^20: seconds, not minutes. */
  readonly affordable?: number;
  /** Samples of each contender; fewer where launches are slow. */
  readonly samples: number;
  /** Milliseconds of sampling, of all points together. */
  readonly budgetMs: number | null;
  /** What stands beside the points that it has. */
  readonly stored: StoredRun | null;
  readonly peers: Peers | null;
  /** What is known to be left out. */
  readonly notes: readonly string[];
  readonly signal: AbortSignal;
  readonly onProgress: (what: string) => void;
  /** With the run as it is then. */
  readonly onPoint: (point: Point, soFar: BenchRun) => void;
}

const AFFORDABLE = 2 ** 20;
/** Milliseconds of sampling for one contender, where nobody says. */
const SAMPLES_MS = 1000;
/** A launch that takes longer is not timed. */
const LIMIT_MS = 60_000;

/**
 * Measures every kernel at every point: compiled, compared with its reference, timed in turn with what stands beside it,
 * looked at again. Faults of one contender are entries. Throws LacError for what no point can do: unknown names, a device
 * that is lost. An interrupted run ends after the point at hand.
 */
export async function bench(device: Device, request: BenchRequest): Promise<BenchRun> {
  const points: Point[] = [];
  const notes = new Set<string>(request.notes);
  const ceilings: Record<string, Ceilings[CeilingName]> = {};
  const soFar = (): BenchRun => ({
    ...{ device: device.name, fingerprint: deviceKey(device).device, date: new Date().toISOString() },
    ...{ ceilings: knownOf(ceilings), points: [...points], notes: [...notes] },
  });
  for (const job of request.jobs)
    for (const dims of request.points) {
      if (request.signal.aborted) break;
      const one = await new PointRun(device, request, job, dims, ceilings, notes).run();
      points.push(one);
      request.onPoint(one, soFar());
    }
  if (request.signal.aborted) notes.add('interrupted: points are missing');
  return soFar();
}

/** The points that will be measured; everything about them that can be refused before a device is opened is. Throws LacError. */
export function checkRequest(
  request: Pick<BenchRequest, 'jobs' | 'points' | 'dtypes' | 'options' | 'config'>,
): readonly Place[] {
  return request.jobs.flatMap((job) => request.points.map((dims) => placeOf(settled(request, job, dims))));
}

const placeOf = ({ decl, dims, dtypes }: Settled): Place => {
  return { kernel: decl.name, dims, dtypes, options: optionValues(decl) };
};

const settled = (
  request: Pick<BenchRequest, 'dtypes' | 'options' | 'config'>,
  { decl, reference }: Job,
  dims: Dims,
): Settled => settle({ ...request, decl, reference, dims, check: false, values: false });

/** Without those that the device does not have. */
const knownOf = (ceilings: Readonly<Record<string, Ceilings[CeilingName]>>): Ceilings =>
  Object.fromEntries(Object.entries(ceilings).filter(([, ceiling]) => ceiling !== undefined));

/** Rounds in which kernels and libraries take turns: clocks that sink sink for both. */
const ROUNDS = 2;

type Named = Pick<Entry, 'role' | 'name'>;
const keyOf = ({ role, name }: Named): string => `${role} ${name}`;

class PointRun {
  readonly #device: Device;
  readonly #request: BenchRequest;
  readonly #job: Job;
  readonly #dims: Dims;
  readonly #ceilings: Record<string, Ceilings[CeilingName]>;
  readonly #notes: Set<string>;
  readonly #entries = new Map<string, Entry>();
  readonly #contenders: Contender[] = [];
  readonly #samples = new Map<string, Samples[]>();

  constructor(
    device: Device,
    request: BenchRequest,
    job: Job,
    dims: Dims,
    ceilings: Record<string, Ceilings[CeilingName]>,
    notes: Set<string>,
  ) {
    this.#device = device;
    this.#request = request;
    this.#job = job;
    this.#dims = dims;
    this.#ceilings = ceilings;
    this.#notes = notes;
  }

  async run(): Promise<Point> {
    const point = settled(this.#request, this.#job, this.#dims);
    const { decl, dims, dtypes } = point;
    const options = optionValues(decl);
    const where = Object.entries(dims).map(([name, size]) => `${name}=${size}`);
    const says: Doing = (what) => this.#request.onProgress(`${decl.name} ${where.join(' ')}: ${what}`);
    try {
      says('compiling and checking');
      for (const candidate of this.#candidates()) await this.#open(candidate);
      this.#crossCheck();
      const peers = await this.#openPeers(point, says);
      const touched = this.#kernel()?.touched ?? new Set(decl.args.filter(isTensorArg).map((arg) => arg.name));
      const work = workOf(decl, this.#job.reference, { dims, dtypes, options, touched });
      const arithmetic = arithmeticCeiling(this.#kernel()?.hasProducts ?? false, inputDtypes(decl, dtypes));
      await this.#needCeilings(work.flops === null ? ['copy'] : ['copy', arithmetic], says);
      says('measuring');
      await this.#time(peers, says);
      await this.#recheck();
      const bound = boundOf(work, this.#ceilings as Ceilings, arithmetic);
      const made: Point = { ...placeOf(point), work, bound, entries: this.#timed() };
      return this.#withStored(made);
    } finally {
      for (const contender of this.#contenders) contender.free();
    }
  }

  #candidates(): Candidate[] {
    const { decl, reference, checked: asked, baseline } = this.#job;
    const { config } = this.#request;
    const checked = asked && reference !== null;
    const own: Candidate = { role: 'kernel', name: decl.name, decl, reference, checked, config };
    // Knobs are the kernel's: those of the baseline are its own affair.
    return baseline === null
      ? [own]
      : [own, { ...baseline, role: 'baseline', checked: asked && baseline.reference !== null, config: {} }];
  }

  #kernel(): Contender | undefined {
    return this.#contenders.find((c) => c.candidate.role === 'kernel');
  }

  async #open(candidate: Candidate): Promise<void> {
    const { dtypes, options, seed, affordable = AFFORDABLE } = this.#request;
    const asked: PointRequest = { dims: this.#dims, dtypes, options, seed, affordable };
    try {
      const contender = await Contender.open(candidate, asked, this.#device);
      this.#contenders.push(contender);
      const state = candidate.checked ? 'measured' : 'unchecked';
      this.#enter(candidate, { state, ...contender.facts });
    } catch (error) {
      this.#fault(candidate, error);
    }
  }

  #enter({ role, name }: Candidate, rest: Omit<Entry, 'role' | 'name'>): void {
    this.#entries.set(keyOf({ role, name }), { role, name, ...rest });
  }

  /** A fault of one contender. A device that is gone is nobody's. */
  #fault(candidate: Candidate, error: unknown): void {
    if (error instanceof WrongResult) this.#enter(candidate, { state: 'wrong', why: error.message, ...error.facts });
    else if (error instanceof LacError && this.#device.state === 'open') {
      const [first] = error.diagnostics;
      if (first === undefined) throw error;
      this.#enter(candidate, { state: 'failed', why: first.message, code: first.code });
    } else throw error;
  }

  /** Two that are right at the sizes of the reference, and differ at these: nobody knows which is wrong. */
  #crossCheck(): void {
    const [a, b] = this.#contenders;
    const output = b && a?.differsFrom(b);
    if (a === undefined || b === undefined || output === undefined) return;
    for (const { candidate, facts } of [a, b]) {
      const why = `${output} of ${a.candidate.name} and of ${b.candidate.name} differ at these sizes`;
      this.#enter(candidate, { state: 'wrong', why, ...facts });
    }
  }

  async #openPeers({ decl, dims, dtypes }: Settled, says: Doing): Promise<readonly string[]> {
    const { peers, seed } = this.#request;
    if (peers === null) return [];
    try {
      const asked = { kernel: decl.name, dims, dtypes, options: optionValues(decl), seed };
      const states = await peers.open(asked, (what) => says(`peers: ${what}`));
      if (states.length === 0) this.#notes.add(`no peers are declared for ${decl.name}`);
      for (const peer of states) {
        const rest =
          'why' in peer
            ? { state: 'failed' as const, why: peer.why }
            : { state: 'measured' as const, rmse: peer.error };
        this.#entries.set(keyOf({ role: 'peer', name: peer.name }), { role: 'peer', name: peer.name, ...rest });
      }
      return states.flatMap((peer) => ('why' in peer ? [] : [peer.name]));
    } catch (error) {
      this.#withoutPeers(error);
      return [];
    }
  }

  #withoutPeers(error: unknown): void {
    if (!(error instanceof LacError)) throw error;
    this.#notes.add(`without peers: ${error.message}`);
  }

  async #needCeilings(names: readonly CeilingName[], says: Doing): Promise<void> {
    const missing = names.filter((name) => !(name in this.#ceilings));
    const made = await ceilingsFor(this.#device, missing, (name) => says(`measuring what the device can do: ${name}`));
    for (const name of missing) this.#ceilings[name] = made[name];
  }

  async #time(peers: readonly string[], says: Doing): Promise<void> {
    const running = this.#contenders.filter((c) => this.#entries.get(keyOf(c.candidate))?.state !== 'wrong');
    const rounds = peers.length > 0 ? ROUNDS : 1;
    const count = Math.max(1, Math.ceil(this.#request.samples / rounds));
    const each = this.#samplesMs(running.length + peers.length) / rounds;
    for (let round = 0; round < rounds && !this.#request.signal.aborted; round++) {
      const results = await measure(
        this.#device,
        running.map(({ sets }) => ({ sets })),
        { count, samplesMs: each, limitMs: LIMIT_MS },
      );
      results.forEach((result, i) => {
        const { candidate } = running[i] as Contender;
        if ('ms' in result) this.#sampled(candidate, result);
        else {
          const why = `a launch takes ${milliseconds(result.tooSlow.ms)}; it is not timed beyond ${milliseconds(LIMIT_MS)}`;
          this.#enter(candidate, { state: 'failed', why });
        }
      });
      await this.#samplePeers(peers, count, says);
    }
  }

  #samplesMs(contenders: number): number {
    const { budgetMs, jobs, points } = this.#request;
    return budgetMs === null ? SAMPLES_MS : budgetMs / (jobs.length * points.length * Math.max(1, contenders));
  }

  async #samplePeers(names: readonly string[], count: number, says: Doing): Promise<void> {
    const { peers } = this.#request;
    if (peers === null || names.length === 0) return;
    try {
      const sampled = await peers.sample(names, count, (what) => says(`peers: ${what}`));
      for (const [name, samples] of sampled) this.#sampled({ role: 'peer', name }, samples);
    } catch (error) {
      this.#withoutPeers(error);
    }
  }

  #sampled(who: Named, samples: Samples): void {
    const known = this.#samples.get(keyOf(who)) ?? [];
    this.#samples.set(keyOf(who), [...known, samples]);
  }

  async #recheck(): Promise<void> {
    for (const contender of this.#contenders) {
      if (!this.#samples.has(keyOf(contender.candidate))) continue;
      try {
        await contender.recheck();
      } catch (error) {
        this.#fault(contender.candidate, error);
      }
    }
  }

  /** A peer that was never sampled has no time; what is wrong has none that counts. */
  #timed(): Entry[] {
    return [...this.#entries.values()].map((entry): Entry => {
      const turns = this.#samples.get(keyOf(entry)) ?? [];
      const how = turns.some((t) => t.how === 'host') ? 'host' : 'timestamp';
      const ms = turns.flatMap((t) => t.ms);
      const right = entry.state === 'measured' || entry.state === 'unchecked';
      if (right && ms.length === 0) return { ...entry, state: 'failed', why: entry.why ?? 'it was not timed' };
      return right ? { ...entry, time: figuresOf({ ms, how }) } : entry;
    });
  }

  #withStored(point: Point): Point {
    const { stored } = this.#request;
    const entry = stored === null ? null : storedEntry(stored.run, point, stored.name);
    return entry === null ? point : { ...point, entries: [...point.entries, entry] };
  }
}
