/** The parent's side: a bench whose work is done by a child process, which is replaced when it ends badly. */

import { diagnostic, LacError } from '../../compiler/diag/diagnostic.js';
import type { Config } from '../../driver/configurations.js';
import { type Clock, SYSTEM_CLOCK } from '../../runtime/clock.js';
import type { Bench } from '../search/search.js';
import type { Problem, Row, Samples, Verdict } from '../types.js';
import type { CompilerStage } from './compiler-protocol.js';
import { blamed, hangText, type Job, nextDue, Speed, type Timeouts, timeoutsOf } from './deadline.js';
import { ChildLink, type Death, type LinkEvents } from './link.js';
import {
  type Answer,
  type AnswerTo,
  answers,
  type Caches,
  type DeviceDescription,
  type FromChild,
  type Known,
  type ProgramOf,
  type Request,
  readMessage,
  type Stage,
  type Trusted,
} from './protocol.js';
import { type Link, vacated } from './vacate.js';
import { errorOf } from './verdict.js';

export type WorkerEvent =
  | { readonly kind: 'started'; readonly device: string; readonly pid: number }
  | { readonly kind: 'stage'; readonly device: string; readonly stage: Stage; readonly configs: readonly Config[] }
  /** A process that compiles ahead has started, or waits for the first thing to compile. */
  | { readonly kind: 'compiler'; readonly device: string; readonly pid: number; readonly isReady: boolean }
  /** What it is at. */
  | {
      readonly kind: 'ahead';
      readonly device: string;
      readonly pid: number;
      readonly stage: CompilerStage | 'done';
      readonly config: Config;
    }
  /** It checks configurations too, from now on. */
  | { readonly kind: 'joined'; readonly device: string }
  /** It does not, or no more; the others go on. */
  | { readonly kind: 'absent'; readonly device: string; readonly why: string }
  /** A child ended that was not asked to, and another takes its place. */
  | { readonly kind: 'replaced'; readonly device: string; readonly state: Verdict; readonly why: string };

export interface WorkerOptions {
  /** A name that `openDevice` takes. */
  readonly device: string;
  readonly problem: Problem;
  /** Default: `cold`. */
  readonly caches?: Caches;
  /** Those that are not to be as the kind of device suggests. */
  readonly timeouts?: Partial<Timeouts>;
  /** The program of the child; it calls `serve`. */
  readonly entry?: URL;
  /** Processes that compile ahead. Default: what the host can spare for a GPU. */
  readonly compilers?: number;
  /** The program of these; it calls `compileAhead`. */
  readonly compilerEntry?: URL;
  readonly clock?: Clock;
  /** What it throws ends the worker, and is thrown to whoever waits for it. */
  readonly onEvent?: (event: WorkerEvent) => void;
}

/** Why a configuration is out, for no answer came. */
interface Fault {
  readonly state: Verdict;
  readonly why: string;
}

interface Sent<R extends Request = Request> extends Job {
  readonly request: R;
  readonly resolve: (outcome: AnswerTo<R['kind']> | Fault) => void;
  readonly reject: (error: Error) => void;
  /** A process ended while it was there, and it was not to blame. */
  met: boolean;
  /** Nothing else is to be under way: the next end is its own. */
  alone: boolean;
}

/** Faults one after another, with no configuration that ever worked, after which nothing more is tried. */
const MAX_FAULTS = 5;

const ENTRY = new URL('./child.js', import.meta.url);

