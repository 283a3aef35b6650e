import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromBits16, toBits16 } from '../../compiler/ops/round.js';
import { decode, encode } from '../../runtime/index.js';

describe.each(['f16', 'bf16'] as const)('%s in bulk', (dtype) => {
  const every = Float64Array.from({ length: 65536 }, (_, bits) => fromBits16(dtype, bits));
  const one = (values: Float64Array): Uint16Array => Uint16Array.from(values, (x) => toBits16(dtype, x));

  test('every value, every midpoint and its neighbours round as one by one', () => {
    const near = [...every.keys()].flatMap((i) => {
      const middle = ((every[i] as number) + (every[(i + 1) % 65536] as number)) / 2;
      return [
        middle,
        middle * (1 + 2 ** -40),
        middle * (1 - 2 ** -40),
        middle * (1 + 2 ** -20),
        middle * (1 - 2 ** -20),
      ];
    });
    for (const values of [every, Float64Array.from(near)]) expect(encode(dtype, values)).toEqual(one(values));
  });

  test('any number rounds as one by one, and decodes to the value of its bits', () => {
    fc.assert(
      fc.property(fc.float64Array({ maxLength: 50 }), (values) => {
        const raw = encode(dtype, values);
        expect(raw).toEqual(one(values));
        expect(decode(dtype, raw)).toEqual(Float64Array.from(raw, (bits) => fromBits16(dtype, bits)));
      }),
    );
  });
});
