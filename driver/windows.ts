import { denseStrides, hasDistinctAddresses } from '../runtime/strides.js';
import type { Tensor } from '../runtime/tensor.js';

/** How a tensor of a caller lies in memory. Plain data. */
export interface Window {
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  /** Elements that element 0 is away from an aligned address. */
  readonly shift: number;
}

/** Widest multiple of elements that programs are compiled for (facts.ts of the runtime). */
const MAX_ALIGN = 8;

/** Null where it lies as tensors do that are made for a run, or its elements share addresses: values are for each its own. */
export function windowOf({ shape, strides, offset }: Pick<Tensor, 'shape' | 'strides' | 'offset'>): Window | null {
  const shift = offset % MAX_ALIGN;
  const dense = denseStrides(shape);
  const usual = shift === 0 && shape.every((extent, axis) => extent <= 1 || strides[axis] === dense[axis]);
  return usual || !hasDistinctAddresses(shape, strides) ? null : { shape, strides, shift };
}

/**
 * Strides of a tensor of another shape that lies alike: axes in the same order, steps that are multiples of what they were
 * multiples of, rows with gaps between their elements where they had some. The strides themselves for the same shape.
 */
export function stridesLike({ shape, strides }: Window, other: readonly number[]): readonly number[] {
  if (other.every((extent, axis) => extent === shape[axis])) return strides;
  const axes = [...other.keys()].reverse().sort((a, b) => (strides[a] as number) - (strides[b] as number));
  const made: number[] = [];
  let reach = 0;
  for (const [i, axis] of axes.entries()) {
    const stride = strides[axis] as number;
    const least = axis === other.length - 1 && stride !== 1 ? 2 : 1;
    made[axis] = i === 0 ? Math.max(1, stride) : roundUp(Math.max(least, reach + 1), alignOf(stride));
    reach += Math.max(0, (other[axis] as number) - 1) * (made[axis] as number);
  }
  return made;
}

function alignOf(stride: number): number {
  let align = MAX_ALIGN;
  while (stride % align !== 0) align /= 2;
  return align;
}

const roundUp = (n: number, unit: number): number => Math.ceil(n / unit) * unit;
