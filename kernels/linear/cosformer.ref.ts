import type { Reference } from '../../driver/reference.js';
import { common, normalised } from './feature-maps.ref.js';

const positive = (x: Float64Array | undefined, i: number): number => Math.max(x?.[i] ?? 0, 0);

/** w_tj = (relu(q_t) . relu(k_j)) cos(pi (t - j) / (2 longest)), pair by pair. */
export const cosformerFwd: Reference = {
  ...common,
  scalars: { eps: 1e-6, longest: ({ N = 1 }) => Math.max(1, N) },
  run(ctx) {
    const { q, k } = ctx.inputs;
    const { D = 0 } = ctx.dims;
    const { eps = 0, longest = 1 } = ctx.scalars;
    return normalised(ctx, eps, (row, keyRow, _h, t, j) => {
      let sum = 0;
      for (let d = 0; d < D; d++) sum += positive(q, row * D + d) * positive(k, keyRow * D + d);
      return sum * Math.cos((Math.PI * (t - j)) / (2 * longest));
    });
  },
};
