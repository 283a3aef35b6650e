import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LacError } from '../../compiler/diag/diagnostic.js';
import { type Expr, evaluateExpr, namesOf, reduced } from '../../compiler/expr.js';
import { candidates, combinations, type KnobSpace, keeps } from '../../driver/configurations.js';
import type { Dims } from '../../driver/reference.js';

const space = {
  name: 'k',
  tune: { C: [64, 32], warps: [8, 4] },
  prune: ['<=', ['*', 'C', 'D'], 2048] as const,
};
const codeOf = (f: () => unknown): string => {
  try {
    f();
  } catch (error) {
    if (error instanceof LacError) return error.diagnostics.map((d) => d.code).join();
    throw error;
  }
  return 'nothing';
};

describe('configurations', () => {
  test('first knob slowest, values in order of declaration', () => {
    expect([...combinations(space.tune)]).toEqual([
      { C: 64, warps: 8 },
      { C: 64, warps: 4 },
      { C: 32, warps: 8 },
      { C: 32, warps: 4 },
    ]);
    expect([...combinations({})]).toEqual([{}]);
  });

  test('prune decides when its names are known', () => {
    expect(keeps(space, { C: 64, warps: 4 }, { D: 64 })).toBe(false);
    expect(keeps(space, { C: 64, warps: 4 }, {})).toBe(true);
    expect([...candidates(space, { D: 64 }, {}, 1024)]).toEqual([
      { C: 32, warps: 8 },
      { C: 32, warps: 4 },
    ]);
  });

  test('prefer orders when its names are known, equal ones as declared', () => {
    const preferring = { ...space, prune: null, prefer: ['abs', ['-', ['*', 'C', 'processors'], 'N']] as const };
    const first = (dims: Record<string, number>, device: { processors?: number }) =>
      [...candidates(preferring, dims, {}, 1024, device)].map(({ C, warps }) => `${C} ${warps}`);
    expect(first({ N: 128 }, { processors: 4 })).toEqual(['32 8', '32 4', '64 8', '64 4']);
    expect(first({ N: 128 }, { processors: 4 })).toEqual(first({ N: 128 }, { processors: 4 }));
    expect(first({ N: 256 }, { processors: 4 })).toEqual(['64 8', '64 4', '32 8', '32 4']);
    expect(first({ N: 128 }, {})).toEqual(['64 8', '64 4', '32 8', '32 4']);
    expect([...candidates(preferring, { N: 128 }, { C: 64 }, 128, { processors: 4 })]).toEqual([{ C: 64, warps: 4 }]);
  });

  test('on a CPU few warps come first, and nothing loaded ahead', () => {
    const tune = { C: [64, 32], warps: [8, 2], stages: [2, 1] };
    const order = (processors: number) =>
      [...candidates({ name: 'k', tune, prune: null }, {}, {}, 1024, { processors })].map((c) => JSON.stringify(c));
    expect(order(2)).toEqual([...combinations(tune)].map((c) => JSON.stringify(c)));
    expect([...order(1)].sort()).toEqual([...order(2)].sort());
    const first = [
      { C: 64, warps: 2, stages: 1 },
      { C: 32, warps: 2, stages: 1 },
      { C: 64, warps: 2, stages: 2 },
    ];
    expect(order(1).slice(0, 3)).toEqual(first.map((c) => JSON.stringify(c)));
    expect([...candidates({ name: 'k', tune: {}, prune: null }, {}, {}, 64, { processors: 1 })]).toEqual([{}]);
  });

  describe('on a CPU', () => {
    const tune = { BM: [16, 128, 64], BN: [64, 32], BK: [32, 16], stages: [1] };
    const grid = [
      ['n', ['cdiv', 'N', 'BN']],
      ['m', ['cdiv', 'M', 'BM']],
    ] as const;
    const first = (space: Partial<KnobSpace>, dims: Dims, processors = 1) =>
      [...candidates({ name: 'k', tune, prune: null, ...space }, dims, {}, 1024, { processors })]
        .slice(0, 2)
        .map((config) => Object.values(config).join(' '));

    test('a kernel that streams blocks has few programs, two at least, and as little beyond the ends', () => {
      const declared = ['16 64 32 1', '16 64 16 1'];
      expect(first({ grid }, { M: 200, N: 128 })).toEqual(['128 64 32 1', '128 64 16 1']);
      // Of 2 programs those with 64 rows: 128 would be 64 beyond the end.
      expect(first({ grid }, { M: 64, N: 128 })).toEqual(['64 64 32 1', '64 64 16 1']);
      expect(first({ grid }, { M: 64, N: 64 })).toEqual(['64 32 32 1', '64 32 16 1']);
      expect(first({ grid }, { M: 200, N: 128 }, 132)).toEqual(declared);
      expect(first({ grid }, { M: 200 })).toEqual(declared);
      const { stages: _, ...whole } = tune;
      expect(first({ grid, tune: whole }, { M: 200, N: 128 })).toEqual(['16 64 32', '16 64 16']);
    });

    test('a plan has the least memory between its steps', () => {
      const split = { tune: { G: [16, 64, 4], H: [1, 2] }, temps: [{ shape: ['M', 'G'] }, { shape: ['G'] }] };
      expect(first(split, { M: 5 })).toEqual(['4 1', '4 2']);
      expect(first(split, {})).toEqual(['16 1', '16 2']);
      expect(first(split, { M: 5 }, 132)).toEqual(['16 1', '16 2']);
    });

    test('prefer comes first, and says nothing of other devices where it does not name a knob', () => {
      const prefer = ['?:', ['==', 'processors', 1], ['abs', ['-', 'BK', 'K']], 0] as const;
      expect(first({ grid, prefer }, { M: 200, N: 128, K: 16 })).toEqual(['128 64 16 1', '128 32 16 1']);
      expect(first({ grid, prefer }, { M: 200, N: 128, K: 16 }, 132)).toEqual(['16 64 32 1', '16 64 16 1']);
      expect(first({ grid, prefer }, { M: 200, N: 128 })).toEqual(['128 64 32 1', '128 64 16 1']);
    });
  });

  test('warps fit the device; a configuration given in full is taken as it is', () => {
    expect([...candidates(space, { D: 64 }, {}, 128)]).toEqual([{ C: 32, warps: 4 }]);
    expect([...candidates(space, { D: 64 }, { C: 64, warps: 8 }, 128)]).toEqual([{ C: 64, warps: 8 }]);
    expect([...candidates(space, { D: 16 }, { warps: 4 }, 128)][0]).toEqual({ C: 64, warps: 4 });
  });

  test('knobs and values that are not declared', () => {
    expect(codeOf(() => [...candidates(space, {}, { BLOCK: 1 }, 128)])).toBe('LAC0907');
    expect(codeOf(() => [...candidates(space, {}, { C: 48 }, 128)])).toBe('LAC0907');
  });
});

describe('an expression with some of its names known', () => {
  const leaf = fc.oneof(fc.constantFrom('a', 'b', 'c'), fc.integer({ min: -3, max: 3 }));
  const { any } = fc.letrec<{ any: Expr }>((tie) => ({
    any: fc.oneof(
      { maxDepth: 5 },
      leaf,
      fc.tuple(fc.constantFrom('+', '*', '-', 'min', '>=', '&&', '/'), tie('any'), tie('any')),
      fc.tuple(fc.constant('?:'), tie('any'), tie('any'), tie('any')),
    ) as fc.Arbitrary<Expr>,
  }));

  test('has the same value, and of the others no more names', () => {
    const number = fc.integer({ min: -9, max: 9 });
    fc.assert(
      fc.property(any, number, number, number, (e, a, b, c) => {
        const left = reduced(e, { a, b });
        expect(evaluateExpr(left, { c })).toBe(evaluateExpr(e, { a, b, c }));
        expect([...namesOf(left)].every((name) => name === 'c')).toBe(true);
      }),
    );
  });
});
