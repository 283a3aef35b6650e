import type { InputContext, Reference, ReferenceContext } from '../../driver/reference.js';

const tokens = ({ M = 0 }: Readonly<Record<string, number>>): number => M;
const at = (x: Float64Array | undefined, i: number): number => x?.[i] ?? 0;

/** Mean and deviation of every row, in f64. */
export const layerNorm: Reference = {
  shape: { M: 500, K: 320 },
  dtypes: { T: 'f32' },
  tokens,
  scalars: { eps: 1e-5 },
  run({ inputs: { x, weight, bias }, dims: { M = 0, K = 0 }, scalars: { eps = 0 } }) {
    const [y, mean, rstd] = [new Float64Array(M * K), new Float64Array(M), new Float64Array(M)];
    for (let m = 0; m < M; m++) {
      const row = x?.subarray(m * K, (m + 1) * K) ?? y;
      const mu = row.reduce((s, v) => s + v, 0) / K;
      const r = 1 / Math.sqrt(row.reduce((s, v) => s + (v - mu) ** 2, 0) / K + eps);
      row.forEach((v, k) => {
        y[m * K + k] = (v - mu) * r * at(weight, k) + at(bias, k);
      });
      mean[m] = mu;
      rstd[m] = r;
    }
    return { y, mean, rstd };
  },
};

/**
 * The chain rule: y_k = h_k w_k with h_k = (x_k - mu) r, where mu and r are functions of every x_j: dh_k/dx_j =
 * r (delta_jk - 1/K) - h_k h_j r / K, whose sums over k are the same for all j. Weight and bias have sums over each of P
 * parts of the rows.
 */
function gradients(ctx: ReferenceContext, P: number) {
  const { M = 0, K = 0 } = ctx.dims;
  const { x, dy, weight, mean, rstd } = ctx.inputs;
  const dx = new Float64Array(M * K);
  const [dweights, dbiases] = [new Float64Array(P * K), new Float64Array(P * K)];
  const per = Math.max(1, Math.ceil(M / P));
  for (let m = 0; m < M; m++) {
    const h = Float64Array.from({ length: K }, (_, k) => (at(x, m * K + k) - at(mean, m)) * at(rstd, m));
    const part = Math.floor(m / per) * K;
    let [total, along] = [0, 0];
    for (let k = 0; k < K; k++) {
      const g = at(dy, m * K + k);
      dweights[part + k] = at(dweights, part + k) + g * at(h, k);
      dbiases[part + k] = at(dbiases, part + k) + g;
      total += g * at(weight, k);
      along += g * at(weight, k) * at(h, k);
    }
    for (let j = 0; j < K; j++) {
      const own = at(dy, m * K + j) * at(weight, j);
      dx[m * K + j] = at(rstd, m) * (own - (total + along * at(h, j)) / K);
    }
  }
  return { dx, dweights, dbiases };
}

/** Statistics of rows as they are usual: the formulas hold for whatever is given. */
const statistics: NonNullable<Reference['inputs']> = {
  mean: ({ shape: [M = 0], random }: InputContext) => Float64Array.from({ length: M }, () => 0.1 * random()),
  rstd: ({ shape: [M = 0], uniform }: InputContext) => Float64Array.from({ length: M }, () => 0.5 + uniform()),
};

export const layerNormBwdParts: Reference = {
  shape: { M: 50, K: 96, P: 8 },
  dtypes: { T: 'f32' },
  inputs: statistics,
  run: (ctx) => gradients(ctx, ctx.dims.P ?? 1),
};

export const layerNormBwd: Reference = {
  shape: { M: 150, K: 96 },
  dtypes: { T: 'f32' },
  tokens,
  inputs: statistics,
  run(ctx) {
    const { dx, dweights, dbiases } = gradients(ctx, 1);
    return { dx, dweight: dweights, dbias: dbiases };
  },
};

export const layerNormBwdAtomic: Reference = {
  ...layerNormBwd,
  run(ctx) {
    const { dx, dweights, dbiases } = gradients(ctx, 1);
    const { dweight, dbias } = ctx.inputs;
    return { dx, dweight: dweights.map((v, k) => v + at(dweight, k)), dbias: dbiases.map((v, k) => v + at(dbias, k)) };
  },
};

export const columnSums: Reference = {
  shape: { P: 30, K: 200 },
  run({ inputs: { parts }, dims: { P = 0, K = 0 } }) {
    const y = new Float64Array(K);
    for (let i = 0; i < P * K; i++) y[i % K] = at(y, i % K) + at(parts, i);
    return { y };
  },
};
