import fc from 'fast-check';
import { expect, test } from 'vitest';
import { combine } from '../../compiler/layout/gf2.js';
import type { Layout } from '../../compiler/layout/index.js';
import * as lay from '../../compiler/layout/index.js';
import { everywhere, hardwareText, layouts, shapes } from './arbitrary.js';

const DIMS = ['register', 'invocation'] as const;
const anyLayout = layouts(shapes(), DIMS);
const withAxis = anyLayout.chain((l) => fc.tuple(fc.constant(l), fc.nat({ max: l.shape.length - 1 })));
const images = (l: Layout) => [...everywhere(l)].map((at) => lay.apply(l, at));

test('a layout outside its tile, or with an extent that is no power of two, is a bug', () => {
  expect(() => lay.makeLayout([6], {})).toThrow(/6 is not a power of two/);
  expect(() => lay.makeLayout([4], { register: [4] })).toThrow(/outside a tile of 4/);
  expect(() => lay.makeLayout([2 ** 20, 2 ** 20], {})).toThrow(/2\^40/);
  expect(() => lay.makeLayout([4], { register: [-1] })).toThrow(/outside/);
});

test('surjective and injective agree with enumeration', () => {
  fc.assert(
    fc.property(anyLayout, (l) => {
      const all = images(l);
      expect(lay.isSurjective(l)).toBe(new Set(all).size === 2 ** lay.tileBits(l.shape));
      expect(lay.isInjective(l)).toBe(new Set(all).size === all.length);
    }),
  );
});

test('whether each element is in one thread agrees with enumeration', () => {
  // Register 4 of thread 0 has what register 0 of thread 8 has: free bits are those of registers only.
  const crossed: Layout = { shape: [4, 8], ins: { register: [0, 0, 0, 0, 8, 1], invocation: [2, 4, 16, 8, 1] } };
  fc.assert(
    fc.property(anyLayout, (l) => {
      const holders = new Map<number, Set<number>>();
      for (const at of everywhere(l)) {
        const element = lay.apply(l, at);
        holders.set(element, (holders.get(element) ?? new Set()).add(at.invocation ?? 0));
      }
      expect(lay.inOneThread(l)).toBe([...holders.values()].every((threads) => threads.size === 1));
    }),
    { examples: [[crossed]] },
  );
  expect(lay.inOneThread(crossed)).toBe(false);
});

test('flatten and coordinates are inverse', () => {
  fc.assert(
    fc.property(shapes(), fc.nat(), (shape, n) => {
      const i = n % 2 ** lay.tileBits(shape);
      expect(lay.flatten(shape, lay.coordinates(shape, i))).toBe(i);
    }),
  );
});

test('project forgets one coordinate, collapse makes it 0', () => {
  fc.assert(
    fc.property(withAxis, ([l, axis]) => {
      const p = lay.project(l, axis);
      const c = lay.collapseAxis(l, axis);
      for (const at of everywhere(l)) {
        const full = lay.coordinates(l.shape, lay.apply(l, at));
        const kept = full.filter((_, i) => i !== axis);
        expect(lay.coordinates(p.shape, lay.apply(p, at))).toEqual(kept);
        expect(lay.coordinates(c.shape, lay.apply(c, at))).toEqual(full.with(axis, 0));
      }
      expect(lay.equalLayouts(lay.project(lay.expandAxis(l, axis), axis), l)).toBe(true);
    }),
  );
});

test('broadcast keeps the position on the other axes and gives each holder all copies', () => {
  fc.assert(
    fc.property(withAxis, fc.integer({ min: 0, max: 2 }), ([l, axis], bits) => {
      const narrow = lay.collapseAxis(l, axis);
      const wide = lay.broadcastAxis(narrow, axis, 2 ** bits);
      expect(
        lay.equalLayouts(
          lay.collapseAxis(lay.sublayout(wide, ['invocation']), axis),
          lay.sublayout(narrow, ['invocation']),
        ),
      ).toBe(true);
      for (const at of everywhere(narrow)) {
        const own = lay.coordinates(narrow.shape, lay.apply(narrow, at));
        for (let copy = 0; copy < 2 ** bits; copy++) {
          const register = (at.register ?? 0) + copy * lay.registerCount(narrow);
          expect(lay.coordinates(wide.shape, lay.apply(wide, { ...at, register }))).toEqual(own.with(axis, copy));
        }
      }
    }),
  );
});

