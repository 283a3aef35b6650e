import { expect, it } from 'vitest';
import type { Kernel, Value } from '../../compiler/ir/module.js';
import { makeKernel, tile } from '../interp/make.js';
import { runBoth, worst } from './run.js';

/** Words of workgroup memory that the text declares. */
const words = (text: string): number => Number(/mem1: array<u32, (\d+)>/.exec(text)?.[1] ?? 0);
const small = (_arg: string, i: number): number => ((i * 37) % 101) / 8 - 6;

it('argmax of a tile of rank 3 with many results combines in turns', async () => {
  const build = (): Kernel =>
    makeKernel({ x: ['in', 'f32', 'A', 'B', 'C'], z: ['out', 'i32', 'A', 'C'] }, [], (b, { x, z }) => {
      const zero = b.constant(0, 'i32');
      const t = b.value('load', [x as Value, zero, zero, zero], { pad: 0 }, tile('f32', 16, 32, 8));
      b.op('store', [z as Value, b.value('reduce', [t], { op: 'argmax', axis: 1 }), zero, zero], {});
    });
  const o = await runBoth({ build, shapes: { x: [16, 32, 8], z: [16, 8] }, grid: {}, value: small });
  expect(worst(o)).toBe(0);
  // All at once: values and positions of 128 results x 32 parts, and a second round.
  expect(words(o.text)).toBeGreaterThan(0);
  expect(words(o.text)).toBeLessThan(2 * 128 * 32);
});

it('a running sum takes one copy of its tile', async () => {
  const build = (): Kernel =>
    makeKernel({ x: ['in', 'f32', 'M', 'N'], z: ['out', 'f32', 'M', 'N'] }, [], (b, { x, z }) => {
      const zero = b.constant(0, 'i32');
      const t = b.value('load', [x as Value, zero, zero], { pad: 0 }, tile('f32', 64, 64));
      b.op('store', [z as Value, b.value('scan', [t], { op: 'sum', axis: 0 }), zero, zero], {});
    });
  const o = await runBoth({ build, shapes: { x: [64, 64], z: [64, 64] }, grid: {}, value: small });
  expect(worst(o)).toBeLessThan(1e-5);
  expect(words(o.text)).toBeLessThanOrEqual(64 * 64 + 64 * 8);
});
