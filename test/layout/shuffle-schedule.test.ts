import assert from 'node:assert/strict';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { combine } from '../../compiler/layout/gf2.js';
import * as lay from '../../compiler/layout/index.js';
import { type PerThread, scheduleShuffle } from '../../compiler/layout/shuffle-schedule.js';

/** Pairs of layouts of one warp, or of two of which each keeps its elements: bases mixed and exchanged at random. */
const pairs = fc
  .tuple(
    fc.integer({ min: 0, max: 3 }),
    fc.integer({ min: 0, max: 1 }),
    fc.array(fc.tuple(fc.nat(30), fc.nat(30), fc.constantFrom('add', 'exchange', 'copy')), { maxLength: 8 }),
  )
  .map(([registers, warps, changes]) => {
    const bits = registers + 5;
    const own = Array.from({ length: bits }, (_, i) => 2 ** i);
    const mixed = [...own];
    for (const [i, j, how] of changes) {
      const [x, y] = [i % bits, j % bits];
      if (x === y) continue;
      const [a = 0, b = 0] = [mixed[x], mixed[y]];
      if (how === 'exchange') [mixed[x], mixed[y]] = [b, a];
      else mixed[x] = how === 'add' ? a ^ b : b;
    }
    const warp = Array.from({ length: warps }, (_, i) => 2 ** (bits + i));
    const make = (list: readonly number[], w: readonly number[]): lay.Layout =>
      lay.makeLayout([2 ** (bits + warps)], {
        register: list.slice(0, registers),
        lane: list.slice(registers),
        warp: w,
      });
    return [
      make(own, warp),
      make(
        mixed,
        warp.map((w, i) => w ^ (mixed[i] ?? 0)),
      ),
    ] as const;
  });

const at = (p: PerThread, q: number, lane: number, warp: number): number =>
  (p.constants[q] ?? 0) ^ combine(p.lane, lane) ^ combine(p.warp, warp);

test('scheduled shuffles bring every element to its place', () => {
  let reordered = 0;
  fc.assert(
    fc.property(pairs, ([a, b]) => {
      const plan = lay.planDirect(a, b);
      if (plan?.kind !== 'shuffle') return;
      const s = scheduleShuffle(plan);
      if (s === null) return;
      if (s.order.some((x) => x !== 0)) reordered++;
      for (let warp = 0; warp < lay.threadCount(a) / 32; warp++)
        for (let lane = 0; lane < 32; lane++)
          for (let q = 0; q < lay.registerCount(b); q++) {
            const from = at(s.source, q, lane, warp);
            const register = at(s.offered, q, from, warp);
            const r: number = q ^ combine(s.order, lane);
            assert.equal(lay.apply(a, { register, lane: from, warp }), lay.apply(b, { register: r, lane, warp }));
          }
    }),
    { numRuns: 1000 },
  );
  expect(reordered).toBeGreaterThan(20);
});

test('an exchange of a register bit and a lane bit takes one shuffle a register', () => {
  const a = lay.makeLayout([64], { register: [1], lane: [2, 4, 8, 16, 32], warp: [] });
  const b = lay.makeLayout([64], { register: [2], lane: [1, 4, 8, 16, 32], warp: [] });
  const plan = lay.planDirect(a, b);
  assert(plan?.kind === 'shuffle');
  expect(scheduleShuffle(plan)?.order).toEqual([1, 0, 0, 0, 0]);
});
