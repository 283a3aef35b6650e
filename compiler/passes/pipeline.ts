import { Bug, diagnostic, LacError } from '../diag/diagnostic.js';
import type { Kernel, Module } from '../ir/module.js';
import { printKernel } from '../ir/print.js';
import { verifyKernel } from '../ir/verify.js';
import { cse } from './cse.js';
import { dce } from './dce.js';
import { fuseAccumulators } from './fuse-accumulators.js';
import { hoistInvariants } from './hoist-invariants.js';
import { inline } from './inline.js';
import { offsetWidths } from './offset-widths.js';
import { padTiles } from './pad-tiles.js';
import type { Pass, PassContext } from './pass.js';
import { proveBounds } from './prove-bounds.js';
import { simplify } from './simplify.js';
import { specialise } from './specialise.js';
import { unbatchDots } from './unbatch-dots.js';

/** From the IR of the front end to the IR that every backend takes, in order. Layouts come after, by backend. */
export const PIPELINE: readonly Pass[] = [
  inline,
  specialise,
  simplify,
  cse,
  fuseAccumulators,
  unbatchDots,
  hoistInvariants,
  dce,
  padTiles,
  again(simplify),
  again(cse),
  again(hoistInvariants),
  again(dce),
  proveBounds,
  offsetWidths,
];

/** The second turn of a pass, under a name of its own. */
function again(pass: Pass): Pass {
  return { ...pass, name: `${pass.name}-again`, summary: `${pass.summary.slice(0, -1)}, after the passes in between.` };
}

export interface PipelineOptions {
  /** Name of the last pass to run; default: all run. */
  readonly until?: string;
  /** The passes to run; default PIPELINE. */
  readonly passes?: readonly Pass[];
  /** Verify the IR that enters and what each pass leaves; a finding after a pass is a Bug with the IR attached. */
  readonly verify?: boolean;
  /** Called when a pass has changed a kernel (or left it as it was). */
  readonly onPass?: (pass: Pass, kernel: Kernel) => void;
}

/** Runs passes over every kernel of the module, in place. Throws LacError LAC0410 for a name that no pass has. */
export function runPipeline(module: Module, ctx: PassContext, options: PipelineOptions = {}): void {
  const passes = upTo(options.passes ?? PIPELINE, options.until);
  for (const kernel of module.kernels) {
    if (options.verify) refuseBroken(kernel);
    for (const pass of passes) {
      pass.run(kernel, ctx);
      if (options.verify) trustPass(kernel, pass);
      options.onPass?.(pass, kernel);
    }
  }
}

/** The pass with this name. Throws LacError LAC0410. */
export function passNamed(name: string, passes: readonly Pass[] = PIPELINE): Pass {
  const pass = passes.find((p) => p.name === name);
  if (pass !== undefined) return pass;
  const help = [`passes: ${passes.map((p) => p.name).join(', ')}`];
  throw new LacError(diagnostic('LAC0410', `there is no pass ${JSON.stringify(name)}`, null, { help }));
}

function upTo(passes: readonly Pass[], until: string | undefined): readonly Pass[] {
  if (until === undefined) return passes;
  return passes.slice(0, passes.indexOf(passNamed(until, passes)) + 1);
}

function refuseBroken(kernel: Kernel): void {
  const faults = verifyKernel(kernel);
  if (faults.length > 0) throw new LacError(faults);
}

function trustPass(kernel: Kernel, pass: Pass): void {
  const [fault] = verifyKernel(kernel);
  if (fault !== undefined) throw new Bug(`pass ${pass.name} left broken IR: ${fault.message}`, printKernel(kernel));
}
