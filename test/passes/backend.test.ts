import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WGSL_PIPELINE } from '../../backends/wgsl/pipeline.js';
import { LacError } from '../../compiler/diag/diagnostic.js';
import { type Module, walk } from '../../compiler/ir/module.js';
import { passNamed, runPipeline } from '../../compiler/passes/pipeline.js';
import { prefetchLoads } from '../../compiler/passes/prefetch-loads.js';
import { raiseOperands } from '../../compiler/passes/raise-operands.js';
import { ANY_WEBGPU, passesOf } from '../../driver/target.js';
import { modules } from '../ir/generate.js';
import { launch } from '../ir/launch.js';
import { CONTEXT, textCases, transform } from './text-cases.js';

const inferLayouts = passNamed('infer-layouts', WGSL_PIPELINE);
const prefetch = prefetchLoads();
textCases(prefetch);
textCases(raiseOperands);
textCases(inferLayouts);

it('prefetch-loads takes what it is told to, and lays the carried tile out like the load', () => {
  const text = `kernel k(%g: view<in ?xf32> [N], %x: view<in ?x8xf32> [N, D], %y: view<out ?x8xf32> [N, D], %n: i32) axes [] {
  %zero = const {value = 0} : i32
  %four = const {value = 4} : i32
  for %zero, %n, %four {stages = 2} (%i: i32) {
    %u = load %g, %i {pad = 0} : tile<4xf32> @ reg[c1] lane[c2 0 0 0 0] warp[]
    %t = load %x, %i, %zero {pad = 0} : tile<4x8xf32> @ reg[c1] lane[c2 c4 r1 r2 0] warp[]
    store %y, %t, %i, %zero
    yield
  }
}
`;
  const vectors = prefetchLoads({ takes: (load) => load.operands.length === 2 });
  expect(transform(vectors, text)).toContain(
    '  %0 = for %zero, %n, %four, %u {stages = 2} : tile<4xf32> @ reg[c1] lane[c2 0 0 0 0] warp[] (%i: i32, %u_1: tile<4xf32> @ reg[c1] lane[c2 0 0 0 0] warp[])',
  );
  expect(transform(prefetchLoads({ takes: () => false }), text)).toBe(text);
});

it('all passes on the way to WebGPU have distinct names, and what each requires stands before it', () => {
  const passes = passesOf(ANY_WEBGPU);
  const names = passes.map((p) => p.name);
  expect(new Set(names).size).toBe(names.length);
  for (const [i, p] of passes.entries()) expect(names.slice(0, i)).toEqual(expect.arrayContaining([...p.requires]));
});

/** Loops of two stages and more come with the configuration. A reshape that cannot be padded proves nothing. */
function expectUnchanged(module: Module, run: (m: Module) => void): void {
  const [kernel] = module.kernels;
  if (kernel === undefined) throw new Error('no kernel');
  kernel.config = { warps: 1, stages: 2 };
  const before = launch(kernel, 'round');
  try {
    run(module);
  } catch (error) {
    fc.pre(!(error instanceof LacError));
    throw error;
  }
  expect(launch(kernel, 'round')).toEqual(before);
}

describe('what a kernel computes is left as it was by', () => {
  it.each([prefetch, raiseOperands])('$name', (pass) => {
    fc.assert(
      fc.property(modules(), (m) => {
        expectUnchanged(m, () => runPipeline(m, CONTEXT, { passes: [pass], verify: true }));
      }),
      { numRuns: 60 },
    );
  });

  it('infer-layouts, which leaves a layout on every tile but transposes that products read', () => {
    const before = passesOf(ANY_WEBGPU).filter((p) => p !== inferLayouts);
    fc.assert(
      fc.property(modules({ extents: [1, 4, 8, 16] }), (m) => {
        try {
          runPipeline(m, CONTEXT, { passes: before });
        } catch (error) {
          fc.pre(!(error instanceof LacError));
          throw error;
        }
        expectUnchanged(m, () => runPipeline(m, CONTEXT, { passes: [inferLayouts], verify: true }));
        for (const op of walk(m.kernels[0]?.body ?? { kind: 'block', args: [], ops: [] }))
          for (const v of op.results)
            if (v.type.kind === 'tile' && v.type.shape.length > 0 && op.name !== 'trans')
              expect(v.layout).toBeDefined();
      }),
      { numRuns: 60 },
    );
  });
});
