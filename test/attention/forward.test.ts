import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { type ForwardArgs, lightningAttention } from '../../index.js';
import type { Device, LaunchArgs } from '../../runtime/index.js';
import { devices } from '../kernels/session.js';
import { type Case, canonical, cases, expectNear, type FloatDType, inOrder, make } from './cases.js';
import { recurrence } from './recurrence.js';

interface Wanted {
  readonly finalState: boolean;
  readonly reverse: boolean;
  /** Whether the caller brings the output. */
  readonly brings: boolean;
}

const wanted = fc.record({ finalState: fc.boolean(), reverse: fc.boolean(), brings: fc.boolean() });

async function isRight(device: Device, c: Case, { finalState, reverse, brings }: Wanted): Promise<void> {
  const { args, given } = make(device, c);
  const { B, H, N, E } = c.sizes;
  const o = device.empty(c.T, inOrder(c.layout, [B, H, N, E])).poison();
  const result = await run(device, { ...args, ...(brings ? { o } : {}) }, { layout: c.layout, reverse, finalState });
  const want = recurrence(c.sizes, given, reverse);
  expect(result.o === o).toBe(brings);
  expect(result.o.shape).toEqual(o.shape);
  await expectNear('o', canonical(c.layout, result.o), want.o, c.T);
  expect(result.hT === null).toBe(!finalState);
  if (result.hT !== null) await expectNear('hT', result.hT, want.hT, c.T);
  for (const tensor of [...Object.values(args), o, result.o, result.hT]) tensor?.free();
}

const run = (device: Device, args: LaunchArgs, more: object) =>
  lightningAttention(device, { ...args, ...more } as unknown as ForwardArgs<FloatDType, boolean>);

/** A GPU's kernel is compiled once here: the kernels have tests of their own. */
const ONE = {
  of: { layout: 'bnhd', decay: 'g', initial: true },
  wanted: fc.record({ finalState: fc.constant(true), reverse: fc.constant(false), brings: fc.boolean() }),
} as const;
const ON = [
  { key: 'exact', T: 'f32', runs: 20, of: {}, wanted },
  { key: 'rounding', T: 'bf16', runs: 5, of: {}, wanted },
  { key: 'webgpu', T: 'f32', runs: 1, ...ONE },
] as const;

describe('the forward pass is the recurrence', () => {
  const on = devices('exact', 'rounding', 'webgpu');

  it.each(ON)('on $key in $T, in both layouts, with every decay and both directions of time', async (row) => {
    const { key, T, runs, of, wanted } = row;
    await fc.assert(
      fc.asyncProperty(cases(T, 40), wanted, (c, w) => isRight(on[key], { ...c, ...of }, w)),
      { numRuns: runs },
    );
  });
});

describe('few heads of a long sequence', () => {
  const on = devices('exact');
  const sizes = { B: 1, H: 2, HK: 1, N: 2051, D: 3, E: 4 };
  const long: Case = { sizes, T: 'f32', layout: 'bnhd', decay: 'slope', initial: true, seed: 4 };
  const wanted = { finalState: true, reverse: false, brings: true };

  it('are divided into segments on a device that is larger, and the recurrence all the same', async () => {
    const device = Object.assign(on.exact, { info: { ...on.exact.info, multiprocessors: 132 } });
    const plans = vi.spyOn(device, 'launchAll');
    await isRight(device, long, wanted);
    expect(plans).toHaveBeenCalledTimes(1);
    await isRight(device, { ...long, decay: 'g', initial: false }, { ...wanted, finalState: false });
    expect(plans).toHaveBeenCalledTimes(2);
    await isRight(device, { ...long, sizes: { ...sizes, N: 100 } }, { ...wanted, reverse: true });
    expect(plans).toHaveBeenCalledTimes(2);
  });
});
