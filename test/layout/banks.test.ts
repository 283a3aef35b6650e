import fc from 'fast-check';
import { expect, test } from 'vitest';
import { spanInOrder } from '../../compiler/layout/axes.js';
import type { Access, Layout, Storage } from '../../compiler/layout/index.js';
import * as lay from '../../compiler/layout/index.js';

const widths = fc.constantFrom(2, 4, 8, 16);

test('ways from the rank are the ways by counting', () => {
  const access = widths.chain((bytes) =>
    fc.tuple(
      fc.constant(bytes),
      fc.array(
        fc.nat({ max: 255 }).map((x) => x * bytes),
        { minLength: 5, maxLength: 5 },
      ),
    ),
  );
  fc.assert(
    fc.property(access, fc.nat({ max: 255 }), ([bytes, bases], start) => {
      const phase = spanInOrder(bases.slice(0, Math.log2(Math.min(32, 128 / bytes))));
      expect(lay.ways(bases, bytes)).toBe(
        lay.countWays(
          phase.map((x) => x ^ (start * bytes)),
          bytes,
        ),
      );
    }),
  );
});

const swizzled = (a: number, m: number): Storage => ({ kind: 'swizzle', chunkBytes: 16, a, m, s: 0 });

/** Ways of eight row addresses of a 16-bit matrix, and of 16-byte accesses along a row, at 16-bit elements. */
function waysOf(rowBytes: number, storage: Storage): string {
  const columns = rowBytes / 2;
  const bases = lay.offsetBases([64, columns], 2, storage) ?? [];
  const c = (i: number) => bases[i] ?? 0;
  const r = (i: number) => bases[Math.log2(columns) + i] ?? 0;
  const along = [...Array(Math.log2(columns) - 3).keys()].map((i) => c(i + 3));
  return `${lay.ways([r(0), r(1), r(2)], 16)} ${lay.ways([...along, r(0), r(1), r(2)].slice(0, 3), 16)}`;
}

test('swizzles of the PTX notes: one way for matrix rows and for rows of 16-byte chunks', () => {
  const table = [512, 256, 128, 64, 32].map((rowBytes) => {
    const chunkBits = Math.log2(rowBytes / 16);
    const best = swizzled(Math.max(0, 3 - chunkBits), Math.min(7, 2 ** chunkBits - 1));
    return `${rowBytes}: ${waysOf(rowBytes, { kind: 'plain' })} / ${waysOf(rowBytes, best)}`;
  });
  expect(table).toEqual(['512: 8 1 / 1 1', '256: 8 1 / 1 1', '128: 8 1 / 1 1', '64: 4 1 / 1 1', '32: 2 1 / 1 1']);
});

const tile = fc.record({
  rowBits: fc.integer({ min: 0, max: 5 }),
  columnBits: fc.integer({ min: 0, max: 6 }),
  vector: fc.constantFrom(1, 2, 4),
  threads: fc.integer({ min: 0, max: 7 }),
});

test('every storage maps elements one to one, inside its bytes', () => {
  fc.assert(
    fc.property(tile, ({ rowBits, columnBits }) => {
      const shape = [2 ** rowBits, 2 ** columnBits];
      const storages: Storage[] = [{ kind: 'plain' }, { kind: 'padded', padBytes: 4 }];
      storages.push(...lay.swizzles((shape[1] as number) * 4, shape[0] as number, 4));
      storages.push(...lay.swizzles((shape[1] as number) * 4, shape[0] as number, 16));
      for (const storage of storages) {
        const size = 2 ** (rowBits + columnBits);
        const offsets = [...Array(size).keys()].map(lay.byteOffsets(shape, 4, storage));
        expect(new Set(offsets).size).toBe(size);
        expect(Math.max(...offsets) + 4).toBeLessThanOrEqual(lay.storageBytes(shape, 4, storage));
      }
    }),
  );
});

