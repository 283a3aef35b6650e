/** The parent's side of processes that ask the references of the next problems, while a GPU is busy with another. */
import type { Clock } from '../../runtime/clock.js';
import type { Problem } from '../types.js';
import { ChildLink } from './link.js';
import { type DeviceDescription, isKnown, isRecord, type Known } from './protocol.js';
import type { DeviceKind } from './subject.js';

/** Problems whose references are asked ahead, each in a process of its own: what is known of more is not kept. */
const AHEAD = 2;

/** How many processes there are to be where so many processors are to spare. Where the device is the processors, none. */
export const referencesFor = ({ info }: Pick<DeviceDescription, 'info'>, spare: number): number =>
  info.kind === 'gpu' ? Math.max(0, Math.min(AHEAD, spare)) : 0;

export interface ToReferences {
  readonly id: number;
  readonly problem: Problem;
  /** Of the device, on which the sizes depend. */
  readonly kind: DeviceKind;
}

/** Null: the worker has to find out by itself. */
export interface FromReferences {
  readonly id: number;
  readonly known: Known | null;
}

const readAnswer = (x: unknown): FromReferences | null =>
  isRecord(x) && Number.isSafeInteger(x.id) && (x.known === null || isKnown(x.known))
    ? (x as unknown as FromReferences)
    : null;

interface Job {
  readonly id: number;
  readonly problem: Problem;
  readonly known: Promise<Known | null>;
  readonly done: (known: Known | null) => void;
  isBegun: boolean;
}

interface Process {
  readonly link: ChildLink<FromReferences, ToReferences>;
  job: Job | null;
  /** It is being killed, and not heard any more. */
  isEnding: boolean;
  /** Calls off its deadline. */
  callOff: () => void;
}

export interface ReferencesOptions {
  readonly entry: URL;
  readonly clock: Clock;
  /** How long a reference may take. */
  readonly referenceMs: number;
  /** All there are, in order. */
  readonly problems: readonly Problem[];
}

export class References {
  readonly #options: ReferencesOptions;
  /** Of problems that did not have their turn yet, in order. */
  readonly #coming: Job[];
  readonly #processes = new Set<Process>();
  #kind: DeviceKind = 'gpu';
  /** Processes at once. */
  #count = 0;

  constructor(options: ReferencesOptions) {
    this.#options = options;
    this.#coming = options.problems.map(jobOf);
  }

  /** From now on the next ones are asked, by so many processes. */
  start(count: number, kind: DeviceKind): void {
    this.#count = count;
    this.#kind = kind;
    this.#hand();
  }

  /**
   * It is the turn of this problem; those before it have had theirs. Null: nobody has begun to ask its reference. What it
   * resolves to is null where asking it came to nothing.
   */
  of(problem: Problem): Promise<Known | null> | null {
    const at = this.#coming.findIndex((job) => job.problem === problem);
    const job = this.#coming.splice(0, at + 1).at(-1);
    this.#hand();
    return job?.isBegun ? job.known : null;
  }

  #hand(): void {
    for (const job of this.#coming.slice(0, AHEAD)) {
      const process = job.isBegun ? null : this.#free();
      if (process === null) continue;
      job.isBegun = true;
      process.job = job;
      process.callOff = this.#options.clock.after(this.#options.referenceMs, () => this.#end(process));
      process.link.send({ id: job.id, problem: job.problem, kind: this.#kind });
    }
    if (this.#coming.every((job) => job.isBegun))
      for (const process of this.#processes) if (process.job === null) this.#end(process);
  }

  #end(process: Process): void {
    if (process.isEnding) return;
    process.isEnding = true;
    process.link.kill();
  }

  /** Null: all are busy. */
  #free(): Process | null {
    for (const process of this.#processes) if (process.job === null && !process.isEnding) return process;
    return this.#processes.size < this.#count ? this.#start() : null;
  }

  #start(): Process {
    const { entry, clock } = this.#options;
    const link = new ChildLink<FromReferences, ToReferences>(entry, clock, {
      read: readAnswer,
      message: ({ id, known }) => {
        if (process.isEnding) return;
        if (id === process.job?.id) this.#settle(process, known);
        // What nobody asked it is no answer.
        else this.#end(process);
      },
      ended: () => {
        this.#processes.delete(process);
        this.#settle(process, null);
      },
    });
    const process: Process = { link, job: null, isEnding: false, callOff: () => {} };
    this.#processes.add(process);
    return process;
  }

  #settle(process: Process, known: Known | null): void {
    process.callOff();
    process.job?.done(known);
    process.job = null;
    this.#hand();
  }

  /** Resolves when no process is left, within a second: they have nothing to give back. Nothing is known of what is under way. */
  async close(): Promise<void> {
    this.#coming.length = 0;
    await Promise.all([...this.#processes].map(({ link }) => link.end()));
  }
}

function jobOf(problem: Problem, id: number): Job {
  let done: Job['done'] = () => {};
  const known = new Promise<Known | null>((resolve) => {
    done = resolve;
  });
  return { id, problem, known, done, isBegun: false };
}
