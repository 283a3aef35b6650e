/** The parent's side of the processes that compile ahead of a worker, so that it has to load, check and time only. */
import { availableParallelism } from 'node:os';
import type { ArgFacts } from '../../compiler/artifact.js';
import type { Config } from '../../driver/configurations.js';
import type { Dims } from '../../driver/reference.js';
import type { Clock } from '../../runtime/clock.js';
import type { Modelled } from '../model/kernel-model.js';
import type { Row, Verdict } from '../types.js';
import {
  type Commission,
  type Compilation,
  type CompilerStage,
  type FromCompiler,
  readCompilerMessage,
  type ToCompiler,
} from './compiler-protocol.js';
import { hangText, type Timeouts } from './deadline.js';
import { ChildLink, type Death } from './link.js';
import type { DeviceDescription } from './protocol.js';

/** More than a GPU checks and times meanwhile. */
const MOST = 6;
/** Processors that the tuner and its worker have for themselves. */
const KEPT_PROCESSORS = 2;
/** A driver that compiles has a context on the GPU, which takes so much there. */
const CONTEXT_BYTES = 2 ** 29;
/** Share of the GPU's memory that contexts may take. */
const CONTEXT_SHARE = 1 / 16;
/** Ends of compilers, as long as none has done anything, after which nothing more is compiled ahead. */
const MAX_DEATHS = 2;

/** How many compilers a host can spare for a GPU. */
export const mostCompilers = (processors = availableParallelism()): number =>
  Math.max(0, Math.min(MOST, processors - KEPT_PROCESSORS));

/** As many for this device. Where it is the processors, none. */
export function compilersFor(
  { info, properties }: Pick<DeviceDescription, 'info' | 'properties'>,
  processors?: number,
): number {
  if (info.kind !== 'gpu') return 0;
  const contexts = properties === undefined ? MOST : (properties.memoryBytes * CONTEXT_SHARE) / CONTEXT_BYTES;
  return Math.min(mostCompilers(processors), Math.floor(contexts));
}

type Answer = Extract<FromCompiler, { readonly kind: 'compiled' | 'modelled' }>;

interface Job {
  readonly request: Extract<ToCompiler, { readonly config: Config }>;
  /** Null: there is none, and `row` says what became of the configuration, if that is sure. */
  readonly done: (answer: Answer | null, row: Row | null) => void;
}

/** One process. */
interface Compiler {
  readonly link: ChildLink<FromCompiler, ToCompiler>;
  /** What it was told to compile for. */
  told: Commission | null;
  /** And is ready to. */
  isReady: boolean;
  /** It was ready for something: what it needs is loaded. */
  isLoaded: boolean;
  job: Job | null;
  /** It took too long for this, and is being killed. */
  hangs: CompilerStage | null;
  /** Calls off its deadline. */
  callOff: () => void;
}

export interface CompilersOptions {
  readonly entry: URL;
  readonly clock: Clock;
  readonly timeouts: Timeouts;
  readonly onCompiler: (pid: number, isReady: boolean) => void;
  readonly onStage: (pid: number, stage: CompilerStage | 'done', config: Config) => void;
}

export class Compilers {
  readonly #options: CompilersOptions;
  readonly #compilers = new Set<Compiler>();
  readonly #queue: Job[] = [];
  #commission: Commission | null = null;
  /** One of them has compiled something: what ends them from now on are configurations. */
  #isProven = false;
  #deaths = 0;
  #isClosed = false;

  constructor(options: CompilersOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#compilers.size;
  }

