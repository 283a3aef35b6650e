import type { Reference } from '../../../driver/reference.js';

export const double: Reference = {
  shape: { M: 3, N: 300 },
  run: ({ inputs: { x } }) => ({ y: (x ?? new Float64Array(0)).map((a) => 2 * a) }),
};

export const halves: Reference = {
  shape: { N: 30, P: 15 },
  run: ({ inputs: { x = new Float64Array(0) }, dims: { N = 0, P = 0 } }) => ({
    y: Float64Array.from({ length: P }, (_, i) => (x[i] ?? 0) + (x[N - P + i] ?? 0)),
  }),
};