export class DeviceWorker implements Bench {
  readonly #options: WorkerOptions;
  #timeouts: Timeouts;
  readonly #clock: Clock;
  /** Requests that the child has, by number. */
  readonly #sent = new Map<number, Sent>();
  readonly #queue: Sent[] = [];
  readonly #speed = new Speed();
  #link: Link | null = null;
  #device: DeviceDescription | null = null;
  #known: Known | null = null;
  #trusted: Trusted | null = null;
  /** The child has the problem. */
  #ready = false;
  /** Why the child is being killed, and for whose sake; null: it is not. */
  #killed: { readonly fault: Fault; readonly culprit: Sent | null } | null = null;
  #callOff = (): void => {};
  #numbered = 0;
  #faults: Verdict[] = [];
  #worked = false;
  #ended: Error | null = null;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#timeouts = timeoutsOf(options.timeouts);
    this.#clock = options.clock ?? SYSTEM_CLOCK;
  }

  /**
   * Throws LacError: whatever keeps the device, the kernel or its tensors from being there. `known`: what another worker knows
   * of the same problem on a device of the same kind. `kept`: a process that has the device open, and no problem.
   */
  async open(known: Known | null = null, kept: Link | null = null): Promise<void> {
    this.#known = known;
    try {
      // What a process that served others before cannot do is not held against the problem.
      if (kept !== null && (await this.#tryStart(kept)) === null) {
        if (this.#ended !== null) throw this.#ended;
        return;
      }
      await this.#start();
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** What `openDevice` takes. */
  get name(): string {
    return this.#options.device;
  }

  get device(): DeviceDescription {
    if (this.#device === null) throw new Error('the worker has no device yet');
    return this.#device;
  }

  /** For another worker with the same problem. */
  get known(): Known | null {
    return this.#known;
  }

  /** A child process, with device and problem. */
  async #start(kept: Link | null = null): Promise<void> {
    if (this.#ended !== null) throw this.#ended;
    this.#ready = false;
    const events: LinkEvents<FromChild> = {
      read: readMessage,
      message: (message) => this.#onMessage(link, message),
      ended: (death) => this.#onEnd(link, death),
    };
    const link: Link = kept ?? new ChildLink(this.#options.entry ?? ENTRY, this.#clock, events);
    kept?.hand(events);
    this.#link = link;
    const { device, problem, caches = 'cold' } = this.#options;
    if (kept === null && link.pid !== undefined) this.tell({ kind: 'started', device, pid: link.pid });
    const request = { kind: 'open', device, problem, caches, known: this.#known, trusted: this.#trusted } as const;
    const outcome = await this.#submit(request, true);
    if ('state' in outcome) throw new LacError(noWorker(device, `opening it: ${outcome.why}`));
    this.#device = outcome.device;
    this.#timeouts = timeoutsOf(this.#options.timeouts, outcome.device.info.kind);
    this.#known = outcome.known;
    this.#ready = true;
    this.#pump();
  }

  /** Where whoever listens throws, it is thrown to those who wait, and nothing goes on: promises that nobody settles would be left. */
  tell(event: WorkerEvent): void {
    try {
      this.#options.onEvent?.(event);
    } catch (error) {
      this.#stop(asError(error));
      this.#link?.kill();
    }
  }

  /** Rejected where the request is not at fault: nothing can go on. */
  #submit<R extends Request>(request: R, first = false): Promise<AnswerTo<R['kind']> | Fault> {
    if (this.#ended !== null) return Promise.reject(this.#ended);
    return new Promise<AnswerTo<R['kind']> | Fault>((resolve, reject) => {
      const now = this.#clock.now();
      const sent: Sent<R> = { request, stage: 'waiting', since: now, resolve, reject, met: false, alone: false };
      if (first) this.#send(sent as unknown as Sent);
      else this.#queue.push(sent as unknown as Sent);
      this.#pump();
    });
  }

  #pump(): void {
    while (this.#ready && this.#queue.length > 0) {
      const next = this.#queue[0] as Sent;
      const busy = this.#sent.size > 0;
      if (busy && (next.alone || [...this.#sent.values()].some((s) => s.alone))) break;
      this.#queue.shift();
      this.#send(next);
    }
    this.#watch();
  }

  #send(sent: Sent): void {
    const id = ++this.#numbered;
    sent.stage = 'waiting';
    sent.since = this.#clock.now();
    this.#sent.set(id, sent);
    this.#link?.send({ id, request: sent.request });
    this.#watch();
  }

  /** Waits for the first deadline. */
  #watch(): void {
    this.#callOff();
    this.#callOff = (): void => {};
    const due = nextDue(this.#sent.values(), this.#timeouts, this.#speed);
    if (due === null || this.#link === null) return;
    const link = this.#link;
    this.#callOff = this.#clock.after(Math.max(0, due.at - this.#clock.now()), () => {
      this.#killed = { fault: { state: 'hang', why: hangText(due.job.stage) }, culprit: due.job };
      link.kill();
    });
  }

  #onMessage(link: Link, message: FromChild): void {
    const sent = this.#sent.get(message.id);
    if (link !== this.#link || sent === undefined || this.#killed !== null) return;
    if ('stage' in message) {
      sent.stage = message.stage;
      sent.since = this.#clock.now();
      this.tell({
        kind: 'stage',
        device: this.#options.device,
        stage: message.stage,
        configs: configsOf(sent.request),
      });
      this.#watch();
      return;
    }
    if (message.answer.kind !== 'failed' && !answers(sent.request, message.answer)) {
      link.distrust();
      return;
    }
    this.#sent.delete(message.id);
    this.#settle(sent, message.answer);
    if (message.unfit && this.#ended === null) {
      // Its answer is given; what else is under way has no part in it.
      this.#killed = { fault: faultIn(message.answer), culprit: null };
      link.kill();
    }
    this.#pump();
  }

  #settle(sent: Sent, answer: Answer): void {
    if (answer.kind === 'failed') {
      const { request } = sent;
      if (request.kind === 'open') sent.reject(errorOf(answer.failure));
      else sent.resolve({ state: 'error', why: answer.failure.message });
      return;
    }
    if (answer.kind === 'prepared') this.#learn(answer);
    sent.resolve(answer);
  }

  #learn({ row, launchMs, trusted, known }: Extract<Answer, { kind: 'prepared' }>): void {
    this.#trusted = trusted ?? this.#trusted;
    this.#known = known ?? this.#known;
    if (row.state === 'open') this.#worked = true;
    if (launchMs !== null) this.#speed.learn(row.config, launchMs);
  }

  #onEnd(link: Link, death: Death): void {
    if (link !== this.#link) return;
    this.#callOff();
    const jobs = [...this.#sent.values()];
    const [killed, opened] = [this.#killed, this.#ready];
    this.#sent.clear();
    this.#killed = null;
    this.#link = null;
    this.#ready = false;
    if (this.#ended !== null) return;
    const culprit = killed === null ? blamed(jobs) : killed.culprit;
    const fault = killed?.fault ?? death;
    for (const job of jobs.reverse()) {
      if (job === culprit || !opened || (killed === null && job.alone)) job.resolve(fault);
      else this.#again(job, killed === null && culprit === null);
    }
    // Whoever opens it hears what came of that.
    if (!opened) return;
    this.tell({ kind: 'replaced', device: this.#options.device, ...fault });
    void this.#replace(fault);
  }

  /** What was only there is done again. Of several any of which may be to blame, each on its own. */
  #again(job: Sent, suspect: boolean): void {
    job.alone ||= suspect || job.met;
    job.met = true;
    this.#queue.unshift(job);
  }

  async #replace({ state, why }: Fault): Promise<void> {
    if (!this.#worked) this.#faults.push(state);
    const same = this.#faults.every((s) => s === state) && !this.#worked;
    if (same && this.#faults.length >= MAX_FAULTS) {
      const text = `${MAX_FAULTS} configurations ended it in the same way: ${why}`;
      this.#stop(new LacError(noWorker(this.#options.device, text)));
      return;
    }
    // A driver may need a moment to forget the process that was killed.
    const error = (await this.#tryStart()) === null ? null : await this.#tryStart();
    if (error !== null) this.#stop(error);
  }

  async #tryStart(kept: Link | null = null): Promise<Error | null> {
    try {
      if (this.#ended === null) await this.#start(kept);
      return null;
    } catch (error) {
      this.#link?.kill();
      await this.#link?.ended;
      return asError(error);
    }
  }

  #stop(error: Error): void {
    this.#ended ??= error;
    for (const job of [...this.#queue.splice(0), ...this.#sent.values()]) job.reject(this.#ended);
    this.#sent.clear();
  }

  /** `programs`: what was compiled of it already. */
  async prepare(config: Config, programs: readonly ProgramOf[] = []): Promise<Row> {
    const outcome = await this.#submit({ kind: 'prepare', config, programs });
    return 'state' in outcome ? { config, ...outcome } : outcome.row;
  }

  async sample(configs: readonly Config[], count: number, bestMs?: number): Promise<readonly (Samples | Row)[]> {
    if (configs.length === 0) return [];
    const outcome = await this.#submit({ kind: 'sample', configs, count, ...(bestMs !== undefined && { bestMs }) });
    if (!('state' in outcome) && outcome.results !== null) return outcome.results;
    const [config, ...others] = configs as readonly [Config, ...Config[]];
    if (others.length === 0) return [{ config, ...('state' in outcome ? outcome : NOT_TIMED) }];
    const each: (Samples | Row)[] = [];
    for (const one of configs) each.push(...(await this.sample([one], count, bestMs)));
    return each;
  }

  async recheck(config: Config): Promise<Row | null> {
    const outcome = await this.#submit({ kind: 'recheck', config });
    return 'state' in outcome ? { config, ...outcome } : outcome.row;
  }

  /** Resolves when the child is gone, within a second. What is under way is rejected. Idempotent. */
  async close(): Promise<void> {
    const link = this.#quit();
    await link?.close(this.#timeouts.endMs);
  }

  /**
   * As `close`, but for the child where that is well and able to end soon what is under way: it has the device open and no
   * problem. `signal`: it is to be gone.
   */
  async release(signal?: AbortSignal): Promise<Link | null> {
    const isFit = this.#ready && this.#killed === null && this.#ended === null;
    const link = this.#quit();
    if (link === null) return null;
    this.#link = null;
    const { leaveMs, endMs } = this.#timeouts;
    if (isFit && (await vacated(link, { id: ++this.#numbered, clock: this.#clock, leaveMs, signal }))) return link;
    await link.close(endMs);
    return null;
  }

  #quit(): Link | null {
    this.#stop(new Error(`the worker of ${this.#options.device} was closed`));
    this.#callOff();
    return this.#link;
  }
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));

const NOT_TIMED: Fault = { state: 'error', why: 'it could not be timed' };

const configsOf = (request: Request): readonly Config[] => {
  if (request.kind === 'open' || request.kind === 'leave') return [];
  return request.kind === 'sample' ? request.configs : [request.config];
};

/** What made a child unfit. */
function faultIn(answer: Answer): Fault {
  const rows =
    answer.kind === 'sampled'
      ? (answer.results ?? [])
      : answer.kind === 'prepared' || answer.kind === 'rechecked'
        ? [answer.row]
        : [];
  for (const row of rows)
    if (row !== null && 'state' in row && (row.state === 'lost' || row.state === 'memory'))
      return { state: row.state, why: row.why ?? row.state };
  return { state: 'error', why: answer.kind === 'failed' ? answer.failure.message : 'timing failed' };
}

/** Without a name it is the best device there is. */
const noWorker = (device: string, why: string) =>
  diagnostic('LAC0925', `the worker${device && ` of ${device}`} cannot go on: ${why}`, null, {
    help: [`lac run${device && ` --device ${device}`} shows what the device says by itself`],
  });
