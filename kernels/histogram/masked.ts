import {
  bf16,
  cast,
  cdiv,
  dtypes,
  f16,
  f32,
  floor,
  i32,
  inout,
  input,
  iota,
  kernel,
  scalar,
  u32,
} from '../../dsl/index.js';

const T = dtypes('T', f32, f16, bf16);

/**
 * Histogram of the elements that a mask keeps: bin k counts lo + k w <= x < lo + (k + 1) w, with w = (hi - lo) / K, by
 * atomic additions. Elements below lo, from hi on, or NaN count nowhere. With `weighted`, `total` gets their weights.
 *
 * x, weight [N]; keep [N], an element counts where it is not 0; lo < hi; count, total [K] are added to.
 */
export const maskedHistogram = kernel(
  {
    args: {
      x: input(T, ['N']),
      keep: input(i32, ['N']),
      weight: input(f32, ['N']),
      lo: scalar(f32),
      hi: scalar(f32),
      count: inout(u32, ['K']),
      total: inout(f32, ['K']),
    },
    options: { weighted: false },
    tune: { BN: [1024, 256], warps: [4] },
    grid: ({ N, BN }) => ({ n: cdiv(N, BN) }),
  },
  ({ x, keep, weight, lo, hi, count, total }, { N, K, BN, weighted }, { n }) => {
    const i = n * BN + iota(BN);
    const t = cast(x.load([n * BN], [BN]), f32);
    const kept = i < N && keep.load([n * BN], [BN]) !== 0 && t >= lo && t < hi;
    const bin = cast(floor(((t - lo) / (hi - lo)) * K), i32);
    count.scatterAdd([bin], 1, { mask: kept });
    if (weighted) total.scatterAdd([bin], weight.load([n * BN], [BN]), { mask: kept });
  },
);
export const weightedHistogram = maskedHistogram.with({ weighted: true });
