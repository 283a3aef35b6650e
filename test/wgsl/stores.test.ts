import { expect, it } from 'vitest';
import type { Value } from '../../compiler/ir/module.js';
import { makeKernel, region, tile } from '../interp/make.js';
import { runBoth, worst } from './run.js';

const square = (access: 'in' | 'out') => [access, 'f32', 'M', 'N'] as const;

it('of two stores to one place the later one stays, whichever invocations hold the elements', async () => {
  const o = await runBoth({
    build: () =>
      makeKernel({ x: square('in'), y: square('out') }, [], (b, { x, y }) => {
        const zero = b.constant(0, 'i32');
        const a = b.value('load', [x as Value, zero, zero], { pad: 0 }, tile('f32', 32, 32));
        for (const v of [a, b.value('trans', [a], {})]) b.op('store', [y as Value, v, zero, zero], {});
      }),
    shapes: { x: [32, 32], y: [32, 32] },
    grid: {},
  });
  expect(worst(o)).toBeLessThan(1e-3);
});

it('windows that overlap from trip to trip are stored in order', async () => {
  const o = await runBoth({
    build: () =>
      makeKernel({ x: square('in'), y: square('out') }, [], (b, { x, y }) => {
        const [zero, n, four] = [b.constant(0, 'i32'), b.constant(32, 'i32'), b.constant(4, 'i32')];
        const body = region([tile('i32')], (r, [i]) => {
          const rows = r.value('load', [x as Value, i as Value, zero], { pad: 0 }, tile('f32', 32, 32));
          const scale = r.value('splat', [r.value('cast', [i as Value], { to: 'f32' })], {}, tile('f32', 32, 32));
          r.op('store', [y as Value, r.value('add', [rows, scale], {}), i as Value, zero], {});
          return [];
        });
        b.op('for', [zero, n, four], {}, undefined, [body]);
      }),
    shapes: { x: [64, 32], y: [64, 32] },
    grid: {},
  });
  expect(worst(o)).toBeLessThan(1e-5);
});

it('a store that moves on by its extent with every trip needs no barrier', async () => {
  const o = await runBoth({
    build: () =>
      makeKernel({ x: square('in'), y: square('out') }, [], (b, { x, y }) => {
        const [zero, n, one] = [b.constant(0, 'i32'), b.constant(8, 'i32'), b.constant(1, 'i32')];
        const body = region([tile('i32')], (r, [i]) => {
          const row = r.value('mul', [i as Value, r.constant(8, 'i32')], {});
          const rows = r.value('load', [x as Value, row, zero], { pad: 0 }, tile('f32', 8, 32));
          r.op('store', [y as Value, rows, row, zero], {});
          return [];
        });
        b.op('for', [zero, n, one], {}, undefined, [body]);
      }),
    shapes: { x: [64, 32], y: [64, 32] },
    grid: {},
  });
  expect(worst(o)).toBe(0);
  expect(o.text).not.toContain('Barrier');
});
