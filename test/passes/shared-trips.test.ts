import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LacError } from '../../compiler/diag/diagnostic.js';
import { type Kernel, type Module, type Op, walk } from '../../compiler/ir/module.js';
import { printKernel } from '../../compiler/ir/print.js';
import { verifyModule } from '../../compiler/ir/verify.js';
import { classifyConversion } from '../../compiler/layout/index.js';
import { inline } from '../../compiler/passes/inline.js';
import { padTiles } from '../../compiler/passes/pad-tiles.js';
import { planConversions } from '../../compiler/passes/plan-conversions.js';
import { planShared } from '../../compiler/passes/plan-shared.js';
import { foldsNaN, modules } from '../ir/generate.js';
import { launch } from '../ir/launch.js';
import { layOut } from './laid-out.js';
import { checkOwners } from './shared-ownership.js';
import { kernelOf, sharedPrograms } from './shared-programs.js';
import { CONTEXT, textCases } from './text-cases.js';

const ROOM = 2 ** 24;

textCases(planConversions({ stmatrix: true }));
textCases(
  {
    ...planShared({ limitBytes: ROOM }),
    run: (kernel, ctx) => planShared({ limitBytes: Number(ctx.target) }).run(kernel, ctx),
  },
  (title) => ({ ...CONTEXT, target: /^(\d+) bytes/.exec(title)?.[1] ?? '65536' }),
);

const RANDOM = modules({ extents: [1, 4, 8, 16] });

/** The kernel of a module with a layout for every tile; what cannot be padded proves nothing. */
function laidOut(module: Module, seed: number): Kernel {
  const kernel = module.kernels[0] as Kernel;
  inline.run(kernel, CONTEXT);
  try {
    padTiles.run(kernel, CONTEXT);
  } catch (error) {
    fc.pre(!(error instanceof LacError));
    throw error;
  }
  layOut(kernel, seed);
  return kernel;
}

describe('kernels laid out at random', () => {
  it('compute what they did; converts that are left are what they say', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(RANDOM, fc.nat(), fc.boolean(), (module, seed, stmatrix) => {
        const kernel = laidOut(module, seed);
        fc.pre(!foldsNaN(kernel));
        const before = launch(kernel, 'round');
        planConversions({ stmatrix }).run(kernel, CONTEXT);
        planShared({ limitBytes: ROOM }).run(kernel, CONTEXT);
        expect(verifyModule({ kernels: [kernel] })).toEqual([]);
        expect(launch(kernel, 'round')).toEqual(before);
        for (const op of walk(kernel.body)) {
          if (op.name === 'convert') expectClass(op as Op<'convert'>, seen);
          else seen.add(op.name);
        }
      }),
      { numRuns: 100 },
    );
    for (const name of ['rename', 'shuffle', 'smem_write', 'smem_read']) expect(seen).toContain(name);
  });
});

describe('buffers of programs that write and read them at random', () => {
  it('keep their bytes while these are needed, with room to spare or without', () => {
    let shared = 0;
    const residents: readonly ((_: Kernel, bytes: number) => number)[] = [() => 1, (_, bytes) => -bytes];
    fc.assert(
      fc.property(sharedPrograms, fc.constantFrom(...residents), fc.nat(), (program, residentBlocks, choices) => {
        const kernel = kernelOf(program);
        planShared({ limitBytes: ROOM, residentBlocks }).run(kernel, CONTEXT);
        expect(verifyModule({ kernels: [kernel] })).toEqual([]);
        const offsets = [...walk(kernel.body)].filter(isAlloc).map((op) => op.attrs.offset);
        if (new Set(offsets).size < offsets.length) shared++;
        const next = numbers(choices);
        for (let run = 0; run < 4; run++)
          expectNoFault(kernel, () =>
            checkOwners(
              kernel,
              () => next() % 3,
              () => next() % 2 === 0,
            ),
          );
      }),
      { numRuns: 300 },
    );
    expect(shared).toBeGreaterThan(20);
  });
});

function expectNoFault(kernel: Kernel, run: () => void): void {
  try {
    run();
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${printKernel(kernel)}`);
  }
}

const isAlloc = (op: Op): op is Op<'smem_alloc'> => op.name === 'smem_alloc';

function expectClass(op: Op<'convert'>, seen: Set<string>): void {
  const [from, to] = [op.operands[0]?.layout, op.results[0]?.layout];
  if (from === undefined || to === undefined || op.attrs.how === undefined) throw new Error('a convert is not planned');
  expect(classifyConversion(from, to)).toBe(op.attrs.how);
  seen.add(op.attrs.how);
}

function numbers(seed: number): () => number {
  let bits = seed;
  return () => {
    bits = (Math.imul(bits, 1103515245) + 12345) >>> 0;
    return bits >>> 16;
  };
}
