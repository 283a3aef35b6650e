import fc from 'fast-check';
import { expect, it } from 'vitest';
import { LacError } from '../../compiler/diag/diagnostic.js';
import { cloneKernel } from '../../compiler/ir/clone.js';
import type { ViewType } from '../../compiler/ir/types.js';
import { modules } from '../ir/generate.js';
import { runBoth } from './run.js';

const SIZES: Readonly<Record<string, number>> = { P: 2, R: 6, K: 7, WR: 9, WC: 5, S: 7 };
/** Whole numbers below this are exact in f32, and so are their sums in any order. */
const EXACT = 2 ** 22;

/**
 * Random kernels on small whole numbers: what WebGPU stores is what the interpreter stores, bit for bit but for the sign
 * of zero, as long as no number on the way can have been rounded (a result beyond EXACT is taken as a sign that one was).
 */
it('generated kernels store what the interpreter stores', { timeout: 600_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(modules({ exact: true, finite: true }), fc.constantFrom(1, 2, 4), async (m, warps) => {
      const [kernel] = m.kernels;
      if (kernel === undefined) return;
      const shapes: Record<string, number[]> = {};
      const scalars: Record<string, number> = {};
      for (const p of kernel.params) {
        if (p.kind === 'scalar') scalars[p.name] = 3;
        else shapes[p.name] = (p.value.type as ViewType).extents.map((e, i) => e ?? SIZES[p.dims[i] ?? ''] ?? 1);
      }
      try {
        const o = await runBoth({
          build: () => cloneKernel(kernel),
          shapes,
          scalars,
          grid: { p: 'P' },
          config: { warps },
          value: (_a, i) => ((i * 7) % 11) - 5,
        });
        for (const [name, want] of Object.entries(o.want)) {
          if (want.some((x) => Math.abs(x) > EXACT)) return;
          expect(
            [...(o.got[name] ?? [])].map((x) => x + 0),
            o.text,
          ).toEqual([...want].map((x) => x + 0));
        }
      } catch (error) {
        if (error instanceof LacError && /^LAC0[458]/.test(error.diagnostics[0]?.code ?? '')) return;
        throw error;
      }
    }),
    { numRuns: Number(process.env.LAC_RUNS ?? 25) },
  );
});
