import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { PtxProgram } from '../../../backends/ptx/emit.js';
import { makeLayout } from '../../../compiler/layout/layout.js';
import { refusedByPtxas, runLaidOut } from './laid-out.js';
import { threadLayouts, tileText, viewText } from './tiles.js';

const WARPS = [1, 2, 4];
const layoutsOf = (shape: readonly number[], warps: number) => threadLayouts(shape, Math.log2(warps));

/** Row by row: sums of the rows of two tiles so far, which a while loop ends at the first row above a bound. */
const rowByRow = fc.constantFrom(...WARPS).chain((warps) =>
  fc.record({
    warps: fc.constant(warps),
    x: layoutsOf([8, 16], warps),
    y: layoutsOf([8, 16], warps),
    sums: layoutsOf([8, 16], warps),
    row: layoutsOf([1, 16], warps),
    most: fc.nat(1800),
  }),
);

test('a while loop takes rows of tiles from outside and inserts rows into what it carries', () => {
  const programs: PtxProgram[] = [];
  fc.assert(
    fc.property(rowByRow, ({ warps, x, y, sums, row, most }) => {
      const [X, Y, S, R, F] = [x, y, sums, row, makeLayout([16], row.ins)].map((l) => tileText('f32', l));
      const text = `kernel t(%x: ${viewText('in', 'f32', ['A', 'B'])}, %y: ${viewText('in', 'f32', ['A', 'B'])}, %z: ${viewText('out', 'f32', ['A', 'B'])}, %n: ${viewText('out', 'i32', ['One'])}, %most: f32) {
  %zero = const {value = 0} : i32
  %one = const {value = 1} : i32
  %end = const {value = 8} : i32
  %none = const {value = 0} : f32
  %a = load %x, %zero, %zero {pad = 0} : ${X}
  %b = load %y, %zero, %zero {pad = 0} : ${Y}
  %start = const {value = 0} : ${R}
  %nothing = const {value = 0} : ${S}
  %i, %t, %s, %r = while %zero, %none, %start, %nothing : i32, f32, ${R}, ${S} (%i0: i32, %t0: f32, %s0: ${R}, %r0: ${S}) {
    %more = cmp %i0, %end {pred = "lt"} : i1
    %f0 = reshape %s0 : ${F}
    %m0 = reduce %f0 {op = "max", axis = 0} : f32
    %sum0 = add %m0, %t0 : f32
    %low = cmp %sum0, %most {pred = "lt"} : i1
    %go = and %more, %low : i1
    yield %go
  } (%i1: i32, %t1: f32, %s1: ${R}, %r1: ${S}) {
    %p = slice %a, %i1, %zero : ${R}
    %q = slice %b, %i1, %zero : ${R}
    %pq = add %p, %q : ${R}
    %s2 = add %s1, %pq : ${R}
    %r2 = insert %r1, %s2, %i1, %zero : ${S}
    %again = slice %r2, %i1, %zero : ${R}
    %flat = reshape %again : ${F}
    %t2 = reduce %flat {op = "max", axis = 0} : f32
    %i2 = add %i1, %one : i32
    yield %i2, %t2, %s2, %r2
  }
  store %z, %r, %zero, %zero
  %o = view_at %n, %zero {keep = [false]} : view<out i32>
  store %o, %i
}
`;
      const { got, want, program } = runLaidOut({
        text,
        warps,
        tensors: {
          x: { shape: [8, 16], value: (i) => (i * 37) % 64 },
          y: { shape: [8, 16], value: (i) => (i * 11) % 32 },
          z: { shape: [8, 16] },
          n: { shape: [1] },
        },
        scalars: { most },
      });
      programs.push(program);
      expect(got).toEqual(want);
    }),
    { numRuns: Number(process.env.LAC_RUNS ?? 6) },
  );
  expect(refusedByPtxas(programs)).toEqual([]);
});

test('a while loop whose condition is known at once', () => {
  for (const [go, want] of [
    [0, 7],
    [1, 3],
  ] as const) {
    const text = `kernel t(%y: view<out 1xi32> [One], %n: i32) {
  %zero = const {value = 0} : i32
  %seven = const {value = 7} : i32
  %r = while %seven : i32 (%a: i32) {
    %k = const {value = ${go}} : i1
    %two = const {value = 3} : i32
    %more = cmp %a, %two {pred = "gt"} : i1
    %c = and %k, %more : i1
    yield %c
  } (%b: i32) {
    %one = const {value = 1} : i32
    %s = sub %b, %one : i32
    yield %s
  }
  %o = view_at %y, %zero {keep = [false]} : view<out i32>
  store %o, %r
}
`;
    const { got } = runLaidOut({ text, warps: 1, tensors: { y: { shape: [1] } }, scalars: { n: 0 } });
    expect(got.y?.[0]).toBe(want);
  }
});
