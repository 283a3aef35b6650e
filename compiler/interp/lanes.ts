import { sizeOf } from '../ir/types.js';

export function rowMajor(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let i = shape.length - 2; i >= 0; i--) strides[i] = (strides[i + 1] as number) * (shape[i + 1] as number);
  return strides;
}

/** For every lane of `shape` in row-major order, the sum of coordinate * stride. */
export function sourceIndex(shape: readonly number[], strides: readonly number[]): Int32Array {
  const index = new Int32Array(sizeOf(shape));
  for (let lane = 0; lane < index.length; lane++) {
    let rest = lane;
    let source = 0;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const extent = shape[axis] as number;
      source += (rest % extent) * (strides[axis] as number);
      rest = Math.floor(rest / extent);
    }
    index[lane] = source;
  }
  return index;
}
