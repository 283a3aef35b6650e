import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Layout, Reduction } from '../../compiler/layout/index.js';
import * as lay from '../../compiler/layout/index.js';
import { everywhere, hardwareText, shapes, surjective } from './arbitrary.js';

const cases = (threads: Parameters<typeof surjective>[1]) =>
  shapes(3, 6).chain((shape) => fc.tuple(surjective(shape, threads), fc.nat({ max: shape.length - 1 })));

/** Runs the plan on distinct powers' stand-ins: element i is the bag {i}, so that nothing cancels and nothing hides. */
function simulate(l: Layout, plan: Reduction): Map<string, number[]> {
  let values = new Map<string, number[]>();
  for (const at of everywhere(plan.result)) {
    const group = plan.groups[at.register ?? 0] ?? [];
    values.set(
      hardwareText(at),
      group.map((register) => lay.apply(l, { ...at, register })),
    );
  }
  const read = (at: lay.HardwareIndex) => values.get(hardwareText(at)) ?? [];
  for (const s of plan.shuffles) {
    const next = new Map<string, number[]>();
    for (const at of everywhere(plan.result)) {
      const from = { ...at, register: (at.register ?? 0) ^ s.register, lane: (at.lane ?? 0) ^ s.lane };
      next.set(hardwareText(at), [...read(at), ...read(from)]);
    }
    values = next;
  }
  if (plan.partials === 1) return values;
  const memory = new Map<number, number[]>();
  const free = lay.freeBits(plan.partial);
  for (const at of everywhere(plan.partial)) {
    if (lay.IN_DIMS.some((d) => ((at[d] ?? 0) & free[d]) !== 0)) continue;
    const slot = lay.apply(plan.partial, at);
    expect(memory.has(slot)).toBe(false);
    memory.set(slot, read(at));
  }
  const size = 2 ** lay.tileBits(plan.result.shape);
  for (const at of everywhere(plan.result)) {
    const place = lay.apply(plan.result, at);
    const parts = Array.from({ length: plan.partials }, (_, p) => memory.get(p * size + place) ?? []);
    values.set(hardwareText(at), parts.flat());
  }
  return values;
}

for (const [name, threads] of [
  ['lanes and warps', { lane: 3, warp: 2 }],
  ['invocations', { invocation: 4 }],
  ['one thread', {}],
] as const)
  test(`every element of the axis is folded exactly once: ${name}`, () => {
    fc.assert(
      fc.property(cases(threads), ([l, axis]) => {
        const plan = lay.planReduction(l, axis);
        const values = simulate(l, plan);
        const expected = new Map<number, number[]>();
        for (let i = 0; i < 2 ** lay.tileBits(l.shape); i++) {
          const kept = lay.coordinates(l.shape, i).filter((_, a) => a !== axis);
          const key = lay.flatten(plan.result.shape, kept);
          expected.set(key, [...(expected.get(key) ?? []), i]);
        }
        for (const at of everywhere(plan.result)) {
          const folded = [...(values.get(hardwareText(at)) ?? [])].sort((a, b) => a - b);
          expect(folded).toEqual(expected.get(lay.apply(plan.result, at)));
        }
      }),
    );
  });

test('the result has the layout that inference gives it', () => {
  fc.assert(
    fc.property(cases({ invocation: 3 }), ([l, axis]) => {
      const plan = lay.planReduction(l, axis);
      expect(lay.equalLayouts(plan.result, lay.dropDuplicateRegisters(lay.project(l, axis)))).toBe(true);
      expect(lay.equalLayouts(lay.project(plan.partial, 0), plan.result)).toBe(true);
    }),
  );
});

test('row maximum of an m16n8 accumulator: fold over c, then butterflies 1 and 2', () => {
  const acc = lay.parseLayout('reg[c1 r8 c8] lane[c2 c4 r1 r2 r4] warp[r16]', [32, 16]) as Layout;
  const plan = lay.planReduction(acc, 1);
  expect(plan.groups).toEqual([
    [0, 1, 4, 5],
    [2, 3, 6, 7],
  ]);
  expect(plan.shuffles).toEqual([
    { register: 0, lane: 1 },
    { register: 0, lane: 2 },
  ]);
  expect(plan.partials).toBe(1);
  expect(lay.layoutText(plan.result)).toBe('reg[c8] lane[0 0 c1 c2 c4] warp[c16]');
});

test('a row spread over invocations leaves one partial a thread, numbered by its bits', () => {
  const row = lay.blockedLayout({ shape: [4, 64], vector: 4, threads: 64 });
  const plan = lay.planReduction(row, 1);
  expect(plan.groups).toEqual([[0, 1, 2, 3]]);
  expect(plan.partials).toBe(16);
  expect(lay.layoutText(plan.partial)).toBe('reg[] inv[r1 r2 r4 r8 c1 c2]');
});
