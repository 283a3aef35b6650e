import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { PtxProgram } from '../../../backends/ptx/emit.js';
import type { DType } from '../../../compiler/ir/types.js';
import { type Layout, registerCount } from '../../../compiler/layout/layout.js';
import { planReduction } from '../../../compiler/layout/reduce.js';
import { refusedByPtxas, runLaidOut } from './laid-out.js';
import { shapesOf, straight, threadLayouts, tileText, viewText } from './tiles.js';

const AXES = ['A', 'B', 'C'];

interface Case {
  readonly layout: Layout;
  readonly warps: number;
  readonly axis: number;
  readonly dtype: DType;
}

/** Tiles of up to 2^most elements in any layout, an axis of them, and a dtype. */
const cases = (most: number): fc.Arbitrary<Case> =>
  fc.tuple(shapesOf([1, 2, 3], most), fc.constantFrom(1, 2, 4, 8)).chain(([shape, warps]) =>
    fc.record({
      layout: threadLayouts(shape, Math.log2(warps)),
      warps: fc.constant(warps),
      axis: fc.nat(shape.length - 1),
      dtype: fc.constantFrom<DType>('f32', 'f32', 'bf16', 'f16', 'i32', 'u32'),
    }),
  );

const zeros = (n: number): string => Array.from({ length: n }, () => '%zero').join(', ');

function reduction({ layout, axis, dtype }: Case, op: string): string {
  const { result } = planReduction(layout, axis);
  const [dims, rest] = [AXES.slice(0, layout.shape.length), AXES.slice(0, layout.shape.length - 1)];
  const out = op.startsWith('arg') ? 'i32' : dtype;
  const scalar = rest.length === 0;
  const shape = result.shape.map((_, i) => `R${i}`);
  return `kernel t(%x: ${viewText('in', dtype, dims)}, %y: ${viewText('out', out, scalar ? ['One'] : shape)}) {
  %zero = const {value = 0} : i32
  %t = load %x, ${zeros(dims.length)} {pad = 0} : ${tileText(dtype, layout)}
  %r = reduce %t {op = "${op}", axis = ${axis}} : ${scalar ? out : tileText(out, result)}
${
  scalar
    ? `  %o = view_at %y, %zero {keep = [false]} : view<out ${out}>\n  store %o, %r`
    : `  store %y, %r, ${zeros(shape.length)}`
}
}
`;
}

const OPS = ['sum', 'max', 'min', 'argmax', 'argmin'] as const;

test('reductions of tiles in any layout', () => {
  const programs: PtxProgram[] = [];
  fc.assert(
    fc.property(cases(8), fc.constantFrom(...OPS), fc.nat(100), (c, op, seed) => {
      const { shape } = c.layout;
      const rest = shape.filter((_, i) => i !== c.axis);
      // Small integers: sums are exact in any order, and ties are frequent.
      const value = (i: number): number => {
        const x = ((i * 2654435761 + seed * 40503) >>> 7) % 9;
        if (c.dtype === 'u32') return x;
        return c.dtype === 'f32' && op !== 'sum' && x === 3 ? NaN : x - 4;
      };
      const { got, want, program } = runLaidOut({
        text: reduction(c, op),
        warps: c.warps,
        tensors: { x: { shape, value }, y: { shape: rest.length === 0 ? [1] : rest } },
      });
      programs.push(program);
      expect(got).toEqual(want);
    }),
    { numRuns: 70 },
  );
  expect(refusedByPtxas(programs)).toEqual([]);
});

test('the best of nothing but NaN is at 0; infinities beat NaN', () => {
  for (const [op, value, position] of [
    ['argmax', () => NaN, 0],
    ['argmin', () => NaN, 0],
    ['argmax', (i: number) => (i === 77 ? -Infinity : NaN), 77],
    ['argmin', (i: number) => (i >= 40 ? Infinity : NaN), 40],
  ] as const)
    for (const warps of [1, 4]) {
      const layout = fc.sample(threadLayouts([128], Math.log2(warps)), { numRuns: 1, seed: 5 })[0] as Layout;
      const { got } = runLaidOut({
        text: reduction({ layout, warps, axis: 0, dtype: 'f32' }, op),
        warps,
        tensors: { x: { shape: [128], value }, y: { shape: [1] } },
      });
      expect(got.y?.[0]).toBe(position);
    }
});

test('reductions whose partial results are many take turns', () => {
  const layout = fc.sample(threadLayouts([16, 1024], 3), { numRuns: 40, seed: 11 });
  for (const l of layout.slice(0, 3)) {
    const { got, want, program } = runLaidOut({
      text: reduction({ layout: l, warps: 8, axis: 0, dtype: 'f32' }, 'sum'),
      warps: 8,
      tensors: { x: { shape: [16, 1024], value: (i) => i % 7 }, y: { shape: [1024] } },
    });
    expect(got).toEqual(want);
    expect(program.sharedBytes).toBeLessThanOrEqual(32768);
  }
});

