import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromBits16, roundResult, roundTo, toBits16 } from '../../compiler/ops/round.js';

const FORMATS = ['f16', 'bf16'] as const;
const EXPONENT = { f16: 0x7c00, bf16: 0x7f80 };

describe.each(FORMATS)('%s', (dtype) => {
  it('every bit pattern survives unpacking and packing; NaN patterns stay NaN', () => {
    for (let bits = 0; bits < 65536; bits++) {
      const x = fromBits16(dtype, bits);
      if (Number.isNaN(x)) {
        if (!Number.isNaN(fromBits16(dtype, toBits16(dtype, x)))) throw new Error(`NaN lost: ${bits}`);
      } else if (toBits16(dtype, x) !== bits || !Object.is(roundTo(dtype, x), x)) throw new Error(`${bits}: ${x}`);
    }
  });

  it('halfway points go to the even neighbour, anything beyond to the nearer one', () => {
    for (let bits = 0; bits + 1 <= EXPONENT[dtype]; bits++) {
      const lo = fromBits16(dtype, bits);
      const hi = bits + 1 === EXPONENT[dtype] ? 2 * lo - fromBits16(dtype, bits - 1) : fromBits16(dtype, bits + 1);
      const half = lo + (hi - lo) / 2;
      const even = bits % 2 === 0 ? bits : bits + 1;
      const above = half * (1 + Number.EPSILON);
      const below = half * (1 - Number.EPSILON);
      const got = [half, above, below, -half].map((x) => toBits16(dtype, x));
      const want = [even, bits + 1, bits, even | 0x8000];
      if (got.some((g, i) => g !== want[i])) throw new Error(`${bits}: ${got} instead of ${want}`);
    }
  });

  it('is monotone', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true }), fc.double({ noNaN: true }), (a, b) => {
        const [lo, hi] = a < b ? [a, b] : [b, a];
        expect(roundTo(dtype, lo)).toBeLessThanOrEqual(roundTo(dtype, hi));
      }),
    );
  });
});

it('bounds of the formats', () => {
  expect(roundTo('f16', 65519.999)).toBe(65504);
  expect(roundTo('f16', 65520)).toBe(Infinity);
  expect(roundTo('f16', -1e300)).toBe(-Infinity);
  expect(roundTo('f16', 2 ** -25)).toBe(0);
  expect(roundTo('f16', 2 ** -25 * 1.0001)).toBe(2 ** -24);
  expect(Object.is(roundTo('f16', -(2 ** -30)), -0)).toBe(true);
  expect(roundTo('bf16', 2 ** -134)).toBe(0);
  expect(roundTo('bf16', 3.4e38)).toBe(Infinity);
  expect(roundTo('bf16', 5e-324)).toBe(0);
  expect(roundTo('f32', 0.1)).toBe(Math.fround(0.1));
  expect(roundTo('i32', 7)).toBe(7);
});

it('16-bit arithmetic rounds through f32', () => {
  // In one rounding this f64 lies above the halfway point; its f32 is the halfway point itself, which goes to even.
  const x = 1 + 2 ** -11 + 2 ** -40;
  expect(roundTo('f16', x)).toBe(1 + 2 ** -10);
  expect(roundResult('f16', x)).toBe(1);
});
