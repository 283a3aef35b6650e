import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Layout, Storage } from '../../compiler/layout/index.js';
import * as lay from '../../compiler/layout/index.js';
import { surjective } from './arbitrary.js';
import { countedWays, type SharedBytes, simulateRead, simulateWrite } from './shared-simulation.js';

const HOPPER = { stmatrix: true };
const AMPERE = { stmatrix: false };

function layoutOf(text: string, shape: readonly number[]): Layout {
  const l = lay.parseLayout(text, shape);
  if (typeof l === 'string') throw new Error(l);
  return l;
}

const swizzle = (a: number, m: number): Storage => ({ kind: 'swizzle', chunkBytes: 16, a, m, s: 0 });

/** Layouts of the products and of coalesced accesses, over a 64x64 tile. */
const NAMED = {
  a: 'reg[c1 r8 c8 c16 c32] lane[c2 c4 r1 r2 r4] warp[r16 r32]',
  aTrans: 'reg[r1 c8 r8 r16 r32] lane[r2 r4 c1 c2 c4] warp[c16 c32]',
  b: 'reg[r1 r8 c8 c16 c32 r16 r32] lane[r2 r4 c1 c2 c4] warp[0 0]',
  bTrans: 'reg[c1 c8 r8 r16 c16 c32] lane[c2 c4 r1 r2 r4] warp[0 r32]',
  accumulator: 'reg[c1 r8 c8 c16 c32] lane[c2 c4 r1 r2 r4] warp[r16 r32]',
  blocked: 'reg[c1 c2 c4 r16 r32] lane[c8 c16 c32 r1 r2] warp[r4 r8]',
  tf32: 'reg[r8 c4 c8 c16 c32] lane[c1 c2 r1 r2 r4] warp[r16 r32]',
  copies: 'reg[c1 r8 0 c8 c16 c32 c1] lane[c2 c4 r1 r2 r4] warp[r16 r32]',
} as const;
const named = (name: keyof typeof NAMED): Layout => layoutOf(NAMED[name], [64, 64]);

describe('the form of an access', () => {
  test.each([
    ['a', 2, 'read', 'ldmatrix', 8],
    ['aTrans', 2, 'read', 'ldmatrix.trans', 8],
    ['b', 2, 'read', 'ldmatrix.trans', 8],
    ['bTrans', 2, 'read', 'ldmatrix', 8],
    ['accumulator', 2, 'write', 'stmatrix', 8],
    ['aTrans', 2, 'write', 'stmatrix.trans', 8],
    ['blocked', 2, 'read', 'vector', 8],
    ['blocked', 2, 'write', 'vector', 8],
    ['blocked', 4, 'write', 'vector', 4],
    ['tf32', 4, 'read', 'ldmatrix', 4],
    ['accumulator', 4, 'write', 'vector', 2],
    ['copies', 2, 'read', 'ldmatrix', 8],
  ] as const)('%s of %i bytes, %s: %s of %i', (name, bytes, direction, form, width) => {
    const access = lay.planAccess(named(name), [64, 64], bytes, swizzle(0, 7), direction, HOPPER);
    expect([access.form, access.width]).toEqual([form, width]);
    if (bytes === 2) expect(access.ways).toBe(1);
  });

  test('without stmatrix an accumulator is written as pairs, free of conflicts under the swizzle', () => {
    const write = (s: Storage) => lay.planAccess(named('accumulator'), [64, 64], 2, s, 'write', AMPERE);
    expect(write(swizzle(0, 7))).toMatchObject({ form: 'vector', width: 2, ways: 1, run: [0] });
    expect(write({ kind: 'plain' }).ways).toBe(8);
  });

  test('registers that repeat are read once', () => {
    const access = lay.planAccess(named('copies'), [64, 64], 2, swizzle(0, 7), 'read', HOPPER);
    const single = lay.planAccess(named('a'), [64, 64], 2, swizzle(0, 7), 'read', HOPPER);
    expect(access.steps).toHaveLength(single.steps.length);
    expect([access.source[4], access.source[64], access.source[65]]).toEqual([0, 1, 0]);
  });

  test('warps that hold copies do not write; lanes that do rule out an instruction of the whole warp', () => {
    const twice = layoutOf('reg[c1 r8 c8 c16 c32 r32] lane[c2 c4 r1 r2 r4] warp[r16 0]', [64, 64]);
    expect(lay.planAccess(twice, [64, 64], 2, swizzle(0, 7), 'write', HOPPER)).toMatchObject({
      form: 'stmatrix',
      idle: { lane: 0, warp: 2 },
    });
    const lanes = layoutOf('reg[c1 r8 c8 c16 c32 r32 r4] lane[c2 c4 r1 r2 0] warp[r16 0]', [64, 64]);
    expect(lay.planAccess(lanes, [64, 64], 2, swizzle(0, 7), 'write', HOPPER)).toMatchObject({
      form: 'vector',
      idle: { lane: 16, warp: 2 },
    });
  });

  test('storage that is not linear, and invocations, are bugs of the caller', () => {
    expect(() => lay.planAccess(named('a'), [64, 64], 2, { kind: 'padded', padBytes: 16 }, 'read', HOPPER)).toThrow(
      /linear/,
    );
    const wgsl = lay.joinThreads(named('a'));
    expect(() => lay.planAccess(wgsl, [64, 64], 2, { kind: 'plain' }, 'read', HOPPER)).toThrow(/lanes and warps/);
  });
});

