import { readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LacError } from '../../compiler/diag/diagnostic.js';
import type { Kernel } from '../../compiler/ir/module.js';
import { isFloat } from '../../compiler/ir/types.js';
import { arrangeWarps } from '../../compiler/passes/arrange-warps.js';
import { inferFragments } from '../../compiler/passes/infer-layouts.js';
import { markZeros } from '../../compiler/passes/mark-zeros.js';
import type { Pass } from '../../compiler/passes/pass.js';
import { PIPELINE, runPipeline } from '../../compiler/passes/pipeline.js';
import { type KernelDecl, lowerKernel, representatives, SourceProject } from '../../dsl/source.js';
import { modules } from '../ir/generate.js';
import { launch } from '../ir/launch.js';
import { disagreements } from './agreement.js';
import { CONTEXT, textCases } from './text-cases.js';

const warpsOf = (kernel: Kernel): number => kernel.config.warps ?? 4;
const OPTIONS = { warps: warpsOf, sm: 90 };
const arrange = arrangeWarps(OPTIONS);
const infer = inferFragments(OPTIONS);
const LAYOUTS: readonly Pass[] = [markZeros, arrange, infer];

/** Both passes as one, since layouts of accumulators have no text without the arrangement. */
const both: Pass = {
  ...infer,
  name: 'infer-fragments',
  run(kernel, ctx) {
    arrange.run(kernel, ctx);
    infer.run(kernel, ctx);
  },
};
textCases(arrange);
textCases(both);

const ROOT = resolve(import.meta.dirname, '../..');
const sources = [
  'kernels/flash',
  'kernels/gla',
  'kernels/lightning',
  'kernels/norm',
  'test/kernels/cases',
  'test/kernels/unseen',
]
  .flatMap((folder) => readdirSync(resolve(ROOT, folder)).map((file) => `${folder}/${file}`))
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.ref.ts'));

/** As representatives have it, and some of them with bf16 for all float dtypes, with fewest and with most warps. */
function variants(decl: KernelDecl) {
  const { base, others } = representatives(decl, { small: true });
  const specs = [base, ...others.map((o) => o.spec)].slice(0, 4);
  const bf16 = Object.fromEntries(
    Object.entries(base.dtypes).map(([name, dtype]) => [name, isFloat(dtype) ? ('bf16' as const) : dtype]),
  );
  const narrow = [1, 8].map((warps) => ({ ...base, dtypes: bf16, config: { ...base.config, warps } }));
  return [...specs, ...specs.map((spec) => ({ ...spec, dtypes: bf16 })), ...narrow];
}

describe('every kernel gets layouts on which all of its ops agree', () => {
  it.each(sources)('%s', (file) => {
    const { kernels, diagnostics } = new SourceProject().read(resolve(ROOT, file));
    expect(diagnostics.filter((d) => d.severity === 'error')).toEqual([]);
    for (const decl of kernels)
      for (const spec of variants(decl)) {
        const { module } = lowerKernel(decl, spec);
        if (module === null) throw new Error(`${decl.name} does not lower`);
        const grid = Object.fromEntries(decl.grid);
        runPipeline(module, { ...CONTEXT, grid }, { passes: [...PIPELINE, ...LAYOUTS], verify: true });
        for (const kernel of module.kernels)
          expect({ spec, faults: disagreements(kernel, Math.log2(warpsOf(kernel))) }).toEqual({ spec, faults: [] });
      }
  });
});

it('random kernels get layouts on which all ops agree, and compute what they did', () => {
  fc.assert(
    fc.property(modules({ extents: [1, 4, 8, 16] }), fc.constantFrom(1, 2, 4, 8), (m, warps) => {
      const [kernel] = m.kernels;
      if (kernel === undefined) throw new Error('no kernel');
      kernel.config = { warps };
      try {
        runPipeline(m, CONTEXT, { passes: PIPELINE });
      } catch (error) {
        fc.pre(!(error instanceof LacError));
        throw error;
      }
      const before = launch(kernel, 'round');
      runPipeline(m, CONTEXT, { passes: LAYOUTS, verify: true });
      expect(disagreements(kernel, Math.log2(warps))).toEqual([]);
      expect(launch(kernel, 'round')).toEqual(before);
    }),
    { numRuns: 60 },
  );
});
