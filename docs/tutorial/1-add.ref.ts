import type { Reference } from 'lac';

export const add: Reference = {
  shape: { N: 100_003 },
  run: ({ inputs: { x, y } }) => {
    if (!x || !y) throw new Error('add: x and y are needed');
    return { z: x.map((a, i) => a + (y[i] ?? 0)) };
  },
};
