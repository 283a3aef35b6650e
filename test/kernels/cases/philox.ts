import { all, cdiv, input, kernel, output, scalar, u32 } from '../../../dsl/index.js';
import { philox } from '../../../kernels/random/philox.js';

/** The random words of each counter, under one key. counter, words [N, 4]. */
export const philoxWords = kernel(
  {
    args: { counter: input(u32, ['N', 'W']), k0: scalar(u32), k1: scalar(u32), words: output(u32, ['N', 'W']) },
    tune: { C: [32], warps: [1] },
    grid: ({ N, C }) => ({ n: cdiv(N, C) }),
  },
  ({ counter, k0, k1, words }, { C }, { n }) => {
    const word = (i: number) => counter.at(all, i).load([n * C], [C]);
    const [w0, w1, w2, w3] = philox([word(0), word(1), word(2), word(3)], [k0, k1]);
    words.at(all, 0).store([n * C], w0);
    words.at(all, 1).store([n * C], w1);
    words.at(all, 2).store([n * C], w2);
    words.at(all, 3).store([n * C], w3);
  },
);