test('transpose and permuteAxes permute coordinates', () => {
  fc.assert(
    fc.property(
      layouts(
        shapes().filter((s) => s.length > 1),
        DIMS,
      ),
      (l) => {
        const t = lay.transpose(l);
        const r = lay.permuteAxes(l, [...l.shape.keys()].reverse());
        expect(lay.equalLayouts(lay.transpose(t), l)).toBe(true);
        for (const at of everywhere(l)) {
          const c = lay.coordinates(l.shape, lay.apply(l, at));
          const n = c.length;
          const swapped = c.with(n - 1, c[n - 2] ?? 0).with(n - 2, c[n - 1] ?? 0);
          expect(lay.coordinates(t.shape, lay.apply(t, at))).toEqual(swapped);
          expect(lay.coordinates(r.shape, lay.apply(r, at))).toEqual(c.toReversed());
        }
      },
    ),
  );
});

test('indexParts and bitRuns give the position of every element', () => {
  fc.assert(
    fc.property(withAxis, ([l, axis]) => {
      const parts = lay.indexParts(l, axis);
      const { runs, disjoint } = lay.bitRuns(parts.invocationBases);
      for (const at of everywhere(l)) {
        const position = lay.axisIndex(l.shape, axis, lay.apply(l, at));
        const thread = combine(parts.invocationBases, at.invocation ?? 0);
        const register = parts.register[at.register ?? 0] ?? 0;
        expect(register ^ thread).toBe(position);
        if (parts.disjoint) expect(register + thread).toBe(position);
        const fields = runs.map((r) => (((at.invocation ?? 0) >>> r.from) & (2 ** r.width - 1)) << r.to);
        expect(fields.reduce((a, b) => a ^ b, 0)).toBe(thread);
        if (disjoint) expect(fields.reduce((a, b) => a + b, 0)).toBe(thread);
      }
    }),
  );
});

test('freeBits elects exactly one holder of every element that has any', () => {
  fc.assert(
    fc.property(anyLayout, (l) => {
      const mask = lay.freeBits(l);
      const elected = [...everywhere(l)].filter(
        (at) => ((at.register ?? 0) & mask.register) === 0 && ((at.invocation ?? 0) & mask.invocation) === 0,
      );
      const held = elected.map((at) => lay.apply(l, at));
      expect(new Set(held).size).toBe(held.length);
      expect(new Set(held)).toEqual(new Set(images(l)));
      expect(lay.storedRegisters(l)).toEqual([...new Set(elected.map((at) => at.register ?? 0))].sort((a, b) => a - b));
    }),
  );
});

test('where a register and a thread repeat each other, the register is left out', () => {
  const l = lay.makeLayout([4], { register: [1], invocation: [1, 2] });
  expect(lay.freeBits(l)).toMatchObject({ register: 1, invocation: 0 });
  expect(lay.storedRegisters(l)).toEqual([0]);
});

test('compose applies the outer map to every element; offsetsOf inverts', () => {
  fc.assert(
    fc.property(anyLayout, fc.infiniteStream(fc.nat({ max: 255 })), (l, stream) => {
      const outer = Array.from({ length: lay.tileBits(l.shape) }, () => stream.next().value);
      const both = lay.compose(outer, l, 8);
      for (const at of everywhere(l)) expect(lay.apply(both, at)).toBe(combine(outer, lay.apply(l, at)));
    }),
  );
  const swizzled = lay.makeLayout([4, 4], { offset: [1, 2, 5, 10] });
  expect(lay.compose(lay.offsetsOf(swizzled), swizzled, 4).ins.offset).toEqual([1, 2, 4, 8]);
  expect(() => lay.offsetsOf(lay.makeLayout([4], { offset: [1, 1] }))).toThrow(/one to one/);
});

test('product: inner position in the low bits of each axis, outer in the high bits', () => {
  const pair = fc.integer({ min: 1, max: 2 }).chain((rank) => {
    const shape = shapes(rank, 3).filter((s) => s.length === rank);
    return fc.tuple(layouts(shape, DIMS, 3), layouts(shape, DIMS, 3));
  });
  fc.assert(
    fc.property(pair, ([a, b]) => {
      const p = lay.product(a, b);
      for (const x of everywhere(a))
        for (const y of everywhere(b)) {
          const at = {
            register: (x.register ?? 0) + (y.register ?? 0) * lay.registerCount(a),
            invocation: (x.invocation ?? 0) + (y.invocation ?? 0) * lay.threadCount(a),
          };
          const [cx, cy] = [lay.coordinates(a.shape, lay.apply(a, x)), lay.coordinates(b.shape, lay.apply(b, y))];
          expect(lay.coordinates(p.shape, lay.apply(p, at))).toEqual(
            cx.map((c, i) => c + (cy[i] ?? 0) * (a.shape[i] ?? 1)),
          );
        }
    }),
  );
});

