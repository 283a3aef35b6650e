import { expect, it } from 'vitest';
import type { Kernel, Value } from '../../compiler/ir/module.js';
import type { DType } from '../../compiler/ir/types.js';
import { makeKernel, region, tile } from '../interp/make.js';
import { ROOMY, runBoth, worst } from './run.js';

/** Chunked linear attention of one head, as in the interpreter's tests: dots of all four orientations. */
function linearAttention(C: number, D: number, E: number, T: DType = 'f32'): Kernel {
  const io = (access: 'in' | 'out', last: string) => [access, T, 'H', 'N', last] as const;
  return makeKernel(
    { q: io('in', 'D'), k: io('in', 'D'), v: io('in', 'E'), o: io('out', 'E') },
    ['h'],
    (b, { q, k, v, o }) => {
      const h = b.value('program_id', [], { axis: 'h' });
      const head = (x: Value | undefined): Value => b.value('view_at', [x as Value, h], { keep: [false, true, true] });
      const [Q, K, V, O] = [head(q), head(k), head(v), head(o)];
      const zero = b.constant(0, 'i32');
      const i = b.value('iota', [], {}, tile('i32', C));
      const wide = (x: Value): Value => b.value('broadcast', [x], {}, tile('i32', C, C));
      const causal = b.value(
        'cmp',
        [wide(b.value('expand', [i], { axis: 1 })), wide(b.value('expand', [i], { axis: 0 }))],
        { pred: 'ge' },
      );
      const none = b.value('const', [], { value: 0 }, tile('f32', C, C));
      const state = b.value('const', [], { value: 0 }, tile('f32', D, E));
      const body = region([tile('i32'), tile('f32', D, E)], (r, [n, kv]) => {
        const at = [n as Value, zero];
        const qi = r.value('load', [Q, ...at], { pad: 0 }, tile(T, C, D));
        const ki = r.value('load', [K, ...at], { pad: 0 }, tile(T, C, D));
        const vi = r.value('load', [V, ...at], { pad: 0 }, tile(T, C, E));
        const kt = r.value('trans', [ki], {});
        const to16 = (x: Value): Value => (T === 'f32' ? x : r.value('cast', [x], { to: T }));
        const p = r.value('select', [causal, r.value('dot', [qi, kt], {}), none], {});
        const inter = r.value('dot', [qi, to16(kv as Value)], {});
        r.op('store', [O, to16(r.value('dot', [to16(p), vi, inter], {})), ...at], {});
        return [r.value('dot', [kt, vi, kv as Value], {})];
      });
      const end = b.value('dim', [], { name: 'N' });
      b.op('for', [zero, end, b.constant(C, 'i32'), state], {}, undefined, [body]);
    },
  );
}

it.each([{ warps: 2 }, { warps: 2, stages: 2 }, { warps: 8, stages: 3 }, { warps: 1 }])(
  'chunked linear attention with a ragged tail equals the interpreter, %o',
  async (config) => {
    const [H, N, D, E] = [2, 77, 32, 16];
    const o = await runBoth({
      build: () => linearAttention(16, D, E),
      shapes: { q: [H, N, D], k: [H, N, D], v: [H, N, E], o: [H, N, E] },
      grid: { h: 'H' },
      config,
    });
    if (process.env.SHOW) console.log(o.text);
    expect(worst(o)).toBeLessThan(1e-3);
  },
);

it.each(['f16', 'bf16'] as const)('%s tiles lie packed in workgroup memory when it is short', async (dtype) => {
  const [H, N, D, E] = [2, 40, 32, 16];
  const spec = {
    build: () => linearAttention(16, D, E, dtype),
    shapes: { q: [H, N, D], k: [H, N, D], v: [H, N, E], o: [H, N, E] },
    grid: { h: 'H' },
    config: { warps: 2 },
    // Small, so that the state stays near 1; some f16 inputs are subnormal.
    value: (_arg: string, i: number) => Math.sin(i * 1.7) * 0.3 * (i % 7 === 0 ? 1e-5 : 1),
  };
  const roomy = await runBoth(spec);
  const tight = await runBoth({ ...spec, limits: { ...ROOMY, workgroupBytes: 6144 } });
  expect(roomy.text).not.toContain('mem2');
  expect(tight.text).toContain('mem2');
  expect(worst(roomy)).toBeLessThan(0.01);
  expect([...(tight.got.o ?? [])]).toEqual([...(roomy.got.o ?? [])]);
  // Below that, operands wait in registers until their dot.
  const tightest = await runBoth({ ...spec, limits: { ...ROOMY, workgroupBytes: 3072 } });
  expect([...(tightest.got.o ?? [])]).toEqual([...(roomy.got.o ?? [])]);
  const least = { ...spec, limits: { ...ROOMY, workgroupBytes: 1024 } };
  await expect(runBoth(least)).rejects.toThrow('LAC0501');
  // The last resort: products in slabs.
  if (dtype === 'f16') return;
  const slabs = await runBoth({ ...least, slabs: true });
  expect([...(slabs.got.o ?? [])]).toEqual([...(roomy.got.o ?? [])]);
});
