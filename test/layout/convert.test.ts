import assert from 'node:assert/strict';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { spanInOrder } from '../../compiler/layout/axes.js';
import { combine } from '../../compiler/layout/gf2.js';
import type { Layout } from '../../compiler/layout/index.js';
import * as lay from '../../compiler/layout/index.js';
import { everywhere, shapes, surjective } from './arbitrary.js';
import { type SharedBytes, simulateRead, simulateWrite } from './shared-simulation.js';

const pairs = (threads: Parameters<typeof surjective>[1]) =>
  shapes(2, 5).chain((shape) => fc.tuple(surjective(shape, threads), surjective(shape, threads)));

const laneTile = fc.oneof(pairs({ lane: 3, warp: 1 }), pairs({ lane: 1, warp: 2 }));
const held = (l: Layout, at: lay.HardwareIndex) => spanInOrder(l.ins.register ?? []).map((v) => v ^ lay.apply(l, at));

/** The class by looking at every value: same register everywhere, same thread, same warp, or none of these. */
function classByEnumeration(a: Layout, b: Layout): string {
  const threads = [...everywhere(a, ['lane', 'warp'])];
  const regs = [...Array(lay.registerCount(b)).keys()];
  const uniform = regs.every((register) =>
    [...Array(lay.registerCount(a)).keys()].some((source) =>
      threads.every((t) => lay.apply(a, { ...t, register: source }) === lay.apply(b, { ...t, register })),
    ),
  );
  if (uniform) return 'rename';
  const inThread = threads.every((t) => {
    const own = new Set(held(a, t));
    return held(b, t).every((v) => own.has(v));
  });
  if (inThread) return 'select';
  const inWarp = threads.every((t) => {
    const own = new Set([...everywhere(a, ['lane'])].flatMap((u) => held(a, { lane: u.lane ?? 0, warp: t.warp ?? 0 })));
    return held(b, t).every((v) => own.has(v));
  });
  return inWarp ? 'shuffle' : 'shared';
}

test('the class of a conversion agrees with enumeration', () => {
  // Pairs that differ by a change of few bases reach the cheap classes, which random pairs hardly ever do.
  const near = fc
    .tuple(shapes(2, 5), fc.constantFrom({ lane: 3, warp: 1 }, { lane: 1, warp: 2 }))
    .chain(([shape, threads]) =>
      fc
        .tuple(
          surjective(shape, threads),
          fc.array(fc.tuple(fc.nat({ max: 30 }), fc.nat({ max: 30 })), { maxLength: 4 }),
        )
        .map(([a, mixes]) => {
          const bases = lay.basesOf(a);
          for (const [i, j] of mixes)
            if (bases.length > 0 && i % bases.length !== j % bases.length)
              bases[i % bases.length] = (bases[i % bases.length] ?? 0) ^ (bases[j % bases.length] ?? 0);
          let at = 0;
          return [a, lay.mapBases(a, a.shape, () => bases[at++] ?? 0)] as [Layout, Layout];
        }),
    );
  const seen = new Set<string>();
  fc.assert(
    fc.property(fc.oneof(laneTile, near), ([a, b]) => {
      const kind = lay.classifyConversion(a, b);
      seen.add(kind);
      expect(kind).toBe(classByEnumeration(a, b));
    }),
    { numRuns: 600 },
  );
  expect([...seen].sort()).toEqual(['rename', 'select', 'shared', 'shuffle']);
});

const related = shapes(2, 5).chain((shape) =>
  surjective(shape, { lane: 3, warp: 1 }).chain((a) => {
    const local = [...(a.ins.register ?? []), ...(a.ins.lane ?? [])];
    const inWarp = fc.nat({ max: 2 ** local.length - 1 }).map((x) => combine(local, x));
    const some = fc.array(inWarp, { maxLength: 4 });
    const laneBases = fc.array(inWarp, { minLength: 3, maxLength: 3 });
    const thread = fc.oneof(laneBases, fc.constant(a.ins.lane ?? []));
    return fc.tuple(fc.constant(a), some, thread).map(([l, register, lane]) => {
      return [l, lay.makeLayout(l.shape, { register, lane, warp: l.ins.warp ?? [] })] as const;
    });
  }),
);

