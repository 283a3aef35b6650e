import { expect, it } from 'vitest';
import type { Kernel, Value } from '../../compiler/ir/module.js';
import { makeKernel, region, tile } from '../interp/make.js';
import { runBoth, worst } from './run.js';

/** Chunked linear attention of one head, as in the interpreter's tests: dots of all four orientations. */
function linearAttention(C: number, D: number, E: number): Kernel {
  const io = (access: 'in' | 'out', last: string) => [access, 'f32', 'H', 'N', last] as const;
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
        const qi = r.value('load', [Q, ...at], { pad: 0 }, tile('f32', C, D));
        const ki = r.value('load', [K, ...at], { pad: 0 }, tile('f32', C, D));
        const vi = r.value('load', [V, ...at], { pad: 0 }, tile('f32', C, E));
        const kt = r.value('trans', [ki], {});
        const p = r.value('select', [causal, r.value('dot', [qi, kt], {}), none], {});
        const inter = r.value('dot', [qi, kv as Value], {});
        r.op('store', [O, r.value('dot', [p, vi, inter], {}), ...at], {});
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