/** Wavefronts of warp 0 by counting every instruction and phase. */
function byCounting(l: Layout, vector: number, storage: Storage): number {
  const run = lay.registerRun(l, l.shape.length - 1, vector);
  const inVector = run.bits.reduce((m, b) => m | (1 << b), 0);
  const lanes = Math.min(32, 2 ** (l.ins.invocation?.length ?? 0));
  const phase = Math.min(32, 128 / (4 * vector));
  const at = lay.byteOffsets(l.shape, 4, storage);
  let total = 0;
  for (let register = 0; register < lay.registerCount(l); register++) {
    if ((register & inVector) !== 0) continue;
    for (let first = 0; first < 32; first += phase) {
      const offsets = Array.from({ length: phase }, (_, i) =>
        at(lay.apply(l, { register, invocation: (first + i) % lanes })),
      );
      total += lay.countWays(offsets, vector * 4);
    }
  }
  return total;
}

test('wavefronts of a whole access agree with counting; whatever the storage', () => {
  fc.assert(
    fc.property(tile, fc.boolean(), ({ rowBits, columnBits, vector, threads }, down) => {
      const shape = [2 ** rowBits, 2 ** columnBits];
      const width = Math.min(vector, shape[1] as number);
      const row = lay.blockedLayout({ shape, vector: width, threads: 2 ** threads });
      const column = lay.blockedLayout({ shape, vector: 1, threads: 2 ** threads, order: [0, 1] });
      const accesses: Access[] = [{ layout: row, vector: width }, ...(down ? [{ layout: column, vector: 1 }] : [])];
      const storages: Storage[] = [{ kind: 'plain' }, { kind: 'padded', padBytes: 16 }];
      storages.push(...lay.swizzles((shape[1] as number) * 4, shape[0] as number, 16));
      for (const storage of storages)
        for (const a of accesses) expect(lay.wavefronts(a, 4, storage)).toBe(byCounting(a.layout, a.vector, storage));
    }),
  );
});

test('a transpose of 32x32 words is free with one word of padding, or with a swizzle of words', () => {
  const shape = [32, 32];
  const row = lay.blockedLayout({ shape, vector: 1, threads: 256 });
  const column = lay.blockedLayout({ shape, vector: 1, threads: 256, order: [0, 1] });
  const padded: Storage = { kind: 'padded', padBytes: 4 };
  const swizzle: Storage = { kind: 'swizzle', chunkBytes: 4, a: 0, m: 31, s: 0 };
  for (const storage of [padded, swizzle])
    for (const layout of [row, column]) expect(lay.wavefronts({ layout, vector: 1 }, 4, storage)).toBe(4);
  expect([padded, swizzle].map((s) => lay.storageBytes(shape, 4, s))).toEqual([4096 + 31 * 4, 4096]);
  expect(lay.wavefronts({ layout: column, vector: 1 }, 4, { kind: 'plain' })).toBe(4 * 32);
});

test('a swizzle moves chunk c of row r to c ^ (((r >> a) & m) << s)', () => {
  fc.assert(
    fc.property(
      fc.nat({ max: 4 }),
      fc.constantFrom(1, 3, 7),
      fc.nat({ max: 2 }),
      fc.nat({ max: 2047 }),
      (a, m, s, index) => {
        const shape = [32, 64];
        const at = lay.byteOffsets(shape, 4, { kind: 'swizzle', chunkBytes: 8, a, m, s });
        const [row = 0, column = 0] = lay.coordinates(shape, index);
        const chunk = (column >> 1) ^ (((row >> a) & m) << s);
        expect(at(index)).toBe(row * 256 + chunk * 8 + (column & 1) * 4);
      },
    ),
  );
});

test('vectors that the registers do not form are a bug', () => {
  const layout = lay.blockedLayout({ shape: [8, 8], vector: 1, threads: 64 });
  expect(() => lay.wavefronts({ layout, vector: 4 }, 4, { kind: 'plain' })).toThrow(/no vectors of 4/);
});
