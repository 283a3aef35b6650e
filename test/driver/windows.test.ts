import fc from 'fast-check';
import { expect, test } from 'vitest';
import { placeTensors } from '../../driver/tensors.js';
import { stridesLike, windowOf } from '../../driver/windows.js';
import { EmulateDevice } from '../../runtime/emulate/device.js';
import { factsOf } from '../../runtime/facts.js';
import { denseStrides, hasDistinctAddresses } from '../../runtime/strides.js';

const device = new EmulateDevice();

/** A shape of rank 3 in some order of axes, with gaps that are multiples of 1, 2, 4 or 8, and other extents for it. */
const layout = fc
  .record({
    shape: fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 3, maxLength: 3 }),
    other: fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 3, maxLength: 3 }),
    order: fc.shuffledSubarray([0, 1, 2], { minLength: 3 }),
    unit: fc.constantFrom(1, 2, 4, 8),
    step: fc.integer({ min: 1, max: 3 }),
    shift: fc.nat(7),
  })
  .map(({ shape, other, order, unit, step, shift }) => {
    const strides = [0, 0, 0];
    let next = step;
    for (const axis of order.toReversed()) {
      strides[axis] = next;
      next = Math.ceil((next * (shape[axis] as number) + 1) / unit) * unit;
    }
    return { shape, other, strides, shift };
  });

test('tensors of other sizes lie alike, and as they do for the same sizes', () => {
  fc.assert(
    fc.property(layout, ({ shape, other, strides, shift }) => {
      const window = { shape, strides, shift };
      expect(stridesLike(window, shape)).toEqual(strides);
      const made = stridesLike(window, other);
      expect(hasDistinctAddresses(other, made)).toBe(true);
      // What rows are made of follows from the sizes: it is the same where these are equal.
      const rows = (of: readonly number[], by: readonly number[]) =>
        factsOf({ shape: [...of.slice(0, -1), 16], strides: by, offset: shift });
      const [was, is] = [rows(shape, strides), rows(other, made)];
      expect(is.contiguous).toBe(was.contiguous);
      const isLonger = other.every((extent, axis) => extent > 1 || shape[axis] === 1);
      if (isLonger && shape.every((extent) => extent > 1)) expect(is.align % was.align).toBe(0);
    }),
  );
});

test('what lies as tensors do that are made for a run has no window, nor has what shares addresses', () => {
  const of = (shape: readonly number[], strides: readonly number[], offset = 0) => windowOf({ shape, strides, offset });
  expect(of([3, 4], denseStrides([3, 4]))).toBeNull();
  expect(of([3, 4], denseStrides([3, 4]), 64)).toBeNull();
  expect(of([1, 4], [1000, 1])).toBeNull();
  expect(of([3, 4], [0, 1])).toBeNull();
  expect(of([3, 4], [1, 3], 8)).toEqual({ shape: [3, 4], strides: [1, 3], shift: 0 });
  expect(of([3, 4], [4, 1], 9)).toEqual({ shape: [3, 4], strides: [4, 1], shift: 1 });
});

test('inputs are placed at the address that their window says, outputs with its strides', async () => {
  const args = [
    { name: 'x', dtype: 'bf16', dims: ['M', 'N'], dir: 'in' },
    { name: 'y', dtype: 'f32', dims: ['M', 'N'], dir: 'out' },
  ] as const;
  const windows = {
    x: { shape: [2, 3], strides: [5, 1], shift: 3 },
    y: { shape: [2, 3], strides: [1, 2], shift: 0 },
  };
  const x = Float64Array.of(1, 2, 3, 4, 5, 6);
  const placed = placeTensors(device, args, {}, { M: 2, N: 3 }, { x }, { windows });
  expect(placed.tensors.x).toMatchObject({ strides: [5, 1] });
  expect((placed.tensors.x?.offset ?? 0) % 8).toBe(3);
  expect(await placed.tensors.x?.read()).toEqual(x);
  // Beside it lies NaN.
  const beside = placed.tensors.x?.view([2], [2], 3);
  expect([...((await beside?.read()) ?? [])]).toEqual([Number.NaN, 4]);
  expect(placed.tensors.y).toMatchObject({ strides: [1, 2] });
});
