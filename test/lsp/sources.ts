/** Sources for the tests of the language server; they lie in scratch folders, so they import the package by name. */

export const HELPER = `import { col, exp } from 'lac';

export function decayed(x, s) {
  const w = exp(s);
  return x * col(w);
}
`;

export const KERNEL = `import { cdiv, cast, dot, dtypes, f16, f32, input, iota, kernel, output, range, trans, zeros } from 'lac';
import { decayed } from './decay.js';

const T = dtypes('T', f32, f16);

/** y = (decay x) x^T, in blocks */
export const gram = kernel(
  {
    args: { x: input(T, ['N', 'D']), y: output(f32, ['N', 'N']) },
    comptime: ['D'],
    options: { halved: false },
    tune: { BM: [32, 64], BN: [16, 32], BD: [8, 16] },
    grid: ({ N, BM, BN }) => ({ n: cdiv(N, BN), m: cdiv(N, BM) }),
  },
  ({ x, y }, { D, BM, BN, BD, halved }, { m, n }) => {
    const rows = m * BM;
    const s = cast(iota(BM), f32) * -0.5;
    let acc = zeros([BM, BN], f32);
    for (const d of range(0, D, BD)) {
      const a = x.load([rows, d], [BM, BD]);
      const b = x.load([n * BN, d], [BN, BD]);
      acc = acc + dot(decayed(cast(a, f32), s), trans(cast(b, f32)));
    }
    const scaled = halved ? acc * 0.5 : acc;
    y.store([rows, n * BN], scaled);
  },
);
`;
