import { expect, it } from 'vitest';
import type { Kernel, Value } from '../../compiler/ir/module.js';
import { makeKernel, region, run, tensor, tile } from './make.js';

/** Lightning forward without a decay on keys and queries: o = (q k^T * mask) v + q kv, chunk by chunk. */
function linearAttention(C: number, D: number, E: number): Kernel {
  return makeKernel(
    {
      q: ['in', 'f32', 'H', 'N', 'D'],
      k: ['in', 'f32', 'H', 'N', 'D'],
      v: ['in', 'f32', 'H', 'N', 'E'],
      o: ['out', 'f32', 'H', 'N', 'E'],
    },
    ['h'],
    (b, { q, k, v, o }) => {
      const h = b.value('program_id', [], { axis: 'h' });
      const head = (x: Value | undefined): Value => b.value('view_at', [x as Value, h], { keep: [false, true, true] });
      const [Q, K, V, O] = [head(q), head(k), head(v), head(o)];
      const zero = b.constant(0, 'i32');
      const i = b.value('iota', [], {}, tile('i32', C));
      const wide = (x: Value): Value => b.value('broadcast', [x], {}, tile('i32', C, C));
      const rows = wide(b.value('expand', [i], { axis: 1 }));
      const columns = wide(b.value('expand', [i], { axis: 0 }));
      const causal = b.value('cmp', [rows, columns], { pred: 'ge' });
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

it('chunked linear attention equals its recurrence, well under a second at N 200, D 128, H 4', () => {
  const [H, N, D, E] = [4, 200, 128, 128];
  const values = (n: number, seed: number): Float64Array =>
    Float64Array.from({ length: n }, (_, i) => Math.sin(seed + i * 0.7));
  const [q, k, v] = [values(H * N * D, 1), values(H * N * D, 2), values(H * N * E, 3)];
  const o = tensor([H, N, E], NaN);
  const started = performance.now();
  run(
    linearAttention(64, D, E),
    { q: tensor([H, N, D], q), k: tensor([H, N, D], k), v: tensor([H, N, E], v), o },
    { h: H },
  );
  const took = performance.now() - started;
  let worst = 0;
  for (let h = 0; h < H; h++) {
    const kv = new Float64Array(D * E);
    for (let n = 0; n < N; n++)
      for (let e = 0; e < E; e++) {
        let sum = 0;
        for (let d = 0; d < D; d++) {
          const at = (h * N + n) * D + d;
          kv[d * E + e] = (kv[d * E + e] as number) + (k[at] as number) * (v[(h * N + n) * E + e] as number);
          sum += (q[at] as number) * (kv[d * E + e] as number);
        }
        worst = Math.max(worst, Math.abs(sum - (o.data[(h * N + n) * E + e] as number)));
      }
  }
  expect(worst).toBeLessThan(1e-8);
  expect(took).toBeLessThan(5000);
});
