import { createHash } from 'node:crypto';
import { targetFor } from '../../backends/ptx/target.js';
import type { ArgFacts } from '../../compiler/artifact.js';
import type { Diagnostic } from '../../compiler/diag/diagnostic.js';
import { runPipeline } from '../../compiler/passes/pipeline.js';
import { chooseDtypes, comptimeOf } from '../../driver/choices.js';
import { passContext } from '../../driver/compile.js';
import type { Config } from '../../driver/configurations.js';
import { type KernelDecl, lowerDecl } from '../../driver/source.js';
import type { SpaceContext } from '../space.js';
import { contiguousFacts } from './facts.js';
import type { Launch } from './gpu-time.js';
import { gridOf, launchWork } from './launch-work.js';
import { limitOf } from './limits.js';
import { ptxProgram } from './ptx-program.js';
import { wgslProgram } from './wgsl-program.js';

/** What devices without a generation of their own are taken for. */
const LEAST_SM = 80;

/** A configuration as a launch, and a hash that is the same for configurations that launch the same. */
export interface ModelledLaunch extends Launch {
  readonly identity: string;
  /** As `ModelledProgram` says. */
  readonly isTight: boolean;
}

/** What the model finds out about one configuration; `limit`: what it exceeds. Data, which another process may have. */
export type Modelled = { readonly launch: ModelledLaunch } | { readonly limit: Diagnostic };

/** What launches of one kernel at one size do, by configuration. */
export class KernelModel {
  readonly #decl: KernelDecl;
  readonly #ctx: SpaceContext;
  readonly #facts: Readonly<Record<string, ArgFacts>>;

  constructor(decl: KernelDecl, ctx: SpaceContext) {
    this.#decl = decl;
    this.#ctx = ctx;
    this.#facts = ctx.facts ?? contiguousFacts(decl.args, ctx.dims);
  }

  /** Throws LacError for errors of the source. */
  of(config: Config): Modelled {
    try {
      return { launch: this.#launch(config) };
    } catch (error) {
      return { limit: limitOf(error) };
    }
  }

  /** Compiles as far as the program is laid out. Throws LacError: LAC05xx where it exceeds the target's limits. */
  #launch(config: Config): ModelledLaunch {
    const { dims, target } = this.#ctx;
    const dtypes = chooseDtypes(this.#decl, this.#ctx.dtypes);
    const { kernel } = lowerDecl(this.#decl, { dtypes, comptime: comptimeOf(this.#decl, dims), config });
    runPipeline({ kernels: [kernel] }, passContext(this.#decl, target), { verify: false });
    const program =
      target.kind === 'webgpu'
        ? wgslProgram(kernel, target.limits, this.#facts)
        : ptxProgram(kernel, target.kind === 'cuda' ? target.target : targetFor(LEAST_SM), this.#facts);
    const { threads, sharedBytes, registers, spilled, isTight, loopInstructions, text } = program;
    const work = launchWork(this.#decl, program.kernel, { dims, dtypes, config }, program.workOf);
    const grid = gridOf(this.#decl, dims, config).map(([, extent]) => extent);
    const identity = createHash('sha256')
      .update(`${grid.join(' ')}; ${threads}; ${text}`)
      .digest('hex');
    return { ...work, threads, sharedBytes, registers, spilled, isTight, loopInstructions, identity };
  }
}
