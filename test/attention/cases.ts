import fc from 'fast-check';
import { expect } from 'vitest';
import { compare, toleranceFor } from '../../driver/compare.js';
import { randomStream } from '../../driver/random.js';
import { type Device, roundValue, type Tensor } from '../../runtime/index.js';
import { seeds } from '../kernels/session.js';
import type { Given, Sizes } from './recurrence.js';

export type FloatDType = 'f32' | 'f16' | 'bf16';
type Layout = 'bhnd' | 'bnhd';

/** A call whose values follow from the seed. */
export interface Case {
  readonly sizes: Sizes;
  readonly T: FloatDType;
  readonly layout: Layout;
  readonly decay: 'slope' | 'g' | 'none';
  readonly initial: boolean;
  readonly seed: number;
}

const heads = fc.constantFrom([1, 1], [2, 2], [4, 2], [3, 1]);

/** Cases of one D and E, which kernels are compiled for. */
export const cases = (T: FloatDType, most: number, [D, E] = [5, 12]): fc.Arbitrary<Case> =>
  fc.record({
    sizes: fc
      .record({ B: fc.integer({ min: 1, max: 2 }), heads, N: fc.integer({ min: 0, max: most }) })
      .map(({ B, heads: [H = 1, HK = 1], N }) => ({ B, H, HK, N, D: D as number, E: E as number })),
    T: fc.constant(T),
    layout: fc.constantFrom('bhnd', 'bnhd'),
    decay: fc.constantFrom('slope', 'g', 'none'),
    initial: fc.boolean(),
    seed: seeds,
  });

/** Axes of rows, [B, heads, N, width], in the order of the layout. */
export const inOrder = (layout: Layout, [b = 0, h = 0, n = 0, ...rest]: readonly number[]): number[] =>
  layout === 'bhnd' ? [b, h, n, ...rest] : [b, n, h, ...rest];
const SWAP = { 3: [0, 2, 1], 4: [0, 2, 1, 3] } as const;

/** The same memory with axes [B, heads, N, ..]. */
export const canonical = (layout: Layout, x: Tensor): Tensor =>
  layout === 'bhnd' ? x : x.permute(SWAP[x.shape.length as 3 | 4]);

export interface Made {
  /** Arguments of the call. */
  readonly args: Readonly<Record<string, Tensor>>;
  readonly given: Given;
}

const SLOPES = [0, 0.01, 0.3, 2, 90];

/** Tensors of a case on a device, and their values as they were rounded. */
export function make(device: Device, { sizes, T, layout, decay, initial, seed }: Case): Made {
  const { B, H, HK, N, D, E } = sizes;
  const rows = (name: string, h: number, width: number): [Tensor, Float64Array] => {
    const values = numbers(seed, name, B * h * N * width).map((x) => roundValue(T, x));
    const tensor = device.empty(T, inOrder(layout, [B, h, N, width]));
    canonical(layout, tensor).write(values);
    return [tensor, values];
  };
  const [q, qs] = rows('q', H, D);
  const [k, ks] = rows('k', HK, D);
  const [v, vs] = rows('v', HK, E);
  const slopes = Float64Array.from({ length: H }, (_, h) => Math.fround(SLOPES[(h + seed) % SLOPES.length] as number));
  const gates = numbers(seed, 'g', B * H * N).map((x) => Math.fround(-(x ** 2) / 4));
  const h0 = initial ? numbers(seed, 'h0', B * H * D * E).map(Math.fround) : new Float64Array(B * H * D * E);
  const args: Record<string, Tensor> = { q, k, v };
  if (decay === 'slope') args.slope = device.empty('f32', [H]).write(slopes);
  if (decay === 'g') {
    args.g = device.empty('f32', inOrder(layout, [B, H, N]));
    canonical(layout, args.g).write(gates);
  }
  if (initial) args.h0 = device.empty('f32', [B, H, D, E]).write(h0);
  const exponent = (i: number): number =>
    decay === 'g' ? (gates[i] as number) : decay === 'slope' ? -(slopes[Math.floor(i / N) % H] as number) : 0;
  const factors = Float64Array.from({ length: B * H * N }, (_, i) => Math.exp(exponent(i)));
  return { args, given: { q: qs, k: ks, v: vs, decay: factors, h0 } };
}

export function numbers(seed: number, stream: string, length: number): Float64Array {
  const random = randomStream(seed, stream);
  return Float64Array.from({ length }, () => random.normal());
}

/** Of a few elements, or of one sum, some are several times as far off as many are on average. */
const FEW = { bf16: { rmse: 0.03 }, f16: {}, f32: {} };

/** Sums of terms of about 1 that cancel to nothing, as the gradient of a decay of no state, are off by no more. */
const NOTHING = { bf16: 0.02, f16: 0.005, f32: 1e-5 };

/** Within the bounds of the dtype that inputs have. */
export async function expectNear(name: string, got: Tensor, want: Float64Array, T: FloatDType): Promise<void> {
  const { ok, rmse, worst, maxAbs } = compare(
    name,
    await got.read(),
    want,
    got.shape,
    toleranceFor(got.dtype, [T], FEW[T]),
  );
  expect(ok || maxAbs < NOTHING[T], JSON.stringify({ name, rmse, worst })).toBe(true);
}
