import {
  cast,
  cdiv,
  cumsum,
  dtypes,
  f32,
  i32,
  input,
  kernel,
  minimum,
  output,
  plan,
  range,
  sum,
  temp,
  u32,
  zeros,
} from '../../dsl/index.js';

const T = dtypes('T', f32, i32, u32);

/**
 * Inclusive prefix sums of rows: y_n = x_0 + ... + x_n. One program a row, in blocks, with the total carried; integers wrap.
 *
 * x, y [M, N].
 */
export const prefixSum = kernel(
  {
    args: { x: input(T, ['M', 'N']), y: output(T, ['M', 'N']) },
    tune: { BN: [1024, 64], warps: [4, 1] },
    prune: ({ BN, warps }) => BN >= 64 * warps,
    grid: ({ M }) => ({ m: M }),
  },
  ({ x, y }, { N, BN }, { m }) => {
    let before = cast(0, T);
    for (const n of range(0, N, BN)) {
      const t = x.at(m).load([n], [BN]);
      y.at(m).store([n], before + cumsum(t, 0));
      before += sum(t, 0);
    }
  },
);

/** Sum of each part of a row: part g of G holds columns g per <= n < (g + 1) per, per = ceil(N / G). x [M, N]; total [M, G]. */
export const partSums = kernel(
  {
    args: { x: input(T, ['M', 'N']), total: output(T, ['M', 'G']) },
    tune: { BN: [1024, 64], warps: [4, 1] },
    prune: ({ BN, warps }) => BN >= 64 * warps,
    // On a CPU, few elements beyond the end of a part, and few turns, which cost as much as so many.
    prefer: ({ BN, N, G, processors }) => (processors === 1 ? cdiv(cdiv(N, G), BN) * (BN + 128) : 0),
    grid: ({ M, G }) => ({ g: G, m: M }),
  },
  ({ x, total }, { N, G, BN }, { m, g }) => {
    const per = cdiv(N, G);
    const part = x.at(m).slice(g * per, (g + 1) * per);
    let all = zeros([BN], T);
    for (const n of range(0, minimum(per, N - g * per), BN)) all += part.load([n], [BN]);
    total.scatter([m, g], sum(all, 0));
  },
);

/** Prefix sums of each part of a row, from the totals of the parts before it. x, y [M, N]; total [M, G], G <= 64. */
export const partPrefixSums = kernel(
  {
    args: { x: input(T, ['M', 'N']), total: input(T, ['M', 'G']), y: output(T, ['M', 'N']) },
    tune: { BN: [1024, 64], warps: [4, 1] },
    prune: ({ BN, warps }) => BN >= 64 * warps,
    prefer: ({ BN, N, G, processors }) => (processors === 1 ? cdiv(cdiv(N, G), BN) * (BN + 128) : 0),
    grid: ({ M, G }) => ({ g: G, m: M }),
  },
  ({ x, total, y }, { N, G, BN }, { m, g }) => {
    const per = cdiv(N, G);
    const part = x.at(m).slice(g * per, (g + 1) * per);
    const out = y.at(m).slice(g * per, (g + 1) * per);
    let before = sum(total.at(m).slice(0, g).load([0], [64]), 0);
    for (const n of range(0, minimum(per, N - g * per), BN)) {
      const t = part.load([n], [BN]);
      out.store([n], before + cumsum(t, 0));
      before += sum(t, 0);
    }
  },
);

/** Inclusive prefix sums of rows so long that one program would be slow: sums of G parts, then each part on its own. x, y [M, N]. */
export const longPrefixSum = plan(
  {
    args: { x: input(T, ['M', 'N']), y: output(T, ['M', 'N']) },
    tune: { G: [64, 32, 8] },
    tuneKey: ({ M, N }) => [M, N],
    temps: ({ M, G }) => ({ total: temp(T, [M, G]) }),
  },
  ({ x, y, total }, _sizes, run) => {
    run(partSums, { x, total });
    run(partPrefixSums, { x, total, y });
  },
);
