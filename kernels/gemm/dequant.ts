import {
  bf16,
  bitcast,
  cast,
  cdiv,
  col,
  dot,
  dtypes,
  expand,
  f16,
  f32,
  i32,
  idiv,
  input,
  iota,
  kernel,
  output,
  range,
  reshape,
  row,
  type Tile,
  u32,
  where,
  zeros,
} from '../../dsl/index.js';
import { farFromBestUnpacked } from './blocks.js';

const T = dtypes('T', f16, bf16);

/** fp8 e4m3fn in the low 8 bits to f32, by bits: exponent biased anew, subnormals through an exact product, 0x7f is NaN. */
function e4m3(x: Tile<'u32'>): Tile<'f32'> {
  const sign = (x & 128) << 24;
  const magnitude = x & 127;
  const normal = bitcast(sign | ((magnitude << 20) + (120 << 23)), f32);
  const small = cast(magnitude, f32) / 512;
  const subnormal = where(sign === 0, small, -small);
  return where(magnitude === 127, bitcast(magnitude | 0x7fc00000, f32), where(magnitude < 8, subnormal, normal));
}

/**
 * Matrix product with quantised weights: y = a (w scale), sums in f32.
 *
 * w holds four 8-bit values a word along K: word kk has k = 4 kk .. 4 kk + 3, the first in its low bits; two's complement,
 * or e4m3 with `fp8`. Every column has a scale for each block of QB rows.
 *
 * a [M, K]; w [K4, N], K4 = ceil(K / 4); scale [KB, N], KB = ceil(K / QB); y [M, N].
 */
export const dequantGemm = kernel(
  {
    args: {
      a: input(T, ['M', 'K']),
      w: input(u32, ['K4', 'N']),
      scale: input(f32, ['KB', 'N']),
      y: output(T, ['M', 'N']),
    },
    options: { fp8: false, QB: 32 },
    tune: { BM: [16, 64], BN: [64, 128, 32], BK: [32, 64], warps: [4, 8] },
    // On a CPU, where every program unpacks its weights at its own expense, all rows at once.
    prefer: ({ BM, BN, BK, warps, M, N, processors }) =>
      processors === 1 ? cdiv(M, BM) : farFromBestUnpacked({ BM, BN, BK, warps }, { M, N }, { processors }),
    grid: ({ M, N, BM, BN }) => ({ n: cdiv(N, BN), m: cdiv(M, BM) }),
  },
  ({ a, w, scale, y }, { K, BM, BN, BK, fp8, QB }, { n, m }) => {
    const shift = expand(row(cast(iota(4), u32)), 2) * 8;
    let acc = zeros([BM, BN], f32);
    for (const k of range(0, K, BK)) {
      const word = expand(w.load([idiv(k, 4), n * BN], [BK / 4, BN]), 1);
      const bytes = reshape((word >> shift) & 255, [BK, BN]);
      const value = fp8 ? e4m3(bytes) : cast((bitcast(bytes, i32) << 24) >> 24, f32);
      const s = scale.gather([idiv(col(k + iota(BK)), QB), row(n * BN + iota(BN))]);
      acc = dot(a.load([m * BM, k], [BM, BK]), cast(value * s, T), acc);
    }
    y.store([m * BM, n * BN], acc);
  },
);
export const dequantGemmFp8 = dequantGemm.with({ fp8: true });
