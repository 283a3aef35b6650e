import { resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isTensorArg, shapeOf } from '../../driver/inputs.js';
import { elementsOf, reducedDims } from '../../driver/reduced-dims.js';
import type { Dims, Reference } from '../../driver/reference.js';
import { type KernelDecl, type PlanDecl, SourceProject } from '../../driver/source.js';
import { factsOf } from '../../runtime/index.js';
import { denseStrides } from '../../runtime/strides.js';
import { ROOT } from '../house/sources.js';

const project = new SourceProject();
function declared(file: string, name: string): KernelDecl | PlanDecl {
  const { kernels, plans } = project.read(resolve(ROOT, file));
  const found = [...kernels, ...plans].find((d) => d.name === name);
  if (found === undefined) throw new Error(`${file} has no ${name}`);
  return found;
}

const lightning = declared('kernels/lightning/forward.ts', 'lightningFwd');
const segments = declared('kernels/lightning/segments.ts', 'lightningSegments');
const gemm = declared('kernels/gemm/gemm.ts', 'gemm');
const norm = declared('kernels/norm/srms-norm.ts', 'srmsNorm');
const heads: Pick<Reference, 'shape'> = { shape: { B: 1, H: 4, HK: ({ H = 0 }) => H, N: 1000, D: 64, E: 64 } };
const MOST = 2 ** 20;

describe('reduced sizes', () => {
  const full = { B: 4, H: 32, HK: 32, N: 8192, D: 128, E: 128 };

  test.each([lightning, segments])('of $name: two blocks and a part, few heads', (decl) => {
    const reduced = reducedDims(decl, full, heads, MOST);
    expect(elementsOf(decl, reduced)).toBeLessThanOrEqual(MOST);
    expect(reduced).toMatchObject({ B: 2, D: 128, E: 128 });
    expect(reduced.HK).toBe(reduced.H);
    expect(reduced.N).toBeGreaterThan(256);
    expect((reduced.N ?? 0) % 16).not.toBe(0);
  });

  test('heads go on sharing keys', () => {
    const { H, HK } = reducedDims(lightning, { ...full, HK: 8 }, heads, MOST);
    expect(H).toBeGreaterThan(HK ?? 0);
    expect((H ?? 0) % (HK ?? 1)).toBe(0);
  });

  test('of what is small enough are ragged all the same', () => {
    expect(reducedDims(gemm, { M: 128, N: 64, K: 64 }, { shape: {} }, MOST)).toEqual({ M: 127, N: 56, K: 56 });
    expect(reducedDims(gemm, { M: 1, N: 1, K: 0 }, { shape: {} }, MOST)).toEqual({ M: 1, N: 1, K: 0 });
  });

  test('are affordable although blocks of another extent are large', () => {
    const reduced = reducedDims(norm, { M: 8192, K: 4096 }, { shape: {} }, MOST);
    expect(elementsOf(norm, reduced)).toBeLessThanOrEqual(MOST);
    expect(reduced.M).toBeGreaterThan(2 * 8);
    expect(reduced.M).toBeLessThan(200);
  });

  test('leave pairs and triples whole', () => {
    const factors = declared('kernels/transnormer/glu.ts', 'gluFactorsBwd');
    expect(reducedDims(factors, { M: 150, R: 2, F: 300 }, { shape: {} }, MOST)).toEqual({ M: 149, R: 2, F: 300 });
  });

  const size = fc.oneof(fc.nat({ max: 40 }), fc.nat({ max: 5000 }), fc.constantFrom(1, 2, 64, 128, 1024, 4096, 16384));
  const CASES: readonly (readonly [KernelDecl | PlanDecl, Dims])[] = [
    [lightning, { D: 64, E: 32 }],
    [gemm, {}],
    [norm, { D: 128 }],
  ];

  test.each(CASES)('keep what programs are compiled for', (decl, comptime) => {
    const dims = fc.tuple(...decl.dims.map((d) => (decl.comptime.includes(d) ? fc.constant(comptime[d] ?? 1) : size)));
    fc.assert(
      fc.property(dims, (sizes) => {
        const all: Dims = Object.fromEntries(decl.dims.map((d, i) => [d, sizes[i] ?? 0]));
        const reduced = reducedDims(decl, all, { shape: {} }, MOST);
        for (const d of decl.comptime) expect(reduced[d]).toBe(all[d]);
        for (const d of decl.dims) expect(Math.min(1, reduced[d] ?? 0)).toBe(Math.min(1, all[d] ?? 0));
        expect(elementsOf(decl, reduced)).toBeLessThanOrEqual(Math.max(MOST * 8, elementsOf(decl, all)));
        // Of vectors over heads one element is read at a time.
        for (const arg of decl.args.filter(isTensorArg).filter((a) => a.dims.at(-1) !== 'H')) {
          const [a, b] = [all, reduced].map((of) => align(shapeOf(arg, of))) as [number, number];
          expect(b % Math.min(a, 8)).toBe(0);
        }
      }),
    );
  });
});

const align = (shape: readonly number[]): number =>
  factsOf({ shape, strides: denseStrides(shape), offset: 0 } as Parameters<typeof factsOf>[0]).align;
