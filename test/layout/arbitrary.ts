import fc from 'fast-check';
import type { HardwareIndex, InDim, Layout } from '../../compiler/layout/layout.js';
import { dimsOf, IN_DIMS, makeLayout, tileBits } from '../../compiler/layout/layout.js';

export const shapes = (maxRank = 3, maxBits = 6): fc.Arbitrary<number[]> =>
  fc
    .array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: maxRank })
    .filter((bits) => bits.reduce((a, b) => a + b, 0) <= maxBits)
    .map((bits) => bits.map((b) => 2 ** b));

/** Any linear map: zero and dependent bases included. */
export function layouts(shape: fc.Arbitrary<number[]>, dims: readonly InDim[], maxBits = 4): fc.Arbitrary<Layout> {
  return shape.chain((s) => {
    const basis = fc.integer({ min: 0, max: 2 ** tileBits(s) - 1 });
    const ins = Object.fromEntries(dims.map((d) => [d, fc.array(basis, { maxLength: maxBits })]));
    return fc.record(ins).map((r) => makeLayout(s, r));
  });
}

/**
 * Every element has a holder: the unit vectors, mixed by XOR and shuffled among the dims, with duplicates and zeros.
 * `threadBits` fixes the number of bits of each thread dim, so that two layouts can be compared.
 */
export function surjective(shape: readonly number[], threads: Partial<Record<InDim, number>>): fc.Arbitrary<Layout> {
  const bits = tileBits(shape);
  const slots = Object.values(threads).reduce((a, b) => a + b, 0);
  const extra = fc.array(fc.integer({ min: 0, max: 2 ** bits - 1 }), { minLength: slots, maxLength: slots + 2 });
  const mixes = fc.array(fc.tuple(fc.nat({ max: 30 }), fc.nat({ max: 30 })), { maxLength: 6 });
  const keys = fc.array(fc.nat({ max: 1000 }), { minLength: bits + slots + 2, maxLength: bits + slots + 2 });
  return fc.tuple(extra, mixes, keys).map(([more, mix, key]) => {
    const unit = Array.from({ length: bits }, (_, i) => 2 ** i);
    for (const [i, j] of mix)
      if (bits > 0 && i % bits !== j % bits) unit[i % bits] = (unit[i % bits] ?? 0) ^ (unit[j % bits] ?? 0);
    const all = [...unit, ...more].map((b, i) => ({ b, k: key[i] ?? 0 }));
    const shuffled = all.sort((a, b) => a.k - b.k).map((x) => x.b);
    const ins: { [D in InDim]?: readonly number[] } = {};
    for (const [d, n] of Object.entries(threads)) ins[d as InDim] = shuffled.splice(0, n);
    return makeLayout(shape, { ...ins, register: shuffled });
  });
}

/** Every combination of hardware indices. */
export function* everywhere(l: Layout, dims: readonly InDim[] = dimsOf(l)): Generator<HardwareIndex> {
  const [d, ...rest] = dims;
  if (d === undefined) {
    yield {};
    return;
  }
  for (const at of everywhere(l, rest)) for (let i = 0; i < 2 ** (l.ins[d]?.length ?? 0); i++) yield { ...at, [d]: i };
}

export const hardwareText = (at: HardwareIndex): string => IN_DIMS.map((d) => at[d] ?? 0).join(',');
