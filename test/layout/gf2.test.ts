import fc from 'fast-check';
import { expect, test } from 'vitest';
import { spanInOrder } from '../../compiler/layout/axes.js';
import * as gf2 from '../../compiler/layout/gf2.js';

const vectors = fc.array(fc.integer({ min: 0, max: 63 }), { maxLength: 7 });
const vector = fc.integer({ min: 0, max: 63 });
const spanOf = (bases: readonly number[]) => new Set(spanInOrder(bases));

test('rank, membership and kernel agree with enumeration', () => {
  fc.assert(
    fc.property(vectors, vector, (bases, v) => {
      const span = spanOf(bases);
      expect(2 ** gf2.rank(bases)).toBe(span.size);
      expect(gf2.inSpan(bases, v)).toBe(span.has(v));
      const zeros = new Set(spanInOrder(bases).flatMap((y, x) => (y === 0 ? [x] : [])));
      expect(spanOf(gf2.kernel(bases))).toEqual(zeros);
      expect(gf2.kernel(bases).length).toBe(gf2.rank(gf2.kernel(bases)));
    }),
  );
});

test('solve finds a solution iff there is one, from the earliest bases that suffice', () => {
  fc.assert(
    fc.property(vectors, vector, (bases, v) => {
      const x = gf2.solve(bases, v);
      expect(x !== null).toBe(gf2.inSpan(bases, v));
      if (x === null) return;
      expect(gf2.combine(bases, x)).toBe(v);
      const prefix = bases.findIndex((_, i) => gf2.inSpan(bases.slice(0, i), v));
      if (prefix >= 0) expect(x).toBeLessThan(2 ** prefix);
    }),
  );
});

test('solve is linear on the span', () => {
  fc.assert(
    fc.property(vectors, vector, vector, (bases, x, y) => {
      const find = gf2.solver(bases);
      const [a, b] = [gf2.combine(bases, x), gf2.combine(bases, y)];
      expect(find(a ^ b)).toBe((find(a) ?? 0) ^ (find(b) ?? 0));
    }),
  );
});

test('complement extends one span to both, and meets it only in 0', () => {
  fc.assert(
    fc.property(vectors, vectors, (a, b) => {
      const c = gf2.complement(a, b);
      expect(gf2.sameSpan([...a, ...c], [...a, ...b])).toBe(true);
      expect(gf2.rank([...a, ...c])).toBe(gf2.rank(a) + c.length);
      expect(c.every((v) => b.includes(v))).toBe(true);
    }),
  );
});

test('intersection agrees with enumeration', () => {
  fc.assert(
    fc.property(vectors, vectors, (a, b) => {
      const both = [...spanOf(a)].filter((v) => spanOf(b).has(v));
      expect(spanOf(gf2.intersect(a, b))).toEqual(new Set(both));
      expect(gf2.intersect(a, b).length).toBe(Math.log2(both.length));
    }),
  );
});

test('inverse undoes an invertible map, and only that', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 15 }), { minLength: 4, maxLength: 4 }), vector, (bases, v) => {
      const inv = gf2.inverse(bases);
      expect(inv !== null).toBe(gf2.rank(bases) === 4);
      if (inv !== null) expect(gf2.combine(inv, gf2.combine(bases, v & 15))).toBe(v & 15);
    }),
  );
});

test('vectors of 31 bits do not turn negative', () => {
  const big = [2 ** 30, 2 ** 30 + 1, 2 ** 29 + 2 ** 30];
  expect(gf2.rank(big)).toBe(3);
  expect(gf2.solve(big, 2 ** 29 + 1)).toBe(0b111 ^ 0b001);
  expect(gf2.parity(2 ** 30 + 5)).toBe(1);
});
