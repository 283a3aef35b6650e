import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { type BackwardArgs, LacError, lightningAttention } from '../../index.js';
import { type Device, roundValue, type Tensor } from '../../runtime/index.js';
import { devices } from '../kernels/session.js';
import { type Case, canonical, cases, expectNear, type FloatDType, inOrder, make, numbers } from './cases.js';
import { gradients } from './recurrence.js';

interface Wanted {
  readonly reverse: boolean;
  /** Whether the loss depends on the final state. */
  readonly final: boolean;
  /** Whether the gradient of the decay is wanted, where there is one. */
  readonly decays: boolean;
}

const wanted = fc.record({ reverse: fc.boolean(), final: fc.boolean(), decays: fc.boolean() });

const run = (device: Device, args: object) =>
  lightningAttention.backward(device, args as BackwardArgs<FloatDType, 'dslope' | 'dg'>);

async function isRight(device: Device, c: Case, { reverse, final, decays }: Wanted): Promise<void> {
  const { args, given } = make(device, c);
  const { sizes, layout, T, decay, seed } = c;
  const { B, H, N, D, E } = sizes;
  const douts = numbers(seed, 'dout', B * H * N * E).map((x) => roundValue(T, x));
  const dout = device.empty(T, inOrder(layout, [B, H, N, E]));
  canonical(layout, dout).write(douts);
  const ends = final ? numbers(seed, 'dhT', B * H * D * E).map(Math.fround) : new Float64Array(B * H * D * E);
  const dhT = final ? device.empty('f32', [B, H, D, E]).write(ends) : null;
  const wants = !decays || decay === 'none' ? [] : decay === 'g' ? ['dg'] : ['dslope'];
  const got = await run(device, { ...args, dout, dhT, layout, reverse, wants });
  const want = gradients(sizes, given, { dout: douts, dhT: ends }, reverse);
  await expectNear('dq', canonical(layout, got.dq), want.dq, T);
  await expectNear('dk', canonical(layout, got.dk), want.dk, T);
  await expectNear('dv', canonical(layout, got.dv), want.dv, T);
  expect([got.dh0 !== null, got.dg !== null, got.dslope !== null]).toEqual([
    c.initial,
    wants.includes('dg'),
    wants.includes('dslope'),
  ]);
  if (got.dh0 !== null) await expectNear('dh0', got.dh0, want.dh0, T);
  if (got.dg !== null) await expectNear('dg', canonical(layout, got.dg), want.dg, T);
  if (got.dslope !== null) await expectNear('dslope', got.dslope, slopesOf(want.dg, sizes), T);
  for (const tensor of [...Object.values(args), ...Object.values(got), dout, dhT] as (Tensor | null)[]) tensor?.free();
}

/** Every token of a head decays by the same slope. */
function slopesOf(dg: Float64Array, { B, H, N }: Case['sizes']): Float64Array {
  const total = new Float64Array(H);
  for (let i = 0; i < B * H * N; i++) total[Math.floor(i / N) % H] = (total[Math.floor(i / N) % H] ?? 0) - (dg[i] ?? 0);
  return total;
}

const ONE = {
  of: { layout: 'bnhd', decay: 'slope', initial: true },
  wanted: fc.constant({ reverse: false, final: false, decays: false }),
} as const;
const ON = [
  { key: 'exact', T: 'f32', runs: 16, of: {}, wanted },
  { key: 'rounding', T: 'bf16', runs: 4, of: {}, wanted },
  { key: 'webgpu', T: 'f32', runs: 1, ...ONE },
] as const;

describe('the backward pass is the chain rule', () => {
  const on = devices('exact', 'rounding', 'webgpu');

  it.each(ON)('on $key in $T', async ({ key, T, runs, of, wanted }) => {
    await fc.assert(
      fc.asyncProperty(cases(T, 40), wanted, (c, w) => isRight(on[key], { ...c, ...of }, w)),
      { numRuns: runs },
    );
  });

  it('refuses gradients of what is not given, before anything is launched', async () => {
    const empty = (...shape: number[]) => on.exact.empty('f32', shape);
    const given = { q: empty(1, 1, 2, 3), k: empty(1, 1, 2, 3), v: empty(1, 1, 2, 3), dout: empty(1, 1, 2, 3) };
    for (const [wants, more] of [
      [['dg'], { slope: empty(1) }],
      [['dslope'], {}],
    ] as const) {
      const refused = run(on.exact, { ...given, ...more, wants });
      await expect(refused).rejects.toThrow(LacError);
      await expect(refused).rejects.toThrow(/^LAC0602: lightningAttention.backward: d(g|slope) is wanted, but/);
    }
  });
});

describe('few heads of a long sequence', () => {
  const on = devices('exact');
  const sizes = { B: 1, H: 2, HK: 1, N: 2049, D: 3, E: 4 };
  const long: Case = { sizes, T: 'f32', layout: 'bnhd', decay: 'slope', initial: true, seed: 4 };

  it('are divided into segments on a device that is larger, and the chain rule all the same', async () => {
    const device = Object.assign(on.exact, { info: { ...on.exact.info, multiprocessors: 132 } });
    const plans = vi.spyOn(device, 'launchAll');
    await isRight(device, long, { reverse: false, final: true, decays: true });
    const names = plans.mock.calls.flatMap(([{ launches }]) => launches.map((l) => l.kernel));
    expect(names).toContain('segmentBwdDkDv');
  });
});
