import type { Reference } from '../../driver/reference.js';

export const faulty: Reference = {
  shape: { N: 4096 },
  run: ({ inputs: { x } }) => ({ y: (x ?? new Float64Array(0)).map((a) => 2 * a) }),
};
