import { expect, it } from 'vitest';
import type { Kernel, Value } from '../../compiler/ir/module.js';
import { scalarType } from '../../compiler/ir/types.js';
import { makeKernel, region, tile } from '../interp/make.js';
import { runBoth, worst } from './run.js';

const N = 64;

/** A loop that carries a sum as a scalar, and folds again (with a barrier) only while the sum is small. */
const carriedCondition = (): Kernel =>
  makeKernel({ x: ['in', 'f32', 'M', 'N'], z: ['out', 'f32', 'M', 'N'] }, [], (b, { x, z }) => {
    const [zero, one, limit] = [b.constant(0, 'i32'), b.constant(1, 'i32'), b.constant(90, 'f32')];
    const body = region([scalarType('i32'), scalarType('f32')], (inner, [i, total]) => {
      const row = inner.value('load', [x as Value, i as Value, zero], { pad: 0 }, tile('f32', 1, N));
      const small = inner.value('cmp', [total as Value, limit], { pred: 'lt' });
      const yes = region([], (c) => {
        const perRow = c.value('reduce', [row], { op: 'sum', axis: 1 });
        const all = c.value('reduce', [perRow], { op: 'max', axis: 0 });
        return [c.value('add', [total as Value, all], {})];
      });
      const next = inner.op('if', [small], {}, [scalarType('f32')], [yes, region([], () => [total as Value])]);
      const sum = next.results[0] as Value;
      const shown = inner.value('splat', [sum], {}, tile('f32', 1, N));
      inner.op('store', [z as Value, shown, i as Value, zero], {});
      return [sum];
    });
    b.op('for', [zero, b.value('dim', [], { name: 'M' }), one, b.constant(0, 'f32')], {}, undefined, [body]);
  });

it('control flow on a scalar that a loop carries is uniform in the eyes of WGSL', async () => {
  const o = await runBoth({
    build: carriedCondition,
    shapes: { x: [5, N], z: [5, N] },
    grid: {},
    value: (_a, i) => 0.5 + (i % 3) / 8,
  });
  expect(worst(o)).toBeLessThan(1e-5);
  expect(o.text).toContain('workgroupUniformLoad');
});
