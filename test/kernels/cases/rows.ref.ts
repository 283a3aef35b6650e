import type { Reference } from '../../../driver/reference.js';

/** One row at a time: `f` maps the row to the row of the result. */
function rowwise(f: (row: Float64Array, inputs: Record<string, Float64Array>, eps: number) => Float64Array) {
  return (inputs: Record<string, Float64Array>, { M = 0, N = 0 }: Record<string, number>, eps = 0): Float64Array => {
    const x = inputs.x ?? new Float64Array(0);
    const y = new Float64Array(M * N);
    for (let m = 0; m < M; m++) y.set(f(x.subarray(m * N, (m + 1) * N), inputs, eps), m * N);
    return y;
  };
}

const softmaxRows = rowwise((row) => {
  const top = Math.max(...row);
  const weights = row.map((a) => Math.exp(a - top));
  const total = weights.reduce((a, b) => a + b, 0);
  return weights.map((w) => w / total);
});
export const softmax: Reference = {
  shape: { M: 37, N: 150 },
  run: ({ inputs, dims }) => ({ y: softmaxRows(inputs, dims) }),
};

const layerNormRows = rowwise((row, { gamma, beta }, eps) => {
  const mean = row.reduce((a, b) => a + b, 0) / row.length;
  const variance = row.reduce((a, b) => a + (b - mean) ** 2, 0) / row.length;
  return row.map((a, j) => ((a - mean) / Math.sqrt(variance + eps)) * (gamma?.[j] ?? 0) + (beta?.[j] ?? 0));
});
export const layerNorm: Reference = {
  shape: { M: 21, N: 100 },
  scalars: { eps: 1e-3 },
  run: ({ inputs, dims, scalars }) => ({ y: layerNormRows(inputs, dims, scalars.eps) }),
};

export const rowArgmax: Reference = {
  shape: { M: 37, N: 100 },
  run({ inputs: { x }, dims: { M = 0, N = 0 } }) {
    const best = Float64Array.from({ length: M }, (_, m) => {
      const row = x?.slice(m * N, (m + 1) * N) ?? new Float64Array(0);
      return row.indexOf(Math.max(...row));
    });
    return { best };
  },
};
