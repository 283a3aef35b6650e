import {
  bf16,
  cdiv,
  dot,
  dtypes,
  f16,
  f32,
  i32,
  input,
  kernel,
  minimum,
  output,
  range,
  zeros,
} from '../../dsl/index.js';

const T = dtypes('T', f32, f16, bf16);

/**
 * Products of groups of rows with their own matrices, as of experts: rows begin_g <= m < end_g of y are those of a times w_g,
 * where begin and end stand in memory. A group may be empty; rows of none keep what y holds.
 *
 * One of P programs a group and block of columns walks over every P-th block of rows.
 *
 * a [M, K]; w [G, K, N]; offset [G1], G1 = G + 1, ascending, group g is offset_g <= m < offset_{g+1}; y [M, N].
 */
export const groupedGemm = kernel(
  {
    args: {
      a: input(T, ['M', 'K']),
      w: input(T, ['G', 'K', 'N']),
      offset: input(i32, ['G1']),
      y: output(T, ['M', 'N']),
    },
    tune: { BM: [64, 32, 16], BN: [64, 32], BK: [32, 16], P: [4, 1], warps: [4, 2], stages: [2, 1] },
    // On a CPU, no more rows at once than a group has on average.
    prefer: ({ BM, M, G, processors }) => (processors === 1 ? Math.max(BM, cdiv(M, G)) : 0),
    grid: ({ G, N, BN, P }) => ({ n: cdiv(N, BN), p: P, g: G }),
  },
  ({ a, w, offset, y }, { M, K, BM, BN, BK, P }, { n, p, g }) => {
    const begin = offset.get(g);
    const end = minimum(offset.get(g + 1), M);
    const own = a.slice(begin, end);
    const out = y.slice(begin, end);
    for (const m of range(p * BM, end - begin, P * BM)) {
      let acc = zeros([BM, BN], f32);
      for (const k of range(0, K, BK)) acc = dot(own.load([m, k], [BM, BK]), w.at(g).load([k, n * BN], [BK, BN]), acc);
      out.store([m, n * BN], acc);
    }
  },
);
