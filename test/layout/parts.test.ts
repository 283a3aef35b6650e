import fc from 'fast-check';
import { expect, test } from 'vitest';
import { coordinates, flatten } from '../../compiler/layout/axes.js';
import { apply, type Layout, makeLayout, mapBases, tileBits } from '../../compiler/layout/layout.js';
import { indexInPart, partRegisters, partStaysInWarp } from '../../compiler/layout/parts.js';
import { everywhere, surjective } from './arbitrary.js';

interface Case {
  readonly whole: Layout;
  readonly part: Layout;
  readonly origin: readonly number[];
}

/** A part of a tile of two axes, at an origin that is inside. */
const cases: fc.Arbitrary<Case> = fc
  .tuple(fc.nat(3), fc.nat(3), fc.nat(3), fc.nat(3))
  .map((bits) => bits.map((b) => 2 ** b))
  .chain(([rows = 1, columns = 1, ...inner]) => {
    const [m, n] = [Math.min(rows, inner[0] ?? 1), Math.min(columns, inner[1] ?? 1)];
    const threads = { lane: 2, warp: 1 };
    const origin = fc.tuple(fc.nat(rows - m), fc.nat(columns - n));
    const [whole, part] = [surjective([rows, columns], threads), surjective([m, n], threads)];
    return fc.oneof(
      fc.record({ whole, part, origin }),
      fc
        .record({ whole: dealtOut([rows, columns]), origin })
        .map((c) => ({ ...c, part: withoutRest(c.whole, [m, n]) })),
    );
  });

/** Bits of the index in any order over registers, two lanes and a warp. */
const dealtOut = (shape: readonly number[]): fc.Arbitrary<Layout> => {
  const units = Array.from({ length: tileBits(shape) }, (_, i) => 2 ** i);
  return fc.shuffledSubarray(units, { minLength: units.length }).map(([warp = 0, a = 0, b = 0, ...register]) => {
    return makeLayout(shape, { register, lane: [a, b], warp: [warp] });
  });
};

/** Every thread has the positions that it has of the whole, modulo the extents of the part. */
const withoutRest = (whole: Layout, part: readonly number[]): Layout =>
  mapBases(whole, part, (basis) => indexInPart(whole.shape, part, basis));

/** Element of the whole that lies at an element of the part. */
const elementOf = ({ whole, part, origin }: Case, index: number): number =>
  flatten(
    whole.shape,
    coordinates(part.shape, index).map((x, axis) => x + (origin[axis] ?? 0)),
  );

test('registers of a part are those of the same thread that hold its elements', () => {
  fc.assert(
    fc.property(cases, (c) => {
      const sources = partRegisters(c.whole, c.origin, c.part);
      if (sources === null) return;
      for (const at of everywhere(c.part)) {
        const source = sources[at.register ?? 0] ?? NaN;
        expect(apply(c.whole, { ...at, register: source })).toBe(elementOf(c, apply(c.part, at)));
      }
    }),
  );
});

test('a part that stays in a warp is held there, and nowhere else', () => {
  let staying = 0;
  fc.assert(
    fc.property(cases, fc.tuple(fc.boolean(), fc.boolean()), (c, known) => {
      const origin = c.origin.map((x, axis) => (known[axis] === true ? x : null));
      if (!partStaysInWarp(c.whole, origin, c.part)) return;
      staying++;
      const holders = new Map<number, Set<number>>();
      for (const at of everywhere(c.whole)) {
        const warps = holders.get(apply(c.whole, at)) ?? new Set<number>();
        holders.set(apply(c.whole, at), warps.add(at.warp ?? 0));
      }
      for (const at of everywhere(c.part))
        expect([...(holders.get(elementOf(c, apply(c.part, at))) ?? [])]).toEqual([at.warp ?? 0]);
    }),
    { numRuns: 400 },
  );
  expect(staying).toBeGreaterThan(0);
});
