import { targetFor } from '../../backends/ptx/target.js';
import type { ArgFacts } from '../../compiler/artifact.js';
import type { Code } from '../../compiler/diag/codes.js';
import { LacError } from '../../compiler/diag/diagnostic.js';
import { runPipeline } from '../../compiler/passes/pipeline.js';
import { chooseDtypes, comptimeOf } from '../../driver/choices.js';
import { passContext } from '../../driver/compile.js';
import type { Config } from '../../driver/configurations.js';
import { foretold, type Refusal } from '../../driver/foretell.js';
import { isPlan, type KernelDecl, lowerDecl, type PlanDecl } from '../../driver/source.js';
import type { SpaceContext } from '../space.js';
import type { Resources } from '../types.js';
import { contiguousFacts } from './facts.js';
import { gpuTime } from './gpu-time.js';
import { gridOf, launchWork } from './launch-work.js';
import type { Machine } from './machine.js';
import type { ModelledProgram } from './modelled-program.js';
import { planEstimator } from './plan.js';
import { ptxProgram } from './ptx-program.js';
import { softwareTime } from './software-time.js';
import { wgslProgram } from './wgsl-program.js';
import type { Work } from './work.js';

export interface ModelContext extends SpaceContext {
  readonly machine: Machine;
}

export interface Estimate {
  readonly estimateMs: number;
  /** `registers` are predicted: what the driver says after compiling is better. */
  readonly resources: Resources;
  /** Of the mean program; of a plan, of all its programs. */
  readonly work: Work;
}

/** Why there is no estimate; fields of a row. */
export interface NoEstimate {
  readonly state: 'limit' | 'same';
  readonly why: string;
  readonly code?: Code;
}

export type Estimator = (config: Config) => Estimate | NoEstimate;

/** What a configuration may exceed where another may fit. */
const LIMITS: ReadonlySet<Code> = new Set(['LAC0501', 'LAC0502', 'LAC0503', 'LAC0506']);

/**
 * The cost model of one problem. Each call lowers one configuration and lays it out, without a driver, in about a tenth of a
 * second; what the limits that were met so far foretell is not compiled at all. It ranks: milliseconds are right within a
 * half or so. A program that an earlier call had already is `same`. Deterministic in the order of calls.
 * Throws LacError for errors of the source.
 */
export function estimator(decl: KernelDecl | PlanDecl, ctx: ModelContext): Estimator {
  return isPlan(decl) ? planEstimator(decl, ctx, kernelEstimator) : kernelEstimator(decl, ctx);
}

function kernelEstimator(decl: KernelDecl, ctx: ModelContext): Estimator {
  const model = new KernelModel(decl, ctx);
  return (config) => model.estimate(config);
}

class KernelModel {
  readonly #decl: KernelDecl;
  readonly #ctx: ModelContext;
  readonly #facts: Readonly<Record<string, ArgFacts>>;
  readonly #known = new Map<string, Estimate | NoEstimate>();
  /** The configuration that was the first to give each program. */
  readonly #programs = new Map<string, Config>();
  readonly #refused: Refusal[] = [];

  constructor(decl: KernelDecl, ctx: ModelContext) {
    this.#decl = decl;
    this.#ctx = ctx;
    this.#facts = ctx.facts ?? contiguousFacts(decl.args, ctx.dims);
  }

  estimate(config: Config): Estimate | NoEstimate {
    const key = JSON.stringify(config);
    const made = this.#known.get(key) ?? this.#make(config);
    this.#known.set(key, made);
    return made;
  }

  #make(config: Config): Estimate | NoEstimate {
    const refusal = foretold(config, this.#refused);
    if (refusal !== undefined)
      return {
        state: 'limit',
        why: `as ${configText(refusal.config)}: ${refusal.why.message}`,
        code: refusal.why.code,
      };
    try {
      return this.#modelled(config, this.#program(config));
    } catch (error) {
      const [why] = error instanceof LacError ? error.diagnostics : [];
      if (why === undefined || !LIMITS.has(why.code)) throw error;
      this.#refused.push({ config, why });
      return { state: 'limit', why: why.message, code: why.code };
    }
  }

  #program(config: Config): ModelledProgram {
    const { dims, dtypes, target } = this.#ctx;
    const spec = { dtypes: chooseDtypes(this.#decl, dtypes), comptime: comptimeOf(this.#decl, dims), config };
    const { kernel } = lowerDecl(this.#decl, spec);
    runPipeline({ kernels: [kernel] }, passContext(this.#decl, target), { verify: false });
    if (target.kind === 'webgpu') return wgslProgram(kernel, target.limits, this.#facts);
    if (target.kind === 'cuda') return ptxProgram(kernel, target.target, this.#facts);
    return ptxProgram(kernel, targetFor(80), this.#facts);
  }

  #modelled(config: Config, program: ModelledProgram): Estimate | NoEstimate {
    const { dims, machine } = this.#ctx;
    const text = `${JSON.stringify(gridOf(this.#decl, dims, config))} ${program.threads} ${program.text}`;
    const earlier = this.#programs.get(text);
    if (earlier !== undefined) return { state: 'same', why: `the same program as ${configText(earlier)}` };
    this.#programs.set(text, config);
    const dtypes = chooseDtypes(this.#decl, this.#ctx.dtypes);
    const launch = { ...launchWork(this.#decl, program.kernel, { dims, dtypes, config }, program.workOf), ...program };
    const { programs, work } = launch;
    const { threads, sharedBytes, registers } = program;
    return {
      estimateMs: machine.kind === 'gpu' ? gpuTime(launch, machine) : softwareTime(launch, machine),
      resources: { sharedBytes, threads, programs, registers },
      work,
    };
  }
}

export const configText = (config: Config): string =>
  Object.entries(config)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
