import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isPowerOfTwo } from '../../compiler/analysis/padding.js';
import { LacError } from '../../compiler/diag/diagnostic.js';
import { type Kernel, type Module, walk } from '../../compiler/ir/module.js';
import { parseModule } from '../../compiler/ir/parse.js';
import { printModule } from '../../compiler/ir/print.js';
import { verifyModule } from '../../compiler/ir/verify.js';
import { offsetWidths } from '../../compiler/passes/offset-widths.js';
import { padTiles } from '../../compiler/passes/pad-tiles.js';
import { proveBounds } from '../../compiler/passes/prove-bounds.js';
import { specialise } from '../../compiler/passes/specialise.js';
import { foldsNaN, modules } from '../ir/generate.js';
import { launch } from '../ir/launch.js';
import { CONTEXT } from './text-cases.js';

const RUNS = { numRuns: 40 };
/** Sizes of launch.ts, as promises. */
const SIZES = { P: 2, R: 6, K: 7, WR: 9, WC: 5, S: 7 };

function copyOf(module: Module): Kernel {
  const { module: copy } = parseModule(printModule(module));
  const kernel = copy?.kernels[0];
  if (kernel === undefined) throw new Error('the copy does not parse');
  return kernel;
}

const original = (module: Module): Kernel => module.kernels[0] as Kernel;

/** Runs pad-tiles; a reshape that is not built yet discards the example. */
function pad(kernel: Kernel): void {
  try {
    padTiles.run(kernel, CONTEXT);
  } catch (error) {
    fc.pre(!(error instanceof LacError));
    throw error;
  }
}

function expectPadded(kernel: Kernel): void {
  for (const op of walk(kernel.body))
    for (const v of [...op.results, ...op.regions.flatMap((r) => r.args)])
      if (v.type.kind === 'tile') expect(v.type.shape.every(isPowerOfTwo)).toBe(true);
  expect(verifyModule({ kernels: [kernel] })).toEqual([]);
}

describe('pad-tiles', () => {
  it.each(['f64', 'round'] as const)(
    'changes no result in %s mode, NaN and Infinity in the inputs included',
    (mode) => {
      fc.assert(
        fc.property(modules({ extents: [1, 3, 4, 6, 7] }), (module) => {
          fc.pre(!foldsNaN(original(module)));
          const padded = copyOf(module);
          pad(padded);
          expectPadded(padded);
          expect(launch(padded, mode)).toEqual(launch(original(module), mode));
        }),
        RUNS,
      );
    },
  );

  it('changes no result of reductions on numbers', () => {
    fc.assert(
      fc.property(modules({ exact: true, extents: [1, 3, 4, 6, 7] }), (module) => {
        const expected = launch(original(module), 'f64', true);
        fc.pre(!foldsNaN(original(module)) || Object.values(expected).every((x) => x.every(Number.isFinite)));
        const padded = copyOf(module);
        pad(padded);
        expect(launch(padded, 'f64', true)).toEqual(expected);
      }),
      RUNS,
    );
  });
});

describe('specialise and prove-bounds', () => {
  it.each([
    ['sizes known', SIZES, {}],
    ['divisors promised', {}, SIZES],
    ['nothing known', {}, {}],
  ])('%s: no proof is wrong (the interpreter checks every one), no result changes', (_, comptime, divisible) => {
    fc.assert(
      fc.property(modules(), (module) => {
        const kernel = copyOf(module);
        kernel.comptime = { ...kernel.comptime, ...comptime };
        const ctx = { ...CONTEXT, grid: { p: 'P' }, divisible };
        for (const pass of [specialise, proveBounds, offsetWidths]) pass.run(kernel, ctx);
        expect(verifyModule({ kernels: [kernel] })).toEqual([]);
        expect(launch(kernel, 'f64')).toEqual(launch(original(module), 'f64'));
      }),
      RUNS,
    );
  });
});
