/** Runs configurations on outputs that hold nothing, and says whether they are right. */

import { LacError } from '../../compiler/diag/diagnostic.js';
import { type Config, candidates } from '../../driver/configurations.js';
import type { Prepared } from '../../driver/prepare.js';
import type { KernelDecl, PlanDecl } from '../../driver/source.js';
import { maxInvocations, targetOf } from '../../driver/target.js';
import type { AnyVariant, Device } from '../../runtime/device.js';
import type { LaunchPlan } from '../../runtime/launch.js';
import { configKey } from '../search/knobs.js';
import { Arena } from './arena.js';
import {
  againstReference,
  againstTrusted,
  type Finding,
  launchOnce,
  sampleOutputs,
  sizesText,
  unwritten,
} from './check.js';
import type { Known, Trusted } from './protocol.js';
import { expectedAt, type Subject } from './subject.js';
import { type Fault, faultOf } from './verdict.js';

/** A configuration whose outputs are wrong. */
export class Wrong extends Error {
  readonly fault: Fault;
  readonly rmse: number;

  constructor(why: string, rmse = 0) {
    super(why);
    this.fault = { state: 'wrong', why, unfit: false };
    this.rmse = rmse;
  }
}

/** What one launch showed. */
export interface Passed {
  /** Largest relative RMSE against the reference. */
  readonly rmse: number;
  /** At full sizes, seen from the host. */
  readonly launchMs: number;
}

/** Other configurations that are asked when two disagree. */
const WITNESSES = 3;

type Decl = KernelDecl | PlanDecl;

export class Verifier {
  readonly full: Arena;
  /** Name of the configuration that wrote last to the first set of tensors at full sizes; null: nobody knows. */
  outputsOf: string | null = null;
  #reduced: Arena;
  readonly #device: Device;
  readonly #subject: Subject;
  #known: Known;
  /** What the reference says at usual sizes, once it was asked. */
  #usual: Known['reduced'] | null = null;
  /** A configuration was right at the reduced sizes. */
  #proven = false;
  readonly #voters = new Set<string>();
  /** Of plans that are compiled: knobs of their kernels at full sizes. */
  readonly #steps = new WeakMap<Decl, Prepared['steps']>();
  #trusted: Trusted | null;

  constructor(
    device: Device,
    subject: Subject,
    arenas: { reduced: Arena; full: Arena },
    known: Known,
    trusted: Trusted | null,
  ) {
    this.#device = device;
    this.#subject = subject;
    this.#reduced = arenas.reduced;
    this.full = arenas.full;
    this.#known = known;
    this.#trusted = trusted;
  }

  get known(): Known {
    return this.#known;
  }

  get trusted(): Trusted | null {
    return this.#trusted;
  }

  /**
   * Compiles for both sizes, which mostly are one program: the kernels of a plan are those of full sizes. Launches are those at
   * full sizes; their tensors are not kept.
   */
  compile(
    decl: Decl,
    config: Config,
  ): { readonly variants: ReadonlySet<AnyVariant>; readonly launches: readonly LaunchPlan[] } {
    const { launches: full, steps } = this.full.bind(decl, config, this.full.first());
    full.free();
    this.#steps.set(decl, steps);
    const { launches: reduced } = this.#bindReduced(decl, config, steps);
    reduced.free();
    const all = [...full.launches, ...reduced.launches];
    return { variants: new Set(all.map((plan) => plan.variant)), launches: full.launches };
  }

