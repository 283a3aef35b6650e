import fc from 'fast-check';
import { expect, it } from 'vitest';
import { runLaidOut } from './laid-out.js';

const product = (precision: string) => `
kernel k(%x: view<in 16x8xf32> [M, K], %w: view<in 8x8xf32> [K, N], %y: view<out 16x8xf32> [M, N]) axes [] {
  %zero = const {value = 0} : i32
  %l = load %x, %zero, %zero {pad = 0} : tile<16x8xf32> @ reg[r8 c1] lane[c2 c4 r1 r2 r4] warp[]
  %r = load %w, %zero, %zero {pad = 0} : tile<8x8xf32> @ reg[r1] lane[r2 r4 c1 c2 c4] warp[]
  %d = dot %l, %r {instr = "m16n8k8", precision = "${precision}"} : tile<16x8xf32> @ reg[c1 r8] lane[c2 c4 r1 r2 r4] warp[]
  store %y, %d, %zero, %zero
}
`;

/** y[m][n] = x[m][m mod 8] w[m mod 8][n] alone, so that sums round nothing away; `x` by row, `w` by element. */
function multiply(precision: string, sm: number, x: readonly number[], w: readonly number[]) {
  return runLaidOut({
    text: product(precision),
    warps: 1,
    sm,
    tensors: {
      x: { shape: [16, 8], value: (i) => ((i >> 3) % 8 === i % 8 ? (x[i >> 3] ?? 0) : 0) },
      w: { shape: [8, 8], value: (i) => w[i] ?? 0 },
      y: { shape: [16, 8] },
    },
  });
}

/** f32 whose bits below those of tf32 are anything, the hardest included, and far apart in size. */
const bits = fc.oneof(
  fc.constantFrom(0, 1, 0xfff, 0x1000, 0x1001, 0x1800, 0x1fff),
  fc.integer({ min: 0, max: 0x1fff }),
);
const number = fc
  .tuple(fc.integer({ min: 0, max: 0x3ff }), bits, fc.integer({ min: -30, max: 30 }), fc.constantFrom(1, -1))
  .map(([upper, lower, exponent, sign]) => sign * (1 + upper / 2 ** 10 + lower / 2 ** 23) * 2 ** exponent);
const numbers = (n: number): fc.Arbitrary<number[]> => fc.array(number, { minLength: n, maxLength: n });

/** Of a product: two parts that are cut to 2^-23, the product that is left out, and rounding three times on the way. */
const MOST = { tf32x3: 2 * 2 ** -23 + 2 ** -22 + 3 * 2 ** -24, tf32: 2 ** -10 + 2 ** -21 };

it.each(['tf32x3', 'tf32'] as const)('%s: every product is as near as its parts can be', (precision) => {
  fc.assert(
    fc.property(fc.constantFrom(80, 90), numbers(16), numbers(64), (sm, x, w) => {
      const { got, want } = multiply(precision, sm, x, w);
      for (const [i, y] of [...(want.y ?? [])].slice(0, 128).entries()) {
        const exact = (x[i >> 3] ?? 0) * (w[8 * ((i >> 3) % 8) + (i % 8)] ?? 0);
        expect(Math.abs(y - exact)).toBeLessThanOrEqual(2 ** -23 * Math.abs(exact));
        expect(Math.abs((got.y?.[i] ?? NaN) - exact), `${x[i >> 3]}, sm_${sm}`).toBeLessThanOrEqual(
          MOST[precision] * Math.abs(exact),
        );
      }
    }),
    { numRuns: 16 },
  );
});

it.each([80, 90])('NaN stays NaN in all that it is multiplied into: sm_%i', (sm) => {
  for (const precision of ['tf32x3', 'tf32']) {
    const x = Array.from({ length: 16 }, (_, m) => (m === 3 ? NaN : m - 5.5));
    const w = Array.from({ length: 64 }, (_, i) => (i === 8 * 6 + 2 ? NaN : i / 3 - 7));
    const { got } = multiply(precision, sm, x, w);
    // Row 3, and column 2: NaN times the zeros of the other rows.
    const wanted = Array.from({ length: 128 }, (_, i) => i >> 3 === 3 || i % 8 === 2);
    expect(Array.from({ length: 128 }, (_, i) => Number.isNaN(got.y?.[i]))).toEqual(wanted);
  }
});

it('splits each number once, in as few instructions as ptxas has for it', () => {
  const count = (sm: number, name: string): number =>
    multiply('tf32x3', sm, [], [])
      .program.text.split('\n')
      .filter((line) => line.trim().startsWith(name)).length;
  const ofThread = 4 + 2;
  expect([count(90, 'cvt.rn.tf32.f32'), count(90, 'sub.f32')]).toEqual([ofThread, ofThread]);
  expect([count(80, 'sub.f32'), count(80, 'cvt.rna')]).toEqual([ofThread, 0]);
});