/** A fragment or blocked layout whose upper bases are shuffled among registers and warps, so that matrix forms divide. */
const FRAGMENTS = [
  'reg[c1] lane[c2 c4 r1 r2 r4]',
  'reg[r1] lane[r2 r4 c1 c2 c4]',
  'reg[c1 c2 c4] lane[c8 c16 r1 r2 r4]',
  'reg[] lane[c1 c2 r1 r2 r4]',
  'reg[c1 c2] lane[c4 c8 c16 r1 r2]',
] as const;

const fragmentLayouts: fc.Arbitrary<Layout> = fc
  .record({
    shape: fc.constantFrom([8, 32], [16, 32], [64, 32], [16, 64], [8, 128]),
    text: fc.constantFrom(...FRAGMENTS),
    keys: fc.array(fc.nat({ max: 99 }), { minLength: 12, maxLength: 12 }),
    duplicates: fc.nat({ max: 2 }),
  })
  .map(({ shape, text, keys, duplicates }) => {
    const base = layoutOf(text, shape);
    const used = new Set(lay.basesOf(base));
    const left = [...Array(lay.tileBits(shape)).keys()].map((i) => 2 ** i).filter((b) => !used.has(b));
    const zeros = Array.from({ length: duplicates }, () => 0);
    const mixed = [...left, ...zeros]
      .map((b, i) => ({ b, key: keys[i] ?? 0 }))
      .sort((x, y) => x.key - y.key)
      .map((x) => x.b);
    const warp = mixed.splice(0, 2);
    while (warp.length < 2) warp.push(0);
    return lay.makeLayout(shape, {
      register: [...(base.ins.register ?? []), ...mixed],
      lane: base.ins.lane ?? [],
      warp,
    });
  });

const wild: fc.Arbitrary<Layout> = fc
  .constantFrom([4, 32], [32, 4], [128], [2, 8, 16])
  .chain((shape) => surjective(shape, { lane: 5, warp: 1 }));

const storages = (l: Layout, elementBytes: number): Storage[] => [
  { kind: 'plain' },
  ...lay.swizzles(lay.rowExtent(l.shape) * elementBytes, lay.rowCount(l.shape), 16),
];

const scenes = fc.record({
  layout: fc.oneof(fragmentLayouts, wild),
  bytes: fc.constantFrom(2 as const, 4 as const),
  pick: fc.nat({ max: 1000 }),
  stmatrix: fc.boolean(),
});

describe('accesses of random layouts', () => {
  test('what is written lies where the storage says, each element once; what is read is what the layout says', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(scenes, ({ layout, bytes, pick, stmatrix }) => {
        const all = storages(layout, bytes);
        const storage = all[pick % all.length] as Storage;
        const where = lay.byteOffsets(layout.shape, bytes, storage);
        const write = lay.planAccess(layout, layout.shape, bytes, storage, 'write', { stmatrix });
        const memory: SharedBytes = new Map();
        simulateWrite(write, layout, bytes, memory);
        const size = 2 ** lay.tileBits(layout.shape);
        const expected = new Map([...Array(size).keys()].map((i) => [where(i), i]));
        assert.equal(memory.size, size);
        for (const [byte, value] of memory) assert.equal(value, expected.get(byte));

        const read = lay.planAccess(layout, layout.shape, bytes, storage, 'read', { stmatrix });
        simulateRead(read, layout, bytes, expected).forEach((lanes, warp) => {
          lanes.forEach((values, lane) => {
            values.forEach((value, register) => {
              assert.equal(value, lay.apply(layout, { register, lane, warp }));
            });
          });
        });
        seen.add(`${bytes} ${read.form}`).add(`${bytes} ${write.form}`);
      }),
      { numRuns: 250 },
    );
    expect([...seen].sort()).toEqual([
      '2 ldmatrix',
      '2 ldmatrix.trans',
      '2 stmatrix',
      '2 stmatrix.trans',
      '2 vector',
      '4 ldmatrix',
      '4 stmatrix',
      '4 vector',
    ]);
  });

  test('ways are those of the worst phase, by listing addresses', () => {
    fc.assert(
      fc.property(scenes, ({ layout, bytes, pick, stmatrix }) => {
        const all = storages(layout, bytes);
        const storage = all[pick % all.length] as Storage;
        for (const direction of ['read', 'write'] as const) {
          const access = lay.planAccess(layout, layout.shape, bytes, storage, direction, { stmatrix });
          expect(countedWays(access, layout, bytes)).toBe(access.ways);
        }
      }),
      { numRuns: 250 },
    );
  });
});