  /** Processes that load what they need until there is something to compile. */
  start(count: number): void {
    if (this.#isClosed) return;
    for (let i = this.count; i < count; i++) this.#start();
  }

  /** What there is to compile from now on, and how many are to do it. */
  begin(count: number, commission: Commission): void {
    this.leave();
    const compilers = [...this.#compilers];
    for (const { link } of compilers.slice(count)) void link.close(this.#options.timeouts.endMs);
    this.#commission = commission;
    for (const compiler of compilers.slice(0, count)) this.#instruct(compiler);
    if (this.#deaths < MAX_DEATHS) this.start(count);
  }

  /** The reduced sizes of what there is to compile, where they are not as usual. */
  reduce(dims: Dims): void {
    const before = this.#commission;
    if (before === null) return;
    this.#commission = { ...before, reduced: dims };
    for (const compiler of this.#compilers) {
      if (compiler.told !== before) continue;
      compiler.told = this.#commission;
      compiler.link.send({ kind: 'reduced', dims });
    }
  }

  /** There is nothing more to compile, and nobody waits for what is under way. */
  leave(): void {
    this.#commission = null;
    for (const { done } of this.#queue.splice(0)) done(null, null);
    for (const { job } of this.#compilers) job?.done(null, null);
  }

  #start(): void {
    const { entry, clock, onCompiler } = this.#options;
    const link = new ChildLink<FromCompiler, ToCompiler>(entry, clock, {
      read: readCompilerMessage,
      message: (message) => this.#onMessage(compiler, message),
      ended: (death) => this.#onEnd(compiler, death),
    });
    const compiler: Compiler = {
      ...{ link, told: null, isReady: false, isLoaded: false },
      ...{ job: null, hangs: null, callOff: () => {} },
    };
    this.#compilers.add(compiler);
    this.#instruct(compiler);
    if (link.pid !== undefined) onCompiler(link.pid, false);
  }

  /** One that is at something is told afterwards. */
  #instruct(compiler: Compiler): void {
    const commission = this.#commission;
    const isAtSomething = compiler.job !== null || (compiler.told !== null && !compiler.isReady);
    if (commission === null || compiler.told === commission || compiler.hangs !== null || isAtSomething) return;
    compiler.told = commission;
    compiler.isReady = false;
    this.#expect(compiler, 'open');
    compiler.link.send({ kind: 'begin', commission });
  }

  /** Whether it compiles for what there is to compile now. */
  #isUpToDate({ told }: Compiler): boolean {
    return told !== null && told === this.#commission;
  }

  /** Null: the worker compiles it itself. */
  compile(config: Config): Promise<Compilation | null> | null {
    return this.#ask({ kind: 'compile', config }, (answer, row) => {
      if (answer?.kind === 'compiled') return answer.compilation;
      return row === null ? null : { row };
    });
  }

  /** Null: the caller finds out itself. */
  model(config: Config, facts?: Readonly<Record<string, ArgFacts>>): Promise<Modelled | null> | null {
    const request = { kind: 'model', config, ...(facts && { facts }) } as const;
    return this.#ask(request, (answer) => (answer?.kind === 'modelled' ? answer.modelled : null));
  }

  #ask<T>(request: Job['request'], read: (...outcome: Parameters<Job['done']>) => T): Promise<T> | null {
    // The first ones do not wait for processes to start.
    if (![...this.#compilers].some((c) => c.isLoaded && this.#isUpToDate(c))) return null;
    return new Promise((resolve) => {
      this.#queue.push({ request, done: (...outcome) => resolve(read(...outcome)) });
      this.#hand();
    });
  }

  #hand(): void {
    for (const compiler of this.#compilers) {
      const isFree = compiler.isReady && compiler.job === null && compiler.hangs === null;
      if (!isFree || !this.#isUpToDate(compiler)) continue;
      const job = this.#queue.shift();
      if (job === undefined) return;
      compiler.job = job;
      this.#expect(compiler, 'compile');
      compiler.link.send(job.request);
    }
    if (this.#compilers.size === 0) for (const { done } of this.#queue.splice(0)) done(null, null);
  }

  /** What it is at from now on, and for how long at most. */
  #expect(compiler: Compiler, stage: CompilerStage | null): void {
    compiler.callOff();
    compiler.callOff = (): void => {};
    if (stage === null) return;
    compiler.callOff = this.#options.clock.after(this.#options.timeouts[`${stage}Ms`], () => {
      compiler.hangs = stage;
      compiler.link.kill();
    });
  }

  #onMessage(compiler: Compiler, message: FromCompiler): void {
    if (compiler.hangs !== null) return;
    if (message.kind === 'stage') {
      this.#expect(compiler, message.stage);
      this.#say(compiler, message.stage);
      return;
    }
    this.#expect(compiler, null);
    const { job } = compiler;
    if (message.kind === 'ready') {
      compiler.isReady = true;
      compiler.isLoaded = true;
      const { pid } = compiler.link;
      if (pid !== undefined && this.#isUpToDate(compiler)) this.#options.onCompiler(pid, true);
    } else if (job === null) compiler.link.distrust();
    else {
      this.#say(compiler, 'done');
      this.#isProven ||= message.kind === 'compiled' && message.compilation !== null;
      compiler.job = null;
      job.done(message, null);
    }
    this.#instruct(compiler);
    this.#hand();
  }

  #say(compiler: Compiler, stage: CompilerStage | 'done'): void {
    const { link, job } = compiler;
    if (link.pid !== undefined && job?.request.kind === 'compile' && this.#isUpToDate(compiler))
      this.#options.onStage(link.pid, stage, job.request.config);
  }

  #onEnd(compiler: Compiler, death: Death): void {
    compiler.callOff();
    this.#compilers.delete(compiler);
    const { job, hangs } = compiler;
    const fault: { state: Verdict; why: string } = hangs === null ? death : { state: 'hang', why: hangText(hangs) };
    // As long as none has done anything it may be the process itself that cannot be.
    const isSure = this.#isProven && !this.#isClosed;
    job?.done(null, isSure ? { config: job.request.config, ...fault } : null);
    if (!this.#isProven) this.#deaths++;
    if (!this.#isClosed && job !== null && this.#deaths < MAX_DEATHS) this.#start();
    this.#hand();
  }

  /** Resolves when no process is left, within a second. What is under way is left to the worker. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const { done } of this.#queue.splice(0)) done(null, null);
    await Promise.all([...this.#compilers].map(({ link }) => link.close(this.#options.timeouts.endMs)));
  }
}
