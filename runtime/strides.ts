/** Arithmetic of strided shapes. Strides and offsets count elements. */
import { sizeOf } from '../compiler/ir/types.js';

/** Row-major strides without gaps. */
export function denseStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = step;
    step *= Math.max(shape[axis] as number, 1);
  }
  return strides;
}

/** Elements from the first to the last address inclusive; 0 when there is no element. Strides are >= 0. */
export function extentOf(shape: readonly number[], strides: readonly number[]): number {
  if (sizeOf(shape) === 0) return 0;
  return 1 + shape.reduce((sum, n, axis) => sum + (n - 1) * (strides[axis] as number), 0);
}

/** Most elements that are checked one by one for distinct addresses. */
const MAX_ENUMERATED = 2 ** 26;

/**
 * Whether distinct elements have distinct addresses. Strides that nest (each steps over everything below it) are; others,
 * such as (2, 3) on 3 x 2, are enumerated; too many to enumerate counts as not distinct.
 */
export function hasDistinctAddresses(shape: readonly number[], strides: readonly number[]): boolean {
  if (sizeOf(shape) <= 1) return true;
  const axes = shape.map((n, i) => ({ n, stride: strides[i] as number })).filter((a) => a.n > 1);
  axes.sort((a, b) => a.stride - b.stride);
  let reach = 0;
  const nests = axes.every(({ n, stride }) => {
    const ok = stride > reach;
    reach += (n - 1) * stride;
    return ok;
  });
  if (nests || axes.some((a) => a.stride === 0)) return nests;
  const extent = extentOf(shape, strides);
  if (extent < sizeOf(shape) || extent > MAX_ENUMERATED) return false;
  const seen = new Uint8Array(extent);
  return addressesOf(shape, strides).every((address) => {
    const first = seen[address] === 0;
    seen[address] = 1;
    return first;
  });
}

/** Address of every element, counted from element 0, in row-major order of the shape. */
export function addressesOf(shape: readonly number[], strides: readonly number[]): Float64Array {
  let addresses = new Float64Array([0]);
  for (const [axis, n] of shape.entries()) {
    const stride = strides[axis] as number;
    const next = new Float64Array(addresses.length * n);
    for (let i = 0, at = 0; i < addresses.length; i++) {
      const base = addresses[i] as number;
      for (let k = 0; k < n; k++) next[at++] = base + k * stride;
    }
    addresses = next;
  }
  return addresses;
}

/** Row-major without gaps; axes of extent 1 may have any stride. */
export function isDense(shape: readonly number[], strides: readonly number[]): boolean {
  const dense = denseStrides(shape);
  return shape.every((n, axis) => n <= 1 || strides[axis] === dense[axis]);
}