test('a reduction in a loop does not overwrite what others still read', () => {
  // Rows lie in different warps: every trip goes through shared memory.
  const layout = straight([32, 32], 2, 0);
  const { result } = planReduction(layout, 0);
  const text = `kernel t(%x: ${viewText('in', 'f32', ['A', 'B'])}, %y: ${viewText('out', 'f32', ['B'])}) {
  %zero = const {value = 0} : i32
  %step = const {value = 32} : i32
  %end = const {value = 96} : i32
  %init = const {value = 0} : ${tileText('f32', result)}
  %sum = for %zero, %end, %step, %init : ${tileText('f32', result)} (%i: i32, %s: ${tileText('f32', result)}) {
    %t = load %x, %i, %zero {pad = 0} : ${tileText('f32', layout)}
    %r = reduce %t {op = "sum", axis = 0} : ${tileText('f32', result)}
    %n = add %s, %r : ${tileText('f32', result)}
    yield %n
  }
  store %y, %sum, %zero
}
`;
  const { got, want } = runLaidOut({
    text,
    warps: 4,
    tensors: { x: { shape: [96, 32], value: (i) => i % 5 }, y: { shape: [32] } },
  });
  expect(got).toEqual(want);
});

test('scans of tiles in any layout, in both directions', () => {
  const programs: PtxProgram[] = [];
  fc.assert(
    fc.property(cases(8), fc.boolean(), (c, reverse) => {
      const { shape } = c.layout;
      const dims = AXES.slice(0, shape.length);
      const text = `kernel t(%x: ${viewText('in', c.dtype, dims)}, %y: ${viewText('out', c.dtype, dims)}) {
  %zero = const {value = 0} : i32
  %t = load %x, ${zeros(dims.length)} {pad = 0} : ${tileText(c.dtype, c.layout)}
  %r = scan %t {op = "sum", axis = ${c.axis}${reverse ? ', reverse = true' : ''}} : ${tileText(c.dtype, c.layout)}
  store %y, %r, ${zeros(dims.length)}
}
`;
      const { got, want, program } = runLaidOut({
        text,
        warps: c.warps,
        tensors: { x: { shape, value: (i) => (i * 5) % 4 }, y: { shape } },
      });
      programs.push(program);
      expect(got).toEqual(want);
    }),
    { numRuns: 60 },
  );
  expect(refusedByPtxas(programs)).toEqual([]);
});

/** What comes behind each place of a vector: its sum without its scan. */
const rest = (dtype: DType, layout: string, reverse = false): string => {
  const tile = `tile<${layout.split(' @ ')[0]}x${dtype}> @ ${layout.split(' @ ')[1]}`;
  return `kernel t(%x: ${viewText('in', dtype, ['A'])}, %y: ${viewText('out', dtype, ['A'])}) {
  %zero = const {value = 0} : i32
  %t = load %x, %zero {pad = 0} : ${tile}
  %to = scan %t {op = "sum", axis = 0${reverse ? ', reverse = true' : ''}} : ${tile}
  %all = reduce %t {op = "sum", axis = 0} : ${dtype}
  %alls = splat %all : ${tile}
  %r = sub %alls, %to : ${tile}
  store %y, %r, %zero
}
`;
};

test('sums of vectors that have been scanned, in any layout', () => {
  const vectors = cases(6).filter(({ layout }) => layout.shape.length === 1 && registerCount(layout) <= 64);
  fc.assert(
    fc.property(vectors, fc.boolean(), ({ dtype, layout, warps }, reverse) => {
      const place = tileText('f32', layout).replace(/^tile<(.*)xf32>/, '$1');
      const tensors = { x: { shape: layout.shape, value: (i: number) => (i * 5) % 4 }, y: { shape: layout.shape } };
      const { got, want } = runLaidOut({ text: rest(dtype, place, reverse), warps, tensors });
      expect(got).toEqual(want);
    }),
    { numRuns: 40 },
  );
});

test('the total of a scan is its sum: no shuffle more', () => {
  const tensors = { x: { shape: [64], value: (i: number) => i % 7 }, y: { shape: [64] } };
  const text = rest('f32', '64 @ reg[c1 c2] lane[c4 c8 c16 c32 0] warp[0]');
  const { got, want, program } = runLaidOut({ text, warps: 2, tensors });
  expect(got).toEqual(want);
  expect(program.text.split('shfl.sync.bfly').length - 1).toBe(4);
});
