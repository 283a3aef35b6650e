/** What the child of a worker does for one problem on one device. */

import type { Config } from '../../driver/configurations.js';
import { remember } from '../../driver/made-before.js';
import { checkDeviceMemory } from '../../driver/preflight.js';
import type { Prepared } from '../../driver/prepare.js';
import type { KernelDecl, PlanDecl } from '../../driver/source.js';
import type { Device } from '../../runtime/device.js';
import { behindByFar, type Contender, type MeasureOptions, measure, setsWanted, type TooSlow } from '../measure.js';
import { configKey } from '../search/knobs.js';
import type { Row, Samples } from '../types.js';
import { Arena } from './arena.js';
import { kernelsOf } from './kernels-of.js';
import type { Caches, Known, ProgramOf, Stage, Trusted } from './protocol.js';
import { resourcesOf } from './resources.js';
import type { Subject } from './subject.js';
import { Turns } from './turns.js';
import { faultOf } from './verdict.js';
import { Verifier, Wrong } from './verify.js';

/** Says what a request is at, and resolves when its parent can no longer miss it. */
export type Announce = (stage: Stage) => Promise<void>;

/** A configuration that was right. The declaration is a copy of its own: what was compiled goes with it. */
interface Held {
  readonly config: Config;
  readonly decl: KernelDecl | PlanDecl;
  readonly row: Row;
  readonly launchMs: number;
}

interface Settled {
  readonly row: Row;
  /** See `FromChild`. */
  readonly unfit: boolean;
}

/** What is to be told to the parent. */
interface News {
  readonly launchMs: number | null;
  readonly trusted: Trusted | null;
  readonly known: Known | null;
}

/** Configurations whose programs are kept. */
const MAX_HELD = 96;

export interface SessionParts {
  readonly device: Device;
  readonly subject: Subject;
  readonly known: Known;
  readonly trusted: Trusted | null;
  readonly caches: Caches;
}

export class Session {
  readonly #device: Device;
  readonly #subject: Subject;
  readonly #verifier: Verifier;
  /** The device runs one thing at a time, what was asked for before what is done ahead. */
  readonly #turns = new Turns();
  readonly #held = new Map<string, Held>();

  /** Throws LacError where the tensors do not fit the device. */
  constructor({ device, subject, known, trusted, caches }: SessionParts) {
    this.#device = device;
    this.#subject = subject;
    checkDeviceMemory(device, subject.decl.args, subject.full, subject.dtypes, false);
    const reduced = new Arena(device, subject, known.dims);
    const full = new Arena(device, subject, subject.full, (bytes) => setsWanted(device, bytes, caches));
    this.#verifier = new Verifier(device, subject, { reduced, full }, known, trusted);
    for (const arena of [reduced, full]) arena.sets();
  }

  /** Gives memory and programs back. Nothing may be under way. */
  end(): void {
    this.#held.clear();
    this.#verifier.end();
  }

