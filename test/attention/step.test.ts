import fc from 'fast-check';
import { describe, it } from 'vitest';
import { lightningAttention } from '../../index.js';
import type { Device, Tensor } from '../../runtime/index.js';
import { devices } from '../kernels/session.js';
import { type Case, cases, expectNear, make } from './cases.js';
import { recurrence } from './recurrence.js';

/** Token t of [B, heads, N, width], or of [B, H, N]. */
function token<T extends Tensor>(x: T, t: number): T {
  const [B = 0, heads = 0, , ...width] = x.shape;
  const [batch = 0, head = 0, step = 0, ...element] = x.strides;
  return x.view([B, heads, ...width], [batch, head, ...element], t * step) as unknown as T;
}

async function continues(device: Device, drawn: Case): Promise<void> {
  const c: Case = { ...drawn, layout: 'bhnd' };
  const { args, given } = make(device, c);
  const { q, k, v, slope, g, h0 } = args as Record<string, Tensor<'f32'>>;
  const { B, H, N, D, E } = c.sizes;
  const state = h0 ?? device.empty('f32', [B, H, D, E]).fill(0);
  const o = device.empty(c.T, [B, H, N, E]);
  const [Q, K, V] = [q, k, v] as [Tensor<'f32'>, Tensor<'f32'>, Tensor<'f32'>];
  for (let t = 0; t < N; t++)
    await lightningAttention.step(device, {
      ...{ q: token(Q, t), k: token(K, t), v: token(V, t), state, o: token(o, t) as Tensor<'f32'> },
      ...(slope ? { slope } : {}),
      ...(g ? { g: token(g, t) } : {}),
    });
  const want = recurrence(c.sizes, given, false);
  await expectNear('o', o, want.o, c.T);
  await expectNear('state', state, want.hT, c.T);
}

const ON = [
  { key: 'exact', T: 'f32', runs: 8 },
  { key: 'rounding', T: 'bf16', runs: 3 },
] as const;

describe('one step after the other', () => {
  const on = devices('exact', 'rounding');

  it.each(ON)('is the recurrence, on $key in $T', async ({ key, T, runs }) => {
    await fc.assert(
      fc.asyncProperty(cases(T, 12), (c) => continues(on[key], c)),
      { numRuns: runs },
    );
  });
});
