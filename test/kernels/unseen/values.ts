/** Row-major values with their shape: what references of several axes read and write. */
export class Values {
  readonly shape: readonly number[];
  readonly data: Float64Array;

  constructor(shape: readonly number[], data?: Float64Array) {
    this.shape = shape;
    this.data = data ?? new Float64Array(shape.reduce((n, x) => n * x, 1));
  }

  #offset(index: readonly number[]): number {
    return this.shape.reduce((offset, extent, axis) => offset * extent + (index[axis] ?? 0), 0);
  }
  at(...index: number[]): number {
    return this.data[this.#offset(index)] ?? Number.NaN;
  }
  put(value: number, ...index: number[]): void {
    this.data[this.#offset(index)] = value;
  }
  add(value: number, ...index: number[]): void {
    this.put(this.at(...index) + value, ...index);
  }
}

/** The sum of f(i) over 0 <= i < n. */
export function total(n: number, f: (i: number) => number): number {
  let sum = 0;
  for (let i = 0; i < n; i++) sum += f(i);
  return sum;
}

/** 0, 1, ... n - 1. */
export const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** A tensor whose element at an index is f(index). */
export function tabulate(shape: readonly number[], f: (...index: number[]) => number): Float64Array {
  const out = new Values(shape);
  const visit = (index: readonly number[]): void => {
    const extent = shape[index.length];
    if (extent === undefined) out.put(f(...index), ...index);
    else for (let i = 0; i < extent; i++) visit([...index, i]);
  };
  visit([]);
  return out.data;
}
