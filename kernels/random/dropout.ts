import {
  bf16,
  cast,
  cdiv,
  col,
  dtypes,
  f16,
  f32,
  input,
  iota,
  kernel,
  output,
  row,
  scalar,
  u32,
  where,
  zeros,
} from '../../dsl/index.js';
import { philox } from './philox.js';

const T = dtypes('T', f16, bf16);

/**
 * y = x / (1 - p) where the uniform number of an element is at least p, else 0.
 *
 * The random bits of element i, in row-major order, are the first word of Philox-4x32-10 with the counter (i, 0, 0, 0) and
 * the key (seed, 0); its uniform number is their upper 24 bits over 2^24. A backward pass makes the same ones again.
 *
 * x, y [M, N]; bits [M, N].
 */
export const dropout = kernel(
  {
    args: {
      x: input(T, ['M', 'N']),
      p: scalar(f32),
      seed: scalar(u32),
      y: output(T, ['M', 'N']),
      bits: output(u32, ['M', 'N']),
    },
    tune: { BM: [4, 8], BN: [128, 256], warps: [4] },
    grid: ({ M, N, BM, BN }) => ({ n: cdiv(N, BN), m: cdiv(M, BM) }),
  },
  ({ x, p, seed, y, bits }, { N, BM, BN }, { n, m }) => {
    const number = cast(col(m * BM + iota(BM)) * N + row(n * BN + iota(BN)), u32);
    const zero = zeros([BM, BN], u32);
    const [r] = philox([number, zero, zero, zero], [seed, cast(0, u32)]);
    const uniform = cast(r >>> 8, f32) / 16777216;
    y.store([m * BM, n * BN], where(uniform >= p, x.load([m * BM, n * BN], [BM, BN]) / (1 - p), 0));
    bits.store([m * BM, n * BN], r);
  },
);
