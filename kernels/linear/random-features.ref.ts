import type { Reference } from '../../driver/reference.js';
import { common, normalised } from './feature-maps.ref.js';

const at = (x: Float64Array | undefined, i: number): number => x?.[i] ?? 0;

/** Exponent of feature r of a row, of x times `scale`: w_r . x - |x|^2 / 2. */
function exponent(
  w: Float64Array | undefined,
  r: number,
  x: Float64Array | undefined,
  row: number,
  D: number,
  scale: number,
): number {
  let sum = 0;
  for (let d = 0; d < D; d++) {
    const value = at(x, row * D + d) * scale;
    sum += at(w, r * D + d) * value - (value * value) / 2;
  }
  return sum;
}

/** w_tj = phi(q_t) . phi(k_j) of positive random features, pair by pair. */
export const favorFwd: Reference = {
  ...common,
  shape: { ...common.shape, R: 32 },
  scalars: { scale: ({ D = 1 }) => D ** -0.25 },
  run(ctx) {
    const { q, k, w } = ctx.inputs;
    const { D = 0, R = 0 } = ctx.dims;
    const { scale = 1 } = ctx.scalars;
    return normalised(ctx, 0, (row, keyRow) => {
      let sum = 0;
      for (let r = 0; r < R; r++)
        sum += Math.exp(exponent(w, r, q, row, D, scale) + exponent(w, r, k, keyRow, D, scale));
      return sum;
    });
  },
};