  /** Compiled, loaded, and compared with the reference. `trusted`, `known`: where they are new. */
  async prepare(config: Config, announce: Announce, programs: readonly ProgramOf[] = []): Promise<Settled & News> {
    const before = { trusted: this.#verifier.trusted, known: this.#verifier.known };
    const news = <K extends 'trusted' | 'known'>(what: K): Verifier[K] | null =>
      this.#verifier[what] === before[what] ? null : this.#verifier[what];
    try {
      const { row, launchMs } = await this.#make(config, announce, programs);
      return { row, launchMs, trusted: news('trusted'), known: news('known'), unfit: false };
    } catch (error) {
      return { ...this.#fallen(config, error), launchMs: null, trusted: null, known: news('known') };
    }
  }

  #fallen(config: Config, error: unknown): Settled {
    this.#held.delete(configKey(config));
    const { unfit, ...fault } = error instanceof Wrong ? error.fault : faultOf(error);
    return { row: { config, ...fault, ...(error instanceof Wrong && { rmse: error.rmse }) }, unfit };
  }

  /** On a GPU programs are compiled while it works; elsewhere the compiler and the device share processors. */
  #make(config: Config, announce: Announce, programs: readonly ProgramOf[]): Promise<Held> {
    const overlap = this.#device.info.kind === 'gpu';
    const all = async (): Promise<Held> => {
      await announce('compile');
      const begin = performance.now();
      const decl = { ...this.#subject.decl };
      take(programs, decl);
      const { variants, launches } = this.#verifier.compile(decl, config);
      await announce('driver');
      for (const variant of variants) await this.#device.prepare(variant);
      const resources = await resourcesOf(this.#device, launches);
      const compileMs = performance.now() - begin;
      const check = async (): Promise<Held> => {
        await announce('check');
        const { rmse, launchMs } = await this.#verifier.check(decl, config);
        return this.#hold({ config, decl, launchMs, row: { config, state: 'open', resources, rmse, compileMs } });
      };
      if (!overlap) return check();
      await announce('waiting');
      return this.#turns.take(check);
    };
    return overlap ? all() : this.#turns.take(all);
  }

  #hold(held: Held): Held {
    this.#held.set(configKey(held.config), held);
    const [oldest] = this.#held.keys();
    if (this.#held.size > MAX_HELD && oldest !== undefined) this.#held.delete(oldest);
    return held;
  }

  /**
   * Times configurations in turn. One that was not prepared here is compiled and checked first. `results` is null where
   * timing failed and several were in the race: nobody knows whose fault it is.
   */
  async sample(
    { configs, ...options }: MeasureOptions & { readonly configs: readonly Config[] },
    announce: Announce,
  ): Promise<{ readonly results: readonly (Samples | Row)[] | null; readonly unfit: boolean }> {
    const known = new Map<string, Samples | Row>();
    const ready: Held[] = [];
    for (const config of configs) {
      if (!this.#held.has(configKey(config))) {
        const { row, unfit } = await this.prepare(config, announce);
        if (unfit) return { results: configs.length === 1 ? [row] : null, unfit };
        known.set(configKey(config), row);
      }
      const held = this.#held.get(configKey(config));
      if (held !== undefined) ready.push(held);
    }
    const settled = { results: configs.map((c) => known.get(configKey(c)) as Samples | Row), unfit: false };
    if (ready.length === 0) return settled;
    await announce('waiting');
    const time = async (): ReturnType<Session['sample']> => {
      await announce('time');
      const timed = await this.#time(ready, options);
      if (timed.results === null) return timed;
      for (const [i, { config }] of ready.entries()) known.set(configKey(config), timed.results[i] as Samples | Row);
      return { results: configs.map((c) => known.get(configKey(c)) as Samples | Row), unfit: timed.unfit };
    };
    return this.#turns.take(time, { urgent: true });
  }

  async #time(
    ready: readonly Held[],
    options: MeasureOptions,
  ): Promise<{ readonly results: readonly (Samples | Row)[] | null; readonly unfit: boolean }> {
    const [only, ...others] = ready as [Held, ...Held[]];
    const known = others.length === 0 ? behindByFar(this.#device, only, options) : null;
    // Its outputs were looked at after that launch.
    if (known !== null) return { results: [known], unfit: false };
    const bound: Prepared[] = [];
    const { full } = this.#verifier;
    try {
      const contenders = ready.map(({ decl, config, launchMs }): Contender => {
        const own = full.sets().map((set) => full.bind(decl, config, set));
        bound.push(...own);
        return { sets: own.map(({ launches }) => launches.launches), launchMs };
      });
      this.#verifier.outputsOf = null;
      for (const set of full.sets()) set.restore();
      const measured = await measure(this.#device, contenders, options);
      if (others.length === 0) this.#verifier.outputsOf = configKey(only.config);
      const results = measured.map((one, i) => ('ms' in one ? one : tooSlow((ready[i] as Held).config, one)));
      return { results, unfit: false };
    } catch (error) {
      const [{ config }] = ready as [Held];
      const { row, unfit } = this.#fallen(config, error);
      return { results: ready.length === 1 ? [row] : null, unfit };
    } finally {
      for (const { launches } of bound) launches.free();
    }
  }

  /** Looks at the outputs once more; null: they are as they should be. */
  async recheck(config: Config, announce: Announce): Promise<{ readonly row: Row | null; readonly unfit: boolean }> {
    const held = this.#held.get(configKey(config));
    if (held === undefined) {
      const { row, unfit } = await this.prepare(config, announce);
      return { row: row.state === 'open' ? null : row, unfit };
    }
    const check = async (): Promise<void> => {
      await announce('check');
      await this.#verifier.recheck(held.decl, config);
    };
    try {
      await this.#turns.take(check, { urgent: true });
      return { row: null, unfit: false };
    } catch (error) {
      return this.#fallen(config, error);
    }
  }
}

/** What was compiled elsewhere of a declaration is not compiled again. */
function take(programs: readonly ProgramOf[], decl: KernelDecl | PlanDecl): void {
  const kernels = kernelsOf(decl);
  for (const { at, key, made } of programs) {
    const kernel = kernels[at];
    if (kernel !== undefined) remember({ decl: kernel, key, made });
  }
}

function tooSlow(config: Config, { tooSlow: { ms, limitMs, launched } }: TooSlow): Row {
  const why = `a launch ${launched ? 'took' : 'would take'} ${seconds(ms)}; no more than ${seconds(limitMs)} is waited for`;
  return { config, state: 'hang', why };
}

const seconds = (ms: number): string => `${Number((ms / 1000).toPrecision(3))} s`;
