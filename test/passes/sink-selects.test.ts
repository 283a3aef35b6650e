import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Kernel, type Op, type Value, walk } from '../../compiler/ir/module.js';
import { constantOf, definedBy, useCounts } from '../../compiler/ir/rewrite.js';
import { verifyModule } from '../../compiler/ir/verify.js';
import { rewriteKernel } from '../../compiler/passes/simplify/rewriter.js';
import { exactSinks, sinkSelects } from '../../compiler/passes/sink-selects.js';
import { modules } from '../ir/generate.js';
import { launch } from '../ir/launch.js';
import { CONTEXT, textCases } from './text-cases.js';

textCases(sinkSelects);

/** +0 and -0 are one number. */
const unsigned = (results: Record<string, number[]>): Record<string, number[]> =>
  Object.fromEntries(Object.entries(results).map(([name, x]) => [name, x.map((v) => v + 0)]));

describe('sink-selects', () => {
  it('changes no bit by the rules that are identities, NaN and infinities in the inputs included', () => {
    fc.assert(
      fc.property(modules({ extents: [1, 4] }), (module) => {
        const kernel = module.kernels[0] as Kernel;
        const before = launch(kernel, 'round');
        rewriteKernel(kernel, () => exactSinks(useCounts(kernel)));
        expect(verifyModule(module)).toEqual([]);
        expect(launch(kernel, 'round')).toEqual(before);
      }),
      { numRuns: 150 },
    );
  });

  it('changes no number by annihilation but the sign of zeros, and leaves no product with a masked zero', () => {
    fc.assert(
      fc.property(modules({ exact: true, extents: [1, 4] }), (module) => {
        const kernel = module.kernels[0] as Kernel;
        const before = launch(kernel, 'f64', true);
        sinkSelects.run(kernel, CONTEXT);
        expect(verifyModule(module)).toEqual([]);
        expect(unsigned(launch(kernel, 'f64', true))).toEqual(unsigned(before));
        for (const op of walk(kernel.body)) if (op.name === 'mul') expect(op.operands.some(isMaskedZero)).toBe(false);
      }),
      { numRuns: 150 },
    );
  });
});

function isMaskedZero(v: Value): boolean {
  const select: Op | null = v.type.dtype === 'f32' ? definedBy(v, 'select') : null;
  return select?.operands.slice(1).some((arm) => constantOf(arm) === 0) ?? false;
}
