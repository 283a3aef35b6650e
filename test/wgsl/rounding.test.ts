import { expect, it } from 'vitest';
import type { Value } from '../../compiler/ir/module.js';
import type { DType } from '../../compiler/ir/types.js';
import { makeKernel, tile } from '../interp/make.js';
import { runBoth } from './run.js';

/** Positive numbers whose sums need more digits than f16 and bf16 have. */
const wave = (_arg: string, i: number): number => Math.sin(i * 1.7) + 1.01;
const HALVES = ['f16', 'bf16'] as const satisfies readonly DType[];

it.each(HALVES)('running sums of %s are rounded before they are stored, not cut off', async (T) => {
  const o = await runBoth({
    build: () =>
      makeKernel({ x: ['in', T, 'M', 'N'], y: ['out', T, 'M', 'N'] }, [], (b, { x, y }) => {
        const zero = b.constant(0, 'i32');
        const rows = b.value('load', [x as Value, zero, zero], { pad: 0 }, tile(T, 4, 32));
        b.op('store', [y as Value, b.value('scan', [rows], { op: 'sum', axis: 1 }), zero, zero], {});
      }),
    shapes: { x: [4, 32], y: [4, 32] },
    grid: {},
    value: wave,
    mode: 'round',
  });
  expect([...(o.got.y ?? [])]).toEqual([...(o.want.y ?? [])]);
});

it.each(HALVES)('the sum of a whole %s tile is rounded before it fills another', async (T) => {
  const o = await runBoth({
    build: () =>
      makeKernel({ x: ['in', T, 'M'], y: ['out', T, 'M'] }, [], (b, { x, y }) => {
        const zero = b.constant(0, 'i32');
        const row = b.value('load', [x as Value, zero], { pad: 0 }, tile(T, 32));
        const total = b.value('reduce', [row], { op: 'sum', axis: 0 });
        b.op('store', [y as Value, b.value('splat', [total], {}, tile(T, 32)), zero], {});
      }),
    shapes: { x: [32], y: [32] },
    grid: {},
    value: wave,
    mode: 'round',
  });
  expect([...(o.got.y ?? [])]).toEqual([...(o.want.y ?? [])]);
});
