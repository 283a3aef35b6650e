import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lightningAttention } from '../../index.js';
import type { Device, Tensor } from '../../runtime/index.js';
import { devices, seeds } from '../kernels/session.js';
import { expectNear, numbers } from './cases.js';

const [H, HK, D, E] = [2, 1, 5, 9];

interface Drawn {
  readonly lengths: readonly number[];
  readonly gated: boolean;
  readonly initial: boolean;
  readonly reverse: boolean;
  readonly seed: number;
}
const drawn: fc.Arbitrary<Drawn> = fc.record({
  lengths: fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 4 }),
  gated: fc.boolean(),
  initial: fc.boolean(),
  reverse: fc.boolean(),
  seed: seeds,
});

/** Packed tensors, [N, heads, width] or [N, heads], or states, [S, H, D, E]. */
function tensorsOf(device: Device, N: number, { lengths, gated, initial, seed }: Drawn) {
  const f32 = (name: string, shape: readonly number[], f = (x: number): number => x): Tensor<'f32'> =>
    device.empty('f32', shape).write(
      numbers(
        seed,
        name,
        shape.reduce((n, x) => n * x, 1),
      ).map(f),
    );
  const states = [lengths.length, H, D, E];
  return {
    rows: {
      ...{ q: f32('q', [N, H, D]), k: f32('k', [N, HK, D]), v: f32('v', [N, HK, E]) },
      ...(gated ? { g: f32('g', [N, H], (x) => -Math.abs(x)) } : {}),
    },
    dout: f32('dout', [N, H, E]),
    ...(gated ? {} : { slope: device.empty('f32', [H]).write([0.1, 1]) }),
    ...(initial ? { h0: f32('h0', states) } : {}),
    dhT: f32('dhT', states),
  };
}

/** Tokens `from` to `to` as a batch of one sequence: [1, heads, n, width]. */
function alone<T extends Tensor>(x: T, from: number, to: number): T {
  const [, heads = 0, ...width] = x.shape;
  const [token = 0, head = 0, ...element] = x.strides;
  return x.view([1, heads, to - from, ...width], [0, head, token, ...element], from * token) as unknown as T;
}

/** State `s` of the packed states, as a batch of one. */
const state = (x: Tensor<'f32'>, s: number): Tensor<'f32'> => x.view([1, H, D, E], undefined, s * H * D * E);

async function isItsSequences(device: Device, drawn: Drawn): Promise<void> {
  const { lengths, gated, reverse } = drawn;
  const offsets = [0];
  for (const n of lengths) offsets.push((offsets[offsets.length - 1] ?? 0) + n);
  const { rows, dout, slope, h0, dhT } = tensorsOf(device, offsets[lengths.length] ?? 0, drawn);
  const offset = device.empty('i32', [offsets.length]).write(offsets);
  const whole = { ...rows, ...(slope ? { slope } : {}), ...(h0 ? { h0 } : {}), offset, reverse };
  const wants = [gated ? 'dg' : 'dslope'] as const;
  const { o, hT } = await lightningAttention(device, { ...whole, finalState: true });
  const grads = await lightningAttention.backward(device, { ...whole, dout, dhT, wants });
  const slopes = new Float64Array(H);
  for (const [s, from] of offsets.slice(0, -1).entries()) {
    const to = offsets[s + 1] ?? from;
    const own = Object.fromEntries(Object.entries(rows).map(([name, x]) => [name, alone(x, from, to)])) as typeof rows;
    const args = { ...own, ...(slope ? { slope } : {}), ...(h0 ? { h0: state(h0, s) } : {}), reverse };
    const one = await lightningAttention(device, { ...args, finalState: true });
    await expectNear('o', alone(o, from, to), await one.o.read(), 'f32');
    await expectNear('hT', state(hT, s), await one.hT.read(), 'f32');
    const dout1 = alone(dout, from, to);
    const each = await lightningAttention.backward(device, { ...args, dout: dout1, dhT: state(dhT, s), wants });
    for (const name of ['dq', 'dk', 'dv', 'dg'] as const) {
      const [got, want] = [grads[name], each[name]];
      if (got !== null && want !== null)
        await expectNear(name, alone(got as Tensor, from, to), await want.read(), 'f32');
    }
    expect(each.dh0 === null).toBe(grads.dh0 === null);
    if (grads.dh0 !== null && each.dh0 !== null)
      await expectNear('dh0', state(grads.dh0, s), await each.dh0.read(), 'f32');
    if (each.dslope !== null)
      (await each.dslope.read()).forEach((x, h) => {
        slopes[h] = (slopes[h] ?? 0) + x;
      });
  }
  if (grads.dslope !== null) await expectNear('dslope', grads.dslope, slopes, 'f32');
}

describe('packed sequences', () => {
  const on = devices('exact');

  it('are what each of them is alone, forward and backward', async () => {
    await fc.assert(
      fc.asyncProperty(drawn, (d) => isItsSequences(on.exact, d)),
      { numRuns: 6 },
    );
  });
});
