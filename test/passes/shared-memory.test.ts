import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { interpretKernel } from '../../compiler/interp/interpret.js';
import { type Block, type Kernel, type Op, walk } from '../../compiler/ir/module.js';
import { parseModule } from '../../compiler/ir/parse.js';
import { printKernel } from '../../compiler/ir/print.js';
import { verifyKernel } from '../../compiler/ir/verify.js';
import type { Pass } from '../../compiler/passes/pass.js';
import { pipelineLoads } from '../../compiler/passes/pipeline-loads.js';
import { placeBarriers } from '../../compiler/passes/place-barriers.js';
import { rotateRoundTrips } from '../../compiler/passes/rotate-round-trips.js';
import { findRaces } from './race-model.js';
import { overlappingKernels, sharedKernels } from './shared-kernels.js';
import { CONTEXT, textCases } from './text-cases.js';

const WARPS = 4;
const pipeline = pipelineLoads({ canCopy: () => true });

textCases(
  {
    ...pipeline,
    run: (kernel, ctx) => pipelineLoads({ canCopy: () => true, limitBytes: Number(ctx.target) }).run(kernel, ctx),
  },
  (title) => ({ ...CONTEXT, target: /^(\d+) bytes/.exec(title)?.[1] ?? '65536' }),
);
textCases(rotateRoundTrips());
textCases(placeBarriers);

function parse(text: string): Kernel {
  const { module, diagnostics } = parseModule(text);
  const kernel = module?.kernels[0];
  if (kernel === undefined) throw new Error(diagnostics.map((d) => d.message).join('\n'));
  return kernel;
}

function transformed(text: string, passes: readonly Pass[]): Kernel {
  const kernel = parse(text);
  for (const pass of passes) pass.run(kernel, CONTEXT);
  expect(verifyKernel(kernel)).toEqual([]);
  return kernel;
}

/** What the kernel stores for these trip counts. */
function run(kernel: Kernel, m: number, n: number): Float64Array {
  const tensor = (rows: number, f: (i: number) => number) => ({
    data: Float64Array.from({ length: rows * 16 }, (_, i) => f(i)),
    dtype: 'f32' as const,
    shape: [rows, 16],
    strides: [16, 1],
    offset: 0,
  });
  const y = tensor(16, () => Number.NaN);
  const args = { x: tensor(18, (i) => ((i * 7) % 11) - 5), y, m, n };
  interpretKernel(kernel, args, { mode: 'f64', grid: {}, dims: { N: 18, D: 16, R: 16 } });
  return y.data;
}

const TRIPS = [
  [0, 1],
  [1, 4],
  [2, 0],
  [5, 2],
] as const;

function expectNoRaces(kernel: Kernel): void {
  for (const [m, n] of TRIPS) expect([m, n, findRaces(kernel, { m, n }, WARPS), '']).toEqual([m, n, [], '']);
}

describe('shared memory', () => {
  it('copies ahead, in 1 to 4 stages, and rotation leave what is stored as it was, and no race', () => {
    const stages = fc.integer({ min: 1, max: 4 });
    fc.assert(
      fc.property(sharedKernels(stages), fc.constantFrom(1 as const, 2 as const), (text, slots) => {
        const before = parse(text);
        const kernel = transformed(text, [pipeline, rotateRoundTrips({ slots }), placeBarriers]);
        for (const [m, n] of TRIPS) expect(run(kernel, m, n)).toEqual(run(before, m, n));
        expectNoRaces(kernel);
      }),
      { numRuns: 40 },
    );
  });

  it('passes in the other order, and loads that cannot be copied', () => {
    fc.assert(
      fc.property(sharedKernels(fc.constant(3)), fc.boolean(), (text, copies) => {
        const before = parse(text);
        const some = pipelineLoads({ canCopy: (load) => copies && (load.results[0]?.id ?? 0) % 2 === 0 });
        const kernel = transformed(text, [rotateRoundTrips(), some, placeBarriers]);
        for (const [m, n] of TRIPS) expect(run(kernel, m, n)).toEqual(run(before, m, n));
        expectNoRaces(kernel);
      }),
      { numRuns: 25 },
    );
  });

  it('buffers that share bytes, slots that loops count: no race, and nothing more to place', () => {
    fc.assert(
      fc.property(overlappingKernels, (text) => {
        const kernel = transformed(text, [placeBarriers]);
        expectNoRaces(kernel);
        const placed = printKernel(kernel);
        placeBarriers.run(kernel, CONTEXT);
        expect(printKernel(kernel)).toBe(placed);
      }),
      { numRuns: 80 },
    );
  });
});

// ---- mutations: the model must see what the barriers are for

const LIGHTNING = readFileSync(new URL('./place-barriers.lac', import.meta.url), 'utf8')
  .split(/^==== /m)
  .filter((c) => c.startsWith('Lightning'))
  .map((c) => c.split(/^----\n/m)[1] ?? '');

const blocksOf = (kernel: Kernel): Block[] => [kernel.body, ...[...walk(kernel.body)].flatMap((op) => op.regions)];
const racesOf = (kernel: Kernel): string[] => findRaces(kernel, { n: 192 }, 8);

describe.each(LIGHTNING.map((text, i) => [['own bytes', 'over Q'][i], text] as const))(
  'Lightning forward, O staged in %s',
  (_, text) => {
    it('has no race', () => expect(racesOf(parse(text))).toEqual([]));

    it('has one where any barrier is missing', () => {
      const count = [...walk(parse(text).body)].filter((op) => op.name === 'barrier').length;
      for (let i = 0; i < count; i++) {
        const kernel = parse(text);
        const barrier = [...walk(kernel.body)].filter((op) => op.name === 'barrier')[i];
        for (const block of blocksOf(kernel)) block.ops = block.ops.filter((op) => op !== barrier);
        expect(racesOf(kernel)).not.toEqual([]);
      }
    });

    it('has one where a wait leaves a group more, and where copies are issued before the barrier', () => {
      const waits = parse(text);
      for (const op of walk(waits.body)) if (op.name === 'smem_wait') (op as Op<'smem_wait'>).attrs = { left: 1 };
      expect(racesOf(waits)).not.toEqual([]);
      const early = parse(text);
      for (const block of blocksOf(early)) {
        const at = block.ops.findIndex((op) => op.name === 'barrier' && block.ops.some((x) => x.name === 'smem_wait'));
        const [barrier] = at < 0 ? [] : block.ops.splice(at, 1);
        if (barrier !== undefined) block.ops.splice(at + 1, 0, barrier);
      }
      expect(racesOf(early)).not.toEqual([]);
    });
  },
);

it('has one where the wrong pairs of warps meet', () => {
  const kernel = parse(LIGHTNING[1] ?? '');
  for (const op of walk(kernel.body))
    if (op.name === 'barrier' && (op as Op<'barrier'>).attrs.scope === 'warps')
      (op as Op<'barrier'>).attrs = { scope: 'warps', map: [1, 2, 0], warps: 2 };
  expect(racesOf(kernel)).not.toEqual([]);
});

it("bytes that a copy may still be writing are nobody else's: a missing wait is a bug of ours", () => {
  const text = LIGHTNING[0] ?? '';
  expect(() => placeBarriers.run(parse(text.replace('smem_wait {left = 0}', 'smem_wait {left = 1}')), CONTEXT)).toThrow(
    'a wait is missing',
  );
});
