import { describe, expect, it } from 'vitest';
import { runLaidOut } from './laid-out.js';

const ACC = '@ reg[c1 r8 c8] lane[c2 c4 r1 r2 r4] warp[]';
const ROW = '@ reg[c8] lane[0 0 c1 c2 c4] warp[]';
const ROWS = '@ reg[r8] lane[0 0 r1 r2 r4] warp[]';
const A = ACC;
const B = '@ reg[r1 r8 c8] lane[r2 r4 c1 c2 c4] warp[]';

const inputs = {
  x: { shape: [16, 16], value: (i: number) => (i % 5) - 2 },
  w: { shape: [16, 16], value: (i: number) => (i % 7) - 3 },
  y: { shape: [16, 16] },
  z: { shape: [16, 16] },
};
const head = (scalars: string): string => `
kernel k(%x: view<in 16x16xbf16> [M, K], %w: view<in 16x16xbf16> [K, N], %y: view<out 16x16xf32> [M, N], %z: view<out 16x16xf32> [M, N], ${scalars}) axes [] {
  %zero = const {value = 0} : i32
  %one = const {value = 1} : i32
  %three = const {value = 3} : i32
  %none = const {value = 0} : tile<16x16xf32> ${ACC}
  %l = load %x, %zero, %zero {pad = 0} : tile<16x16xbf16> ${A}
  %r = load %w, %zero, %zero {pad = 0} : tile<16x16xbf16> ${B}
`;

/** `before` the loop, what the branch in it hands on, and what is stored in z of the branch's result %b. */
const branching = (before: string, yes: string, no: string, after: string): string => `${head('%n: i32')}
  ${before}
  %sum = for %zero, %three, %one, %none : tile<16x16xf32> ${ACC} (%i: i32, %c: tile<16x16xf32> ${ACC}) {
    %d = dot %l, %r, %c {instr = "m16n8k16"} : tile<16x16xf32> ${ACC}
    %on = cmp %i, %n {pred = "eq"} : i1
    %b, %e = if %on : tile<16x16xf32> ${ACC}, tile<16x16xf32> ${ACC} {
      ${yes}
    } {
      ${no}
    }
    ${after}
    yield %b
  }
  store %y, %sum, %zero, %zero
}
`;
const negated = `%m = neg %d : tile<16x16xf32> ${ACC}
      yield %m, %none`;

describe('a branch that hands on a product on one side', () => {
  it.each([
    ['in place', '', negated, 'yield %d, %none', 'store %z, %e, %zero, %zero'],
    ['on the other side', '', 'yield %d, %none', negated, 'store %z, %e, %zero, %zero'],
    ['which is read later too', '', negated, 'yield %d, %none', 'store %z, %d, %zero, %zero'],
    ['twice', '', negated.replace('%none', '%d'), 'yield %d, %d', 'store %z, %e, %zero, %zero'],
    ['once on each side', '', 'yield %none, %d', 'yield %d, %none', 'store %z, %e, %zero, %zero'],
    [
      'from before the loop',
      `%p = dot %l, %r {instr = "m16n8k16"} : tile<16x16xf32> ${ACC}`,
      negated,
      'yield %p, %none',
      'store %z, %e, %zero, %zero',
    ],
  ] as const)('%s', (_, before, yes, no, after) => {
    for (const n of [0, 1, 2, 5]) {
      const run = runLaidOut({ text: branching(before, yes, no, after), warps: 1, tensors: inputs, scalars: { n } });
      expect(run.got).toEqual(run.want);
    }
  });

  it('takes over its registers: one side is empty', () => {
    const text = branching('', negated, 'yield %d, %none', '')
      .replace('%b, %e = if %on : ', '%b = if %on : ')
      .replace(`${ACC}, tile<16x16xf32> ${ACC} {`, `${ACC} {`)
      .replaceAll(', %none\n    }', '\n    }');
    const { got, want, program } = runLaidOut({ text, warps: 1, tensors: inputs, scalars: { n: 1 } });
    expect(got).toEqual(want);
    expect(program.text).toMatch(/_end:/);
    expect(program.text).not.toMatch(/_else:/);
  });
});

/** Sums that are scaled by 2^(m - m'), where m' is another maximum in the trips whose bits are set in n. */
const scaling = (chosen: string): string => `${head('%n: i32, %step: f32')}
  %low = const {value = 0} : tile<16xf32> ${ROW}
  %sum, %m = for %zero, %three, %one, %none, %low : tile<16x16xf32> ${ACC}, tile<16xf32> ${ROW} (%i: i32, %c: tile<16x16xf32> ${ACC}, %old: tile<16xf32> ${ROW}) {
    %rows = iota : tile<16xi32> ${ROW}
    %at = splat %n : tile<16xi32> ${ROW}
    %j = splat %i : tile<16xi32> ${ROW}
    %k = mul %j, %at : tile<16xi32> ${ROW}
    %on = cmp %rows, %k {pred = "eq"} : tile<16xi1> ${ROW}
    %add = splat %step : tile<16xf32> ${ROW}
    %more = add %old, %add : tile<16xf32> ${ROW}
    %new = ${chosen} : tile<16xf32> ${ROW}
    %diff = sub %old, %new : tile<16xf32> ${ROW}
    %alpha = exp2 %diff : tile<16xf32> ${ROW}
    %f = expand %alpha {axis = 1} : tile<16x1xf32> ${ROWS}
    %g = broadcast %f : tile<16x16xf32> ${ACC}
    %s = mul %c, %g : tile<16x16xf32> ${ACC}
    %d = dot %l, %r, %s {instr = "m16n8k16"} : tile<16x16xf32> ${ACC}
    yield %d, %new
  }
  store %y, %sum, %zero, %zero
  store %z, %none, %zero, %zero
}
`;

describe('an accumulator scaled by factors that are 1 where a maximum stays', () => {
  it.each([
    ['select', 'select %on, %more, %old'],
    ['max', 'max %more, %old'],
  ])('%s: one vote of the warp, and products only where a factor is not 1', (_, chosen) => {
    for (const n of [0, 3, 7, 100])
      for (const step of [-1, 0, 2]) {
        const run = runLaidOut({ text: scaling(chosen), warps: 1, tensors: inputs, scalars: { n, step } });
        expect(run.got).toEqual(run.want);
        expect(run.program.text.match(/vote\.sync\.all/g)).toHaveLength(1);
      }
  });

  it('nothing is asked of other factors', () => {
    const text = scaling('add %more, %more');
    const run = runLaidOut({ text, warps: 1, tensors: inputs, scalars: { n: 1, step: 1 } });
    expect(run.got).toEqual(run.want);
    expect(run.program.text).not.toContain('vote');
  });
});
