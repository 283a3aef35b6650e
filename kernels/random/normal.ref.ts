import type { Reference } from '../../driver/reference.js';
import { philoxWords } from './dropout.ref.js';

const uniform = (word = 0): number => (Math.floor(word / 256) + 0.5) * 2 ** -24;

export const normal: Reference = {
  shape: { N: 3001 },
  scalars: { seed: 42 },
  run({ dims: { N = 0 }, scalars: { seed = 0 } }) {
    const y = Float64Array.from({ length: N }, (_, i) => {
      const [a, b] = philoxWords([Math.floor(i / 2), 0, 0, 0], [seed, 0]);
      const angle = 2 * Math.PI * uniform(b);
      return Math.sqrt(-2 * Math.log(uniform(a))) * (i % 2 === 0 ? Math.cos(angle) : Math.sin(angle));
    });
    return { y };
  },
};
