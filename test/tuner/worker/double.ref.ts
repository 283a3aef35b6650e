import type { Reference } from '../../../driver/reference.js';

export const double: Reference = {
  shape: { M: 3, N: 300 },
  run: ({ inputs: { x } }) => ({ y: (x ?? new Float64Array(0)).map((a) => 2 * a) }),
};
