import { expect } from 'vitest';

/** Elements of a row-major tensor at begin <= index < end of one axis. */
export function part(
  x: Float64Array | undefined,
  shape: readonly number[],
  axis: number,
  [begin, end]: readonly [number, number],
): Float64Array {
  const inner = shape.slice(axis + 1).reduce((n, e) => n * e, 1);
  const row = (shape[axis] ?? 1) * inner;
  return (x ?? new Float64Array(0)).filter((_, i) => i % row >= begin * inner && i % row < end * inner);
}

/** Numbers of f32 computations that differ in the order of sums only. */
export function expectClose(got: Float64Array | undefined, want: Float64Array | undefined): void {
  expect(got?.length).toBe(want?.length);
  const scale = Math.max(1e-30, ...(want ?? []).map(Math.abs));
  const off = [...(got ?? [])].map((x, i) => Math.abs(x - (want?.[i] ?? Number.NaN)) / scale);
  expect(
    off.every((x) => x <= 1e-5),
    `off by ${Math.max(...off)} of ${scale}`,
  ).toBe(true);
}