test('lanes that agree do not make up for warps that do not', () => {
  const a = lay.parseLayout('reg[] lane[c1] warp[c2 c4]', [8]) as Layout;
  const b = lay.parseLayout('reg[] lane[c1] warp[c4 c2]', [8]) as Layout;
  expect(lay.classifyConversion(a, b)).toBe('shared');
});

test('plans fetch the element that the result demands', () => {
  fc.assert(
    fc.property(fc.oneof(laneTile, related), ([a, b]) => {
      const plan = lay.planConversion(a, b);
      for (const at of everywhere(b)) {
        const wanted = lay.apply(b, at);
        const [register, lane, warp] = [at.register ?? 0, at.lane ?? 0, at.warp ?? 0];
        if (plan.kind === 'rename') assert.equal(lay.apply(a, { ...at, register: plan.source[register] ?? 0 }), wanted);
        if (plan.kind === 'select') {
          const flip = combine(plan.flips.lane, lane) ^ combine(plan.flips.warp, warp);
          assert.equal(lay.apply(a, { ...at, register: (plan.source[register] ?? 0) ^ flip }), wanted);
        }
        if (plan.kind === 'shuffle')
          assert.equal(lay.apply(a, { ...at, ...lay.originOf(plan, { register, lane, warp }) }), wanted);
      }
    }),
    { numRuns: 400 },
  );
});

test('warps that meet at the barrier of a trip through memory are the cosets of `meet`', () => {
  fc.assert(
    fc.property(fc.oneof(pairs({ lane: 1, warp: 3 }), pairs({ warp: 3 })), ([a, b]) => {
      const plan = lay.planConversion(a, b);
      if (plan.kind !== 'shared') return;
      const footprint = (l: Layout, warp: number) =>
        new Set([...everywhere(l, ['lane'])].flatMap((u) => held(l, { ...u, warp })));
      const group = [...Array(8).keys()];
      for (let w = 0; w < 8; w++)
        for (let v = 0; v < 8; v++) {
          const own = footprint(a, w);
          if (![...footprint(b, v)].some((x) => own.has(x))) continue;
          const [from, to] = [group[w] ?? 0, group[v] ?? 0];
          group.forEach((g, i) => {
            if (g === to) group[i] = from;
          });
        }
      const cosets = new Set(spanInOrder(plan.meet));
      for (let w = 0; w < 8; w++) for (let v = 0; v < 8; v++) assert.equal(cosets.has(w ^ v), group[w] === group[v]);
      expect(plan.scope).toBe(['warp', 'warps', 'warps', 'workgroup'][Math.log2(cosets.size)]);
    }),
  );
});

test('invocations never shuffle: they keep, select, or go through memory', () => {
  fc.assert(
    fc.property(pairs({ invocation: 4 }), ([a, b]) => {
      expect(['rename', 'select', 'shared']).toContain(lay.classifyConversion(a, b));
      expect(lay.classifyConversion(a, a)).toBe('rename');
      expect(() => lay.planConversion(a, b)).toThrow(/lanes and warps/);
    }),
  );
});

test('a trip through memory gives back what was written, by both accesses that it plans', () => {
  const far = shapes(2, 7)
    .filter((s) => lay.tileBits(s) >= 5)
    .chain((s) => fc.tuple(surjective(s, { lane: 5, warp: 1 }), surjective(s, { lane: 5, warp: 1 })));
  fc.assert(
    fc.property(far, fc.constantFrom(2 as const, 4 as const), fc.boolean(), ([a, b], elementBytes, stmatrix) => {
      const plan = lay.planSharedTrip(a, b, { elementBytes, features: { stmatrix } });
      const memory: SharedBytes = new Map();
      simulateWrite(plan.write, a, elementBytes, memory);
      simulateRead(plan.read, b, elementBytes, memory).forEach((lanes, warp) => {
        const index = lanes.map((values, lane) => values.map((_, register) => lay.apply(b, { register, lane, warp })));
        assert.deepEqual(lanes, index);
      });
    }),
    { numRuns: 100 },
  );
});

test('a layout that misses elements, or has other threads, cannot be converted', () => {
  const [full, half] = [lay.makeLayout([4], { register: [1, 2] }), lay.makeLayout([4], { register: [1] })];
  expect(() => lay.planConversion(half, full)).toThrow(/whole tile/);
  expect(() => lay.planConversion(full, lay.makeLayout([4], { register: [1], lane: [2] }))).toThrow(/threads/);
});