test('registerRun: the registers of a group are aligned neighbours, and twice the width fails', () => {
  const spec = fc.record({ v: fc.integer({ min: 0, max: 3 }), t: fc.integer({ min: 0, max: 5 }), shape: shapes(2) });
  const blocked = spec.map(({ v, t, shape }) => lay.blockedLayout({ shape, vector: 2 ** v, threads: 2 ** t }));
  fc.assert(
    fc.property(fc.oneof(anyLayout, blocked), (l) => {
      const axis = l.shape.length - 1;
      const run = lay.registerRun(l, axis, 8);
      for (const at of everywhere(l)) {
        const base = lay.apply(l, at);
        const inGroup = run.bits.reduce((n, b, i) => n + ((((at.register ?? 0) >>> b) & 1) << i), 0);
        expect(base % run.width).toBe(inGroup);
      }
      const twice = l.ins.register?.indexOf(run.width) ?? -1;
      const clean = lay.basesOf(l).filter((b) => (b & (2 * run.width - 1)) !== 0).length === run.bits.length + 1;
      if (run.width < Math.min(8, l.shape[axis] ?? 1)) expect(twice >= 0 && clean).toBe(false);
    }),
  );
});

test('divideLeft succeeds exactly when the tile splits off', () => {
  const l = lay.makeLayout([8, 8], { register: [1, 8], lane: [2, 4, 16] });
  const q = lay.divideLeft(l, [
    { dim: 'register', bit: 0, image: 1 },
    { dim: 'lane', bit: 0, image: 2 },
  ]);
  expect(q?.ins).toEqual({ register: [8], lane: [4, 16] });
  expect(lay.divideLeft(l, [{ dim: 'register', bit: 0, image: 1 }], 3)).toBeNull();
  expect(lay.divideLeft(l, [{ dim: 'register', bit: 0, image: 2 }])).toBeNull();
  expect(lay.divideLeft(l, [{ dim: 'warp', bit: 0, image: 0 }])).toBeNull();
});

test('equalModulo is equality where the span is empty', () => {
  fc.assert(
    fc.property(anyLayout, (l) => {
      expect(lay.equalModulo(l, l, [])).toBe(true);
      const shifted = lay.mapBases(l, l.shape, (b) => b ^ (2 ** lay.tileBits(l.shape) - 1));
      const same = lay.basesOf(l).length === 0 || lay.tileBits(l.shape) === 0;
      expect(lay.equalModulo(l, shifted, [])).toBe(same);
      expect(lay.equalModulo(l, shifted, [2 ** lay.tileBits(l.shape) - 1])).toBe(true);
    }),
  );
});

test('blocked layouts cover the tile once, with vectors along the fastest axis', () => {
  const spec = fc.record({ v: fc.integer({ min: 0, max: 3 }), t: fc.integer({ min: 0, max: 9 }), shape: shapes(3, 9) });
  fc.assert(
    fc.property(spec, fc.boolean(), ({ v, t, shape }, flip) => {
      const order = flip ? [...shape.keys()] : [...shape.keys()].reverse();
      const l = lay.blockedLayout({ shape, vector: 2 ** v, threads: 2 ** t, order });
      const axis = order[0] ?? 0;
      expect(lay.threadCount(l)).toBe(2 ** t);
      expect(lay.isSurjective(l)).toBe(true);
      expect(lay.isInjective(lay.sublayout(l, ['register']))).toBe(true);
      expect(lay.registerRun(l, axis, 8).width).toBeGreaterThanOrEqual(Math.min(2 ** v, shape[axis] ?? 1));
      expect(lay.registerCount(l)).toBe(
        Math.max(Math.min(2 ** v, shape[axis] ?? 1), 2 ** (lay.tileBits(shape) - Math.min(t, lay.tileBits(shape)))),
      );
    }),
  );
});

test('blocked layout of the PTX notes: 64x128 bf16, 256 threads', () => {
  const l = lay.blockedLayout({ shape: [64, 128], vector: 8, threads: 256, inDim: 'lane' });
  const r = (n: number) => n * 128;
  expect(l.ins).toEqual({
    register: [1, 2, 4, r(16), r(32)],
    lane: [8, 16, 32, 64, r(1)],
    warp: [r(2), r(4), r(8)],
  });
  const w = lay.blockedLayout({ shape: [64, 128], vector: 8, threads: 256 });
  expect(lay.equalLayouts(lay.splitThreads(w), l)).toBe(true);
  expect(lay.equalLayouts(lay.joinThreads(l), w)).toBe(true);
});

