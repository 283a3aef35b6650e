import { expect, it } from 'vitest';
import { emitWgsl } from '../../backends/wgsl/emit.js';
import type { Builder } from '../../compiler/ir/builder.js';
import type { Kernel, Value } from '../../compiler/ir/module.js';
import { runPipeline } from '../../compiler/passes/pipeline.js';
import { makeKernel, region, tile } from '../interp/make.js';
import { ROOMY } from './run.js';

/** IR from anywhere is compiled in time that grows with its size, not with 2 to the power of it. */
function compileTime(kernel: Kernel): number {
  kernel.config = { warps: 2 };
  const facts = { x: { contiguous: true, align: 4 }, y: { contiguous: true, align: 4 } };
  const begin = performance.now();
  runPipeline({ kernels: [kernel] }, { target: 'webgpu', maxStorageElements: 2 ** 30 }, { verify: true });
  emitWgsl(kernel, { limits: ROOMY, facts });
  return performance.now() - begin;
}

it('an origin that is doubled many times', () => {
  const kernel = makeKernel({ x: ['in', 'f32', 'M', 'N'], y: ['out', 'f32', 'M', 'N'] }, [], (b, { x, y }) => {
    const zero = b.constant(0, 'i32');
    let origin = b.value('dim', [], { name: 'N' });
    for (let i = 0; i < 200; i++) origin = b.value('add', [origin, origin], {});
    const rows = b.value('load', [x as Value, zero, origin], { pad: 0 }, tile('f32', 4, 32));
    b.op('store', [y as Value, rows, zero, zero], {});
  });
  expect(compileTime(kernel)).toBeLessThan(10_000);
});

it('a hundred loops, each in the one before, around a product', () => {
  const nest = (b: Builder, init: Value, depth: number): Value => {
    if (depth === 0) return b.value('dot', [init, init, init], {});
    const n = b.value('dim', [], { name: 'N' });
    const [zero, one] = [b.constant(0, 'i32'), b.constant(1, 'i32')];
    const body = region([tile('i32'), tile('f32', 8, 8)], (r, [, carried]) => [nest(r, carried as Value, depth - 1)]);
    return b.op('for', [zero, n, one, init], {}, undefined, [body]).results[0] as Value;
  };
  const kernel = makeKernel({ y: ['out', 'f32', 'M', 'N'] }, [], (b, { y }) => {
    const zero = b.constant(0, 'i32');
    const first = b.value('const', [], { value: 1 }, tile('f32', 8, 8));
    b.op('store', [y as Value, nest(b, first, 100), zero, zero], {});
  });
  expect(compileTime(kernel)).toBeLessThan(10_000);
});
