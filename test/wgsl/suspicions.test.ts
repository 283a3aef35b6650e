import { expect, it } from 'vitest';
import { emitWgsl } from '../../backends/wgsl/emit.js';
import type { Kernel, Value } from '../../compiler/ir/module.js';
import { verifyKernel } from '../../compiler/ir/verify.js';
import type { DType } from '../../compiler/ir/types.js';
import { makeKernel, region, tile } from '../interp/make.js';
import { ROOMY, runBoth, worst } from './run.js';

const wave = (_a: string, i: number): number => Math.sin(i * 1.7) + 1.01;

it.each(['f16', 'bf16'] as const)('scan of %s rounds', async (T: DType) => {
  const o = await runBoth({
    build: () =>
      makeKernel({ x: ['in', T, 'M', 'N'], o: ['out', T, 'M', 'N'] }, [], (b, { x, o }) => {
        const z = b.constant(0, 'i32');
        const t = b.value('load', [x as Value, z, z], { pad: 0 }, tile(T, 4, 32));
        b.op('store', [o as Value, b.value('scan', [t], { op: 'sum', axis: 1 }), z, z], {});
      }),
    shapes: { x: [4, 32], o: [4, 32] }, grid: {}, value: wave, mode: 'round',
  });
  expect([...(o.got.o ?? [])]).toEqual([...(o.want.o ?? [])]);
});

it.each(['f16', 'bf16'] as const)('reduce of %s to a scalar rounds', async (T: DType) => {
  const o = await runBoth({
    build: () =>
      makeKernel({ x: ['in', T, 'M'], o: ['out', T, 'M'] }, [], (b, { x, o }) => {
        const z = b.constant(0, 'i32');
        const t = b.value('load', [x as Value, z], { pad: 0 }, tile(T, 32));
        const s = b.value('reduce', [t], { op: 'sum', axis: 0 });
        b.op('store', [o as Value, b.value('splat', [s], {}, tile(T, 32)), z], {});
      }),
    shapes: { x: [32], o: [32] }, grid: {}, value: wave, mode: 'round',
  });
  expect([...(o.got.o ?? [])]).toEqual([...(o.want.o ?? [])]);
});

function emitTime(k: Kernel): number {
  expect(verifyKernel(k)).toEqual([]);
  const t = performance.now();
  emitWgsl(k, { limits: ROOMY, facts: { x: { contiguous: true, align: 4 } , o: { contiguous: true, align: 4 } } });
  return performance.now() - t;
}

it('long chains of sums as an origin', { timeout: 30000 }, () => {
  const k = makeKernel({ x: ['in', 'f32', 'M', 'N'], o: ['out', 'f32', 'M', 'N'] }, [], (b, { x, o }) => {
    const z = b.constant(0, 'i32');
    let s = b.value('dim', [], { name: 'N' });
    for (let i = 0; i < 27; i++) s = b.value('add', [s, s], {});
    const t = b.value('load', [x as Value, z, s], { pad: 0 }, tile('f32', 4, 32));
    b.op('store', [o as Value, t, z, z], {});
  });
  k.config = { warps: 2 };
  expect(emitTime(k)).toBeLessThan(1000);
});

it('deep loops', { timeout: 60000 }, () => {
  const k = makeKernel({ o: ['out', 'f32', 'M', 'N'] }, [], (b, { o }) => {
    const z = b.constant(0, 'i32');
    const one = b.constant(1, 'i32');
    const nest = (bb: typeof b, init: Value, depth: number): Value => {
      if (depth === 0) return bb.value('add', [init, init], {});
      const body = region([tile('i32'), tile('f32', 8, 8)], (r, [, c]) => [nest(r as typeof b, c as Value, depth - 1)]);
      return bb.op('for', [z, one, one, init], {}, undefined, [body]).results[0] as Value;
    };
    const c = b.value('const', [], { value: 1 }, tile('f32', 8, 8));
    b.op('store', [o as Value, nest(b, c, 19), z, z], {});
  });
  k.config = { warps: 2 };
  expect(emitTime(k)).toBeLessThan(1000);
});
