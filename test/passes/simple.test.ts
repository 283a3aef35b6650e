import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LacError } from '../../compiler/diag/diagnostic.js';
import type { Kernel, Module } from '../../compiler/ir/module.js';
import { verifyModule } from '../../compiler/ir/verify.js';
import { cse } from '../../compiler/passes/cse.js';
import { dce } from '../../compiler/passes/dce.js';
import { fuseAccumulators } from '../../compiler/passes/fuse-accumulators.js';
import { hoistInvariants } from '../../compiler/passes/hoist-invariants.js';
import { inline } from '../../compiler/passes/inline.js';
import { padTiles } from '../../compiler/passes/pad-tiles.js';
import type { Pass } from '../../compiler/passes/pass.js';
import { PIPELINE, runPipeline } from '../../compiler/passes/pipeline.js';
import { simplify } from '../../compiler/passes/simplify.js';
import { unbatchDots } from '../../compiler/passes/unbatch-dots.js';
import { foldsNaN, type GenerateOptions, modules } from '../ir/generate.js';
import { launch } from '../ir/launch.js';
import { CONTEXT, textCases } from './text-cases.js';

textCases(inline);
textCases(simplify);
textCases(cse);
textCases(dce);
textCases(fuseAccumulators);
textCases(hoistInvariants);
textCases(unbatchDots);

/** Passes leave what a kernel stores as it was; sums may be re-ordered only where `exact` kernels are compared. */
function unchanged(passes: readonly Pass[], options: GenerateOptions = {}, ok = (_: Kernel) => true): void {
  fc.assert(
    fc.property(modules(options), (m) => {
      const [kernel] = m.kernels;
      if (kernel === undefined) return;
      fc.pre(ok(kernel));
      const before = launch(kernel, 'round', options.exact);
      // Where a loop has grown whole numbers past 2^24, sums of f32 are not exact any more.
      if (options.exact) fc.pre(isDeepStrictEqual(before, launch(kernel, 'f64', true)));
      runOrSkip(m, passes);
      expect(verifyModule(m)).toEqual([]);
      expect(launch(kernel, 'round', options.exact)).toEqual(before);
    }),
    { numRuns: 60 },
  );
}

/** A kernel that a pass refuses with a diagnostic (a reshape that cannot be padded) proves nothing. */
function runOrSkip(m: Module, passes: readonly Pass[]): void {
  try {
    runPipeline(m, CONTEXT, { passes, verify: true });
  } catch (error) {
    fc.pre(!(error instanceof LacError));
    throw error;
  }
}

describe('what a kernel computes is left as it was by', () => {
  it('inline', () => unchanged([inline]));
  it('simplify', () => unchanged([simplify]));
  it('cse', () => unchanged([cse]));
  it('dce', () => unchanged([dce]));
  it('hoist-invariants', () => unchanged([hoistInvariants]));
  it('fuse-accumulators', () => unchanged([inline, fuseAccumulators], { exact: true }));
  it('all passes that keep the order of sums', () =>
    unchanged([inline, simplify, cse, hoistInvariants, dce, simplify]));
  it('pad-tiles after simplify', () =>
    unchanged([inline, simplify, padTiles, simplify, cse, dce], {}, (kernel) => !foldsNaN(kernel)));
  it('the pipeline', () => unchanged(PIPELINE, { exact: true }));
});
