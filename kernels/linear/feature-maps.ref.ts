import type { Reference, ReferenceContext } from '../../driver/reference.js';
import { lightning1Fwd } from '../lightning/lightning1.ref.js';

const at = (x: Float64Array | undefined, i: number): number => x?.[i] ?? 0;

/** The weight of the key in row j for the query in row t; `apart` = t - j >= 0 within head h. */
export type Weight = (row: number, keyRow: number, h: number, position: number, keyPosition: number) => number;

/** o_t = sum over j <= t of w_tj v_j / max(sum over j <= t of w_tj, eps), pair by pair, in f64. */
export function normalised(ctx: ReferenceContext, eps: number, weight: Weight): { o: Float64Array } {
  const { B = 0, H = 0, HK = H, N = 0, E = 0 } = ctx.dims;
  const o = new Float64Array(B * H * N * E);
  for (let bh = 0; bh < B * H; bh++) {
    const group = Math.floor(bh / H) * HK + Math.floor(((bh % H) * HK) / H);
    for (let t = 0; t < N; t++) {
      const weights = Array.from({ length: t + 1 }, (_, j) => weight(bh * N + t, group * N + j, bh % H, t, j));
      const total = Math.max(
        weights.reduce((a, b) => a + b, 0),
        eps,
      );
      for (let e = 0; e < E; e++)
        o[(bh * N + t) * E + e] = weights.reduce(
          (s, w, j) => s + (w / total) * at(ctx.inputs.v, (group * N + j) * E + e),
          0,
        );
    }
  }
  return { o };
}

export const common = {
  shape: { B: 1, H: 4, HK: ({ H = 0 }) => H, N: 200, D: 32, E: 32 },
  dtypes: { T: 'f32' },
  inputs: lightning1Fwd.inputs ?? {},
  scalars: { eps: 1e-6 },
  tokens: ({ B = 0, N = 0 }) => B * N,
} satisfies Partial<Reference>;

/** w_tj = exp(-slope (t - j)) phi(q_t) . phi(k_j). */
const elementwise = (phi: (x: number) => number): Reference => ({
  ...common,
  run(ctx) {
    const { q, k, slope } = ctx.inputs;
    const { D = 0 } = ctx.dims;
    return normalised(ctx, ctx.scalars.eps ?? 0, (row, keyRow, h, t, j) => {
      let sum = 0;
      for (let d = 0; d < D; d++) sum += phi(at(q, row * D + d)) * phi(at(k, keyRow * D + d));
      return ctx.options.decay ? sum * Math.exp(-at(slope, h) * (t - j)) : sum;
    });
  },
});

export const featureAttention: Reference = elementwise((x) => (x > 0 ? x + 1 : Math.exp(x)));
export const reluAttention: Reference = elementwise((x) => Math.max(x, 0));