test('dot layouts: a grid of near-square register blocks that covers the tile', () => {
  const bits = fc.integer({ min: 0, max: 7 });
  const spec = fc.record({ m: bits, n: bits, t: fc.integer({ min: 0, max: 8 }), runM: bits, runN: bits });
  fc.assert(
    fc.property(spec, ({ m, n, t, runM, runN }) => {
      const [M, N, threads] = [2 ** m, 2 ** n, 2 ** t];
      const d = lay.dotLayout({ M, N, threads, maxRegsM: 8, maxRegsN: 8, runM: 2 ** runM, runN: 2 ** runN });
      expect(d.regsM * d.threadsM).toBe(M);
      expect(d.regsN * d.threadsN).toBe(N);
      expect(lay.isSurjective(d.layout)).toBe(true);
      expect(lay.registerCount(d.layout)).toBe(d.regsM * d.regsN);
      expect(d.regsM * d.regsN).toBe(Math.max(1, (M * N) / threads));
      expect(lay.threadCount(d.layout)).toBe(threads);
      const rows = lay.indexParts(d.layout, 0);
      for (let r = 0; r < lay.registerCount(d.layout); r++) {
        const m0 = Math.floor(r / d.regsN);
        if (2 ** runM >= d.regsM) expect(rows.register[r]).toBe(m0);
        if (runM === 0) expect(rows.register[r]).toBe(m0 * d.threadsM);
      }
    }),
  );
});

test('dot layouts of the usual tiles', () => {
  const block = (M: number, N: number, threads: number, most = 8) => {
    const d = lay.dotLayout({ M, N, threads, maxRegsM: most, maxRegsN: most });
    return `${d.regsM}x${d.regsN} in ${d.threadsM}x${d.threadsN}`;
  };
  expect(block(64, 64, 256)).toBe('4x4 in 16x16');
  expect(block(128, 128, 256)).toBe('8x8 in 16x16');
  expect(block(128, 128, 256, 32)).toBe('8x8 in 16x16');
  expect(block(128, 64, 256)).toBe('8x4 in 16x16');
  expect(block(32, 64, 256)).toBe('2x4 in 16x16');
  expect(block(16, 16, 256)).toBe('1x1 in 16x16');
  expect(block(4, 1024, 256)).toBe('4x4 in 1x256');
  expect(block(8, 8, 256)).toBe('1x1 in 8x8');
});

test('duplicate registers are dropped, and each thread keeps its elements', () => {
  fc.assert(
    fc.property(anyLayout, (l) => {
      const d = lay.dropDuplicateRegisters(l);
      expect(lay.isInjective(lay.sublayout(d, ['register']))).toBe(true);
      const heldBy = (m: Layout, invocation: number) =>
        new Set([...everywhere(m, ['register'])].map((at) => lay.apply(m, { ...at, invocation })));
      for (let t = 0; t < lay.threadCount(l); t++) expect(heldBy(d, t)).toEqual(heldBy(l, t));
    }),
  );
});

test('collapseBroadcast and reshape keep holders', () => {
  const l = lay.blockedLayout({ shape: [4, 8], vector: 2, threads: 8 });
  expect(lay.equalLayouts(lay.collapseBroadcast(l, [1, 8]), lay.collapseAxis(l, 0))).toBe(true);
  expect(lay.equalLayouts(lay.collapseBroadcast(l, [4, 8]), l)).toBe(true);
  expect(lay.reshapeLayout(l, [32]).ins).toEqual(l.ins);
  expect(() => lay.reshapeLayout(l, [16])).toThrow(/outside a tile of 16/);
});

test('layoutKey: one key, one map', () => {
  fc.assert(
    fc.property(anyLayout, anyLayout, (a, b) => {
      if (lay.layoutKey(a) === lay.layoutKey(b)) expect(lay.equalLayouts(a, b)).toBe(true);
      expect(lay.layoutKey(a)).toBe(lay.layoutKey(lay.makeLayout(a.shape, { ...a.ins })));
    }),
  );
});

test('holdsRunsOfFour is a run of four in the lowest register bits', () => {
  fc.assert(
    fc.property(anyLayout, (l) => {
      const run = lay.registerRun(l, l.shape.length - 1, 4);
      expect(lay.holdsRunsOfFour(l)).toBe(run.width === 4 && run.bits[0] === 0 && run.bits[1] === 1);
    }),
    { examples: [[lay.makeLayout([8], { register: [1, 2], invocation: [4] })]] },
  );
});

test('hardware indices print in one order', () => {
  expect(hardwareText({ invocation: 3, register: 1 })).toBe('1,0,0,3,0');
});
