import type { Code } from '../../compiler/diag/codes.js';
import type { Config } from '../../driver/configurations.js';
import { foretold, type Refusal } from '../../driver/foretell.js';
import { isPlan, type KernelDecl, type PlanDecl } from '../../driver/source.js';
import { configText } from '../../runtime/config-text.js';
import type { SpaceContext } from '../space.js';
import type { Resources } from '../types.js';
import { gpuTime } from './gpu-time.js';
import { KernelModel, type Modelled, type ModelledLaunch } from './kernel-model.js';
import type { Machine } from './machine.js';
import { planEstimator } from './plan.js';
import { softwareTime } from './software-time.js';

export interface ModelContext extends SpaceContext {
  readonly machine: Machine;
}

export interface Estimate {
  readonly estimateMs: number;
  /** `registers` are predicted: what the driver says after compiling is better. */
  readonly resources: Resources;
  /** Of the whole launch: operations of products, and bytes of tensors that are touched at all. */
  readonly work: { readonly flops: number; readonly bytes: number };
  /** Registers are predicted not to suffice, by less than the prediction may be off: a call takes it only where it was measured. */
  readonly isTight: boolean;
}

/** Why there is no estimate; fields of a row. */
export interface NoEstimate {
  readonly state: 'limit' | 'same';
  readonly why: string;
  readonly code?: Code;
}

/** `modelled`: what another process has found out about it. */
export type Estimator = (config: Config, modelled?: Modelled) => Estimate | NoEstimate;

/**
 * The cost model of one problem. Each call lowers one configuration and lays it out, without a driver, in about a tenth of a
 * second; what the limits that were met so far foretell is not compiled at all. It ranks: milliseconds are right within a
 * half or so. A program that an earlier call had already is `same`. Deterministic in the order of calls.
 * Throws LacError for errors of the source.
 */
export const estimator = (decl: KernelDecl | PlanDecl, ctx: ModelContext): Estimator =>
  isPlan(decl) ? planEstimator(decl, ctx, kernelEstimator) : kernelEstimator(decl, ctx);

function kernelEstimator(decl: KernelDecl, ctx: ModelContext): Estimator {
  const estimates = new KernelEstimates(decl, ctx);
  return (config, modelled) => estimates.of(config, modelled);
}

class KernelEstimates {
  readonly #model: KernelModel;
  readonly #machine: Machine;
  readonly #known = new Map<string, Estimate | NoEstimate>();
  /** The configuration that was the first to give each program, by its identity. */
  readonly #programs = new Map<string, Config>();
  readonly #refused: Refusal[] = [];

  constructor(decl: KernelDecl, ctx: ModelContext) {
    this.#model = new KernelModel(decl, ctx);
    this.#machine = ctx.machine;
  }

  of(config: Config, modelled?: Modelled): Estimate | NoEstimate {
    const key = JSON.stringify(config);
    const made = this.#known.get(key) ?? this.#make(config, modelled);
    this.#known.set(key, made);
    return made;
  }

  #make(config: Config, modelled?: Modelled): Estimate | NoEstimate {
    const refusal = foretold(config, this.#refused);
    if (refusal !== undefined) {
      const { config: like, why } = refusal;
      return { state: 'limit', why: `as of ${configText(like, ' ')}: ${why.message}`, code: why.code };
    }
    const found = modelled ?? this.#model.of(config);
    if ('launch' in found) return this.#estimated(config, found.launch);
    const { limit: why } = found;
    this.#refused.push({ config, why });
    return { state: 'limit', why: why.message, code: why.code };
  }

  #estimated(config: Config, launch: ModelledLaunch): Estimate | NoEstimate {
    const earlier = this.#programs.get(launch.identity);
    if (earlier !== undefined) return { state: 'same', why: `the program of ${configText(earlier, ' ')}` };
    this.#programs.set(launch.identity, config);
    const { programs, threads, sharedBytes, registers, uniqueBytes, isTight } = launch;
    const { tensorFlops, tf32Flops, productFlops } = launch.work;
    const flops = (tensorFlops + tf32Flops + productFlops) * programs;
    const time = this.#machine.kind === 'gpu' ? gpuTime : softwareTime;
    return {
      estimateMs: time(launch, this.#machine),
      resources: { sharedBytes, threads, programs, registers },
      work: { flops, bytes: uniqueBytes },
      isTight,
    };
  }
}