  /** What can be bound at full sizes and not at reduced ones has sizes that do not belong together. */
  #bindReduced(decl: Decl, config: Config, steps: Prepared['steps']): Prepared {
    const bind = (): Prepared => this.#reduced.bind(decl, config, this.#reduced.first(), steps);
    try {
      return bind();
    } catch (error) {
      const { usual } = this.#subject;
      const isLast = this.#proven || usual === null || sizesText(usual) === sizesText(this.#known.dims);
      if (isLast || !(error instanceof LacError) || faultOf(error).unfit) throw error;
      this.#reduced.forget();
      this.#reduced = new Arena(this.#device, this.#subject, usual);
      this.#known = { ...this.#known, dims: usual, reduced: expectedAt(this.#subject, usual) };
      return bind();
    }
  }

  /** Throws Wrong. Tensors that a wrong program may have written over are made anew. */
  async check(decl: Decl, config: Config): Promise<Passed> {
    try {
      const small = await this.#atReduced(decl, config);
      if (small.wrong !== null) throw new Wrong(small.wrong, small.rmse);
      const { launchMs, rmse } = await this.#checkFull(decl, config);
      return { rmse: Math.max(small.rmse, rmse), launchMs };
    } catch (error) {
      this.#forget();
      throw error;
    }
  }

  /**
   * Looks at the outputs at full sizes again: as they are where it was the last to write there, unless launches add to what they
   * find; else after another launch. Throws as `check`.
   */
  async recheck(decl: Decl, config: Config): Promise<void> {
    const adds = decl.args.some((arg) => arg.dir === 'inout');
    try {
      await this.#checkFull(decl, config, this.outputsOf === configKey(config) && !adds);
    } catch (error) {
      this.#forget();
      throw error;
    }
  }

  /**
   * Sizes that do not belong together, such as a list of offsets that is not one longer than what it is for, make every
   * configuration wrong. So as long as none was right, those that the reference names are tried too.
   */
  async #atReduced(decl: Decl, config: Config): Promise<Finding> {
    const found = await this.#tried(this.#compare(this.#reduced, this.#known.reduced, decl, config));
    this.#proven ||= found.wrong === null;
    const { usual } = this.#subject;
    if (this.#proven || usual === null || sizesText(usual) === sizesText(this.#known.dims)) return found;
    this.#forget();
    this.#usual ??= expectedAt(this.#subject, usual);
    const reduced = this.#usual;
    const arena = new Arena(this.#device, this.#subject, usual);
    try {
      const again = await this.#tried(this.#compare(arena, reduced, decl, config));
      if (again.wrong !== null) return found;
      this.#reduced = arena;
      this.#known = { ...this.#known, dims: usual, reduced };
      this.#proven = true;
      return again;
    } finally {
      if (!this.#proven) arena.forget();
    }
  }

  /** What a device traps is wrong too. */
  async #tried(comparison: Promise<Finding>): Promise<Finding> {
    try {
      return await comparison;
    } catch (error) {
      const { state, why = state } = faultOf(error);
      if (state !== 'wrong' || this.#proven) throw error;
      return { wrong: why, rmse: 0 };
    }
  }

  /** Gives the memory back. */
  end(): void {
    this.#forget();
  }

  #forget(): void {
    this.#reduced.forget();
    this.full.forget();
    this.outputsOf = null;
  }

  async #compare(
    arena: Arena,
    expected: Known['reduced'],
    decl: Decl,
    config: Config,
    isThere = false,
  ): Promise<Finding & { launchMs: number }> {
    const set = arena.first();
    const prepared = arena.bind(decl, config, set, arena === this.full ? undefined : this.#steps.get(decl));
    try {
      const launchMs = isThere ? 0 : await this.#launched(arena, config, prepared);
      const { backend } = this.#device;
      const run = { set, touched: prepared.touched, backend };
      return { ...(await againstReference(this.#subject, arena.dims, expected, run)), launchMs };
    } finally {
      prepared.launches.free();
    }
  }

  async #launched(arena: Arena, config: Config, prepared: Prepared): Promise<number> {
    if (arena === this.full) this.outputsOf = null;
    const ms = await launchOnce(this.#device, arena.first(), prepared);
    if (arena === this.full) this.outputsOf = configKey(config);
    return ms;
  }

  async #checkFull(decl: Decl, config: Config, isThere = false): Promise<Passed> {
    const { full } = this.#known;
    if (full !== null) {
      const { wrong, rmse, launchMs } = await this.#compare(this.full, full, decl, config, isThere);
      if (wrong !== null) throw new Wrong(wrong, rmse);
      return { rmse, launchMs };
    }
    const { outputs, launchMs } = await this.#sampled(decl, config, isThere);
    await this.#judge(config, outputs);
    return { rmse: 0, launchMs };
  }

  /** Elements of the outputs at full sizes. Throws Wrong where something is amiss without comparing. */
  async #sampled(
    decl: Decl,
    config: Config,
    isThere = false,
  ): Promise<{ readonly outputs: Trusted['outputs']; readonly launchMs: number }> {
    const set = this.full.first();
    const prepared: Prepared = this.full.bind(decl, config, set);
    try {
      const launchMs = isThere ? 0 : await this.#launched(this.full, config, prepared);
      const { outputs, damage } = await sampleOutputs(this.#subject, set, prepared.touched);
      const wrong = damage ?? unwritten(outputs, this.#known, this.#subject.full);
      if (wrong !== null) throw new Wrong(wrong);
      return { outputs, launchMs };
    } finally {
      prepared.launches.free();
    }
  }

  async #judge(config: Config, outputs: Trusted['outputs']): Promise<void> {
    const trusted = this.#trusted;
    if (trusted === null) {
      this.#trusted = { config, votes: 1, outputs };
      return;
    }
    const differs = this.#differ(trusted, outputs);
    if (differs === null) this.#vote(config, trusted);
    else if (trusted.votes > 1 || !(await this.#overruled(trusted, config, outputs))) throw new Wrong(differs);
  }

  #differ(trusted: Pick<Trusted, 'config' | 'outputs'>, outputs: Trusted['outputs']): string | null {
    return againstTrusted(this.#subject, this.#known, trusted, outputs);
  }

  #vote(config: Config, trusted: Trusted): void {
    const name = configKey(config);
    if (name === configKey(trusted.config) || this.#voters.has(name)) return;
    this.#voters.add(name);
    this.#trusted = { ...trusted, votes: trusted.votes + 1 };
  }

  /**
   * Two configurations that are right at reduced sizes disagree at full ones, and nothing but its having come first speaks for
   * the trusted one. Others decide; whether they are for the newcomer, which is trusted from then on.
   */
  async #overruled(trusted: Trusted, config: Config, outputs: Trusted['outputs']): Promise<boolean> {
    for (const other of this.#witnesses([trusted.config, config])) {
      const said = await this.#witness(other);
      if (said === null) continue;
      if (this.#differ(trusted, said) === null) {
        this.#vote(other, trusted);
        return false;
      }
      if (this.#differ({ config, outputs }, said) !== null) continue;
      this.#trusted = { config, votes: 2, outputs };
      this.#voters.clear();
      return true;
    }
    return false;
  }

  #witnesses(parties: readonly Config[]): readonly Config[] {
    const names = new Set(parties.map(configKey));
    const most = maxInvocations(targetOf(this.#device));
    const found: Config[] = [];
    for (const config of candidates(this.#subject.decl, this.#subject.full, {}, most)) {
      if (!names.has(configKey(config))) found.push(config);
      if (found.length === WITNESSES) break;
    }
    return found;
  }

  /** Its outputs at full sizes; null where it is out itself. */
  async #witness(config: Config): Promise<Trusted['outputs'] | null> {
    try {
      const decl = { ...this.#subject.decl };
      this.compile(decl, config);
      const { wrong } = await this.#compare(this.#reduced, this.#known.reduced, decl, config);
      if (wrong === null) return (await this.#sampled(decl, config)).outputs;
    } catch (error) {
      if (!(error instanceof LacError || error instanceof Wrong) || faultOf(error).unfit) throw error;
    }
    this.#forget();
    return null;
  }
}
