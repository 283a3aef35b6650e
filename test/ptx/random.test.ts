import fc from 'fast-check';
import { expect, it } from 'vitest';
import { emitPtx } from '../../backends/ptx/emit.js';
import { targetFor } from '../../backends/ptx/target.js';
import { LacError } from '../../compiler/diag/diagnostic.js';
import { cloneKernel } from '../../compiler/ir/clone.js';
import type { Kernel } from '../../compiler/ir/module.js';
import type { ViewType } from '../../compiler/ir/types.js';
import { openDevice } from '../../runtime/index.js';
import { type Backend, type Outcome, runBoth } from '../ir/differential.js';
import { foldsNaN, modules } from '../ir/generate.js';
import { outputShapes, productsKernel, productsSpecs } from './random-products.js';

const SIZES: Readonly<Record<string, number>> = { P: 2, R: 6, K: 7, WR: 9, WC: 5, S: 7 };
/** Whole numbers below this are exact in f32 and as sums of two tf32, and so are their sums in any order. */
const EXACT = 2 ** 21;

const emulated = (sm: 80 | 90): Backend => {
  const device = openDevice(`emulate:sm_${sm}`);
  const target = targetFor(sm);
  return {
    device: () => device,
    context: { target: 'cuda', maxStorageElements: Number.MAX_SAFE_INTEGER },
    compile: (kernel, facts) => ({ target: 'cuda', sm, ...emitPtx(kernel, { target, facts }) }),
  };
};
const BACKENDS = { 80: emulated(80), 90: emulated(90) } as const;

/** A launch of a generated kernel: extents by name, small whole numbers. */
function launchOf(kernel: Kernel, config: Readonly<Record<string, number>>) {
  const shapes: Record<string, number[]> = {};
  const scalars: Record<string, number> = {};
  for (const p of kernel.params) {
    if (p.kind === 'scalar') scalars[p.name] = 3;
    else shapes[p.name] = (p.value.type as ViewType).extents.map((e, i) => e ?? SIZES[p.dims[i] ?? ''] ?? 1);
  }
  const value = (_arg: string, i: number): number => ((i * 7) % 11) - 5;
  return { build: () => cloneKernel(kernel), shapes, scalars, grid: { p: 'P' }, config, value };
}

const anyOutput = ({ want }: Outcome, holds: (x: number) => boolean): boolean =>
  Object.values(want).some((values) => values.some(holds));
const isRounded = (o: Outcome): boolean => anyOutput(o, (x) => Math.abs(x) > EXACT);
const positiveZeros = (x: Float64Array | undefined): number[] => [...(x ?? [])].map((y) => y + 0);

/** What a kernel may ask for that it does not get: memory, reshapes that are not built; and promises that its inputs break. */
function unlessRefused(e: unknown): null {
  if (e instanceof LacError && /^LAC0(5|80)/.test(e.diagnostics[0]?.code ?? '')) return null;
  throw e;
}

function expectSame(o: Outcome): void {
  for (const [name, want] of Object.entries(o.want))
    expect(positiveZeros(o.got[name]), o.text).toEqual(positiveZeros(want));
}

/** Extents of tiles: some fill the instructions of the tensor cores, some do not. */
const EXTENTS = [1, 3, 4, 8, 16, 32];

/**
 * Random kernels on small whole numbers: what the emulated GPU stores is what the interpreter stores, bit for bit but for
 * the sign of zero, as long as no number on the way can have been rounded.
 */
it('generated kernels store what the interpreter stores', { timeout: 600_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(
      modules({ exact: true, extents: EXTENTS }),
      fc.constantFrom(1, 2, 4, 8),
      fc.constantFrom(80, 90),
      async ({ kernels: [kernel] }, warps, sm) => {
        if (kernel === undefined) return;
        const o = await runBoth(launchOf(kernel, { warps }), BACKENDS[sm]).catch(unlessRefused);
        if (o === null || isRounded(o) || (foldsNaN(kernel) && anyOutput(o, Number.isNaN))) return;
        expectSame(o);
      },
    ),
    { numRuns: Number(process.env.LAC_RUNS ?? 100) },
  );
});

const launches = fc.record({
  warps: fc.constantFrom(1, 2, 4, 8),
  stages: fc.integer({ min: 1, max: 4 }),
  sm: fc.constantFrom(80, 90),
  N: fc.integer({ min: 0, max: 150 }),
});

/** The same around the tensor cores: products of products in a loop, in every dtype, with copies some trips ahead. */
it('loops of products store what the interpreter stores', { timeout: 600_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(productsSpecs, launches, async (spec, { warps, stages, sm, N }) => {
      const tokens = Math.min(N, 5 * spec.C);
      const inputs = { q: [2, tokens, spec.D], k: [2, tokens, spec.D], v: [2, tokens, spec.E] };
      const o = await runBoth(
        {
          build: () => productsKernel(spec),
          shapes: { ...inputs, ...outputShapes(productsKernel(spec), 2, tokens) },
          grid: { h: 'H' },
          config: { warps, stages },
          value: (arg, i) => ((i * 7 + arg.charCodeAt(0)) % 7) - 3,
        },
        BACKENDS[sm],
      ).catch(unlessRefused);
      if (o !== null && !isRounded(o)) expectSame(o);
    }),
    { numRuns: Number(process.env.LAC_RUNS ?? 100) },
  );
});
