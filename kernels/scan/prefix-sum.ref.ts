import type { Reference } from '../../driver/reference.js';

/** Runs of `per` sums. A sum of integers fits into 32 bits here: inputs are small. */
const running = (x: Float64Array | undefined, N: number): Float64Array => {
  let total = 0;
  return Float64Array.from(x ?? [], (v, i) => {
    total = i % N === 0 ? v : total + v;
    return total;
  });
};

export const prefixSum: Reference = {
  shape: { M: 3, N: 3000 },
  run: ({ inputs: { x }, dims: { N = 1 } }) => ({ y: running(x, N) }),
};
export const longPrefixSum: Reference = { ...prefixSum, shape: { M: 2, N: 10000 } };

const totals = (
  x: Float64Array | undefined,
  { M = 0, N = 0, G = 1 }: Readonly<Record<string, number>>,
): Float64Array => {
  const per = Math.ceil(N / G);
  const total = new Float64Array(M * G);
  x?.forEach((v, i) => {
    const part = Math.floor(i / N) * G + Math.floor((i % N) / per);
    total[part] = (total[part] ?? 0) + v;
  });
  return total;
};

export const partSums: Reference = {
  shape: { M: 2, N: 1000, G: 5 },
  run: ({ inputs: { x }, dims }) => ({ total: totals(x, dims) }),
};

export const partPrefixSums: Reference = {
  shape: { M: 2, N: 1000, G: 5 },
  run({ inputs: { x, total }, dims: { N = 1, G = 1 } }) {
    const per = Math.ceil(N / G);
    let sum = 0;
    const y = Float64Array.from(x ?? [], (v, i) => {
      const [m, n] = [Math.floor(i / N), i % N];
      if (n % per === 0)
        sum = (total ?? new Float64Array(0)).subarray(m * G, m * G + n / per).reduce((a, b) => a + b, 0);
      sum += v;
      return sum;
    });
    return { y };
  },
};
