import {
  bf16,
  cdiv,
  dot,
  dtypes,
  f16,
  f32,
  input,
  kernel,
  output,
  range,
  type Tile,
  trans,
  zeros,
} from '../../../dsl/index.js';
import { silu } from './activations.js';

const T = dtypes('T', f32, f16, bf16);
type Epilogue = (x: Tile<'f32', ['BM', 'BN']>) => Tile<'f32', ['BM', 'BN']>;
const identity: Epilogue = (x) => x;

/** y = epilogue(a b), or a b^T with `bt` (b is then [N, K]): tails on every axis, accumulator operand. */
export const matmul = kernel(
  {
    args: { a: input(T, ['M', 'K']), b: input(T, ['K', 'N']), y: output(T, ['M', 'N']) },
    options: { epilogue: identity },
    tune: { BM: [32, 16], BN: [32, 64], BK: [32, 16], warps: [4] },
    grid: ({ M, N, BM, BN }) => ({ n: cdiv(N, BN), m: cdiv(M, BM) }),
  },
  ({ a, b, y }, { K, BM, BN, BK, epilogue }, { n, m }) => {
    let acc = zeros([BM, BN], f32);
    for (const k of range(0, K, BK)) {
      acc = dot(a.load([m * BM, k], [BM, BK]), b.load([k, n * BN], [BK, BN]), acc);
    }
    y.store([m * BM, n * BN], epilogue(acc));
  },
);

const activated: Epilogue = (x) => silu(x) * 2;
export const matmulSilu = matmul.with({ epilogue: activated });

/** The transposed operand, the transposed result stored, and `acc + dot`. */
export const matmulTransposed = kernel(
  {
    args: { a: input(T, ['M', 'K']), b: input(T, ['N', 'K']), yt: output(f32, ['N', 'M']) },
    tune: { BM: [32], BN: [16], BK: [32], warps: [2] },
    grid: ({ M, N, BM, BN }) => ({ m: cdiv(M, BM), n: cdiv(N, BN) }),
  },
  ({ a, b, yt }, { K, BM, BN, BK }, { n, m }) => {
    let acc = zeros([BM, BN], f32);
    for (const k of range(0, K, BK)) {
      acc = acc + dot(a.load([m * BM, k], [BM, BK]), trans(b.load([n * BN, k], [BN, BK])));
    }
    yt.store([n * BN, m * BM], trans(acc));
  },
);