describe('the swizzle', () => {
  const use = (name: keyof typeof NAMED, direction: 'read' | 'write') => ({ layout: named(name), direction });

  test('of 16-bit rows serves copies and both matrix forms without conflicts, for every width of row', () => {
    const found = [512, 256, 128, 64, 32].map((rowBytes) => {
      const shape = [64, rowBytes / 2];
      const bits = Math.log2(rowBytes / 2);
      const along = [...Array(bits - 3).keys()].map((i) => `c${8 << i}`);
      const rows = ['r1', 'r2', 'r4', 'r8', 'r16', 'r32'];
      const spread = [...along, ...rows];
      const layout = (text: string) => layoutOf(text, shape);
      const choice = lay.chooseSwizzle({
        shape,
        elementBytes: 2,
        uses: [
          {
            layout: layout(`reg[c1 c2 c4 ${spread.slice(5).join(' ')}] lane[${spread.slice(0, 5).join(' ')}]`),
            direction: 'write',
          },
          { layout: layout(`reg[c1 r8 ${along.join(' ')} r16 r32] lane[c2 c4 r1 r2 r4]`), direction: 'read' },
          { layout: layout(`reg[r1 r8 ${along.join(' ')} r16 r32] lane[r2 r4 c1 c2 c4]`), direction: 'read' },
        ],
        features: HOPPER,
        wholeChunks: true,
      });
      expect(choice.accesses.map((a) => a.form)).toEqual(['vector', 'ldmatrix', 'ldmatrix.trans']);
      expect(choice.accesses.map((a) => a.ways)).toEqual([1, 1, 1]);
      return choice.storage;
    });
    expect(found).toEqual([swizzle(0, 7), swizzle(0, 7), swizzle(0, 7), swizzle(1, 3), swizzle(2, 1)]);
  });

  test('is left out where nothing asks for it', () => {
    const uses = [use('blocked', 'write'), use('blocked', 'read')];
    const choice = lay.chooseSwizzle({ shape: [64, 64], elementBytes: 2, uses, features: HOPPER, wholeChunks: true });
    expect(choice.storage).toEqual({ kind: 'plain' });
  });

  test('of words where no copy has to write whole chunks: a transpose of 32x32 words is free', () => {
    const shape = [32, 32];
    const uses = [
      { layout: layoutOf('reg[r1 r2 r4] lane[c1 c2 c4 c8 c16] warp[r8 r16]', shape), direction: 'write' as const },
      { layout: layoutOf('reg[c4 c8 c16] lane[r1 r2 r4 r8 r16] warp[c1 c2]', shape), direction: 'read' as const },
    ];
    const ways = (wholeChunks: boolean) =>
      lay
        .chooseSwizzle({ shape, elementBytes: 4, uses, features: AMPERE, wholeChunks })
        .accesses.map((a) => `${a.form} ${a.width} ${a.ways}`);
    expect(ways(true)).toEqual(['vector 1 1', 'vector 1 4']);
    expect(ways(false)).toEqual(['vector 1 1', 'vector 1 1']);
  });

  test('costs what its accesses cost, and never more than row-major order', () => {
    fc.assert(
      fc.property(fc.array(scenes, { minLength: 2, maxLength: 2 }), fc.boolean(), ([x, y], wholeChunks) => {
        const [a, b] = [x?.layout, y?.layout];
        fc.pre(a !== undefined && b !== undefined && a.shape.join() === b.shape.join());
        if (a === undefined || b === undefined) return;
        const uses = [
          { layout: a, direction: 'write' as const, executions: 2 },
          { layout: b, direction: 'read' as const, executions: 3 },
        ];
        const request = { shape: a.shape, elementBytes: x?.bytes ?? 2, uses, features: AMPERE, wholeChunks };
        const choice = lay.chooseSwizzle(request);
        const cost = (s: Storage) =>
          uses
            .map((u) => u.executions * lay.planAccess(u.layout, a.shape, x?.bytes ?? 2, s, u.direction, AMPERE).cost)
            .reduce((p, q) => p + q, 0);
        expect(choice.cost).toBe(cost(choice.storage));
        expect(choice.cost).toBeLessThanOrEqual(cost({ kind: 'plain' }));
      }),
      { numRuns: 60 },
    );
  });
});
