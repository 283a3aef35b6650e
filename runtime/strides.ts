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

/** Strides of the same elements in another shape of as many, in row-major order; null where only a copy has them. */
export function reshapedStrides(
  shape: readonly number[],
  strides: readonly number[],
  to: readonly number[],
): number[] | null {
  if (sizeOf(to) === 0) return denseStrides(to);
  const runs = runsOf(shape, strides);
  const out = new Array<number>(to.length);
  let { size: left, stride: step } = runs.pop() ?? { size: 1, stride: 1 };
  for (let axis = to.length - 1; axis >= 0; axis--) {
    const n = to[axis] as number;
    if (left === 1 && n > 1) ({ size: left, stride: step } = runs.pop() ?? { size: 1, stride: 1 });
    if (left % n !== 0) return null;
    out[axis] = step;
    step *= n;
    left /= n;
  }
  return out;
}

interface Run {
  readonly size: number;
  readonly stride: number;
}

/** Axes that are one in memory, as one; without those of one index. */
function runsOf(shape: readonly number[], strides: readonly number[]): Run[] {
  const runs: Run[] = [];
  for (const [axis, n] of shape.entries()) {
    const [stride, outer] = [strides[axis] as number, runs.at(-1)];
    if (n === 1) continue;
    if (outer !== undefined && outer.stride === stride * n) runs[runs.length - 1] = { size: outer.size * n, stride };
    else runs.push({ size: n, stride });
  }
  return runs;
}
