import {
  bf16,
  cast,
  cdiv,
  col,
  dtypes,
  f16,
  f32,
  inout,
  input,
  iota,
  kernel,
  minimum,
  output,
  plan,
  range,
  row,
  rsqrt,
  type Scalar,
  scalar,
  sum,
  type Tile,
  temp,
  where,
  zeros,
} from '../../dsl/index.js';
import { doublings, up, WEBGPU_BYTES, within } from '../blocks.js';
import { rowsOfProgram } from './rows.js';

const T = dtypes('T', f32, f16, bf16);

/**
 * Layer normalisation: y = (x - mean) rstd weight + bias, rstd = (variance + eps)^-1/2, over each row. The variance is the
 * mean of squared deviations, taken after the mean: no cancellation where the mean is large.
 *
 * x, y [M, K]; weight, bias [K]; eps > 0, in units of x^2; mean, rstd [M], kept for the backward pass.
 * Source: Ba, Kiros and Hinton 2016, "Layer Normalization", arXiv 1607.06450, equation 4.
 */
export const layerNorm = kernel(
  {
    args: {
      x: input(T, ['M', 'K']),
      weight: input(T, ['K']),
      bias: input(T, ['K']),
      eps: scalar(f32),
      y: output(T, ['M', 'K']),
      mean: output(f32, ['M']),
      rstd: output(f32, ['M']),
    },
    comptime: ['K'],
    tune: { BM: [4, 8, 2, 1], warps: [4, 8, 2, 1] },
    prune: ({ BM, K, warps }) => BM * K <= 64 * 32 * warps || (BM === 1 && warps === 8),
    grid: ({ M, BM }) => ({ m: cdiv(M, BM) }),
  },
  ({ x, weight, bias, eps, y, mean, rstd }, { K, BM }, { m }) => {
    const t = cast(x.load([m * BM, 0], [BM, K]), f32);
    const mu = sum(t, 1) / K;
    const d = t - col(mu);
    const r = rsqrt(sum(d * d, 1) / K + eps);
    y.store([m * BM, 0], d * col(r) * row(cast(weight.load([0], [K]), f32)) + row(cast(bias.load([0], [K]), f32)));
    mean.store([m * BM], mu);
    rstd.store([m * BM], r);
  },
);

interface Rows {
  readonly dx: Tile<'f32', ['BM', 'K']>;
  readonly dweight: Tile<'f32', ['K']>;
  readonly dbias: Tile<'f32', ['K']>;
}

/** Gradients of BM rows: with h = (x - mean) rstd and g = dy weight, dx = (g - mean(g) - h mean(g h)) rstd. */
function backward(
  x: Tile<'f32', ['BM', 'K']>,
  dy: Tile<'f32', ['BM', 'K']>,
  weight: Tile<'f32', ['K']>,
  mean: Tile<'f32', ['BM']>,
  rstd: Tile<'f32', ['BM']>,
  K: Scalar<'i32'>,
): Rows {
  const h = (x - col(mean)) * col(rstd);
  const g = dy * row(weight);
  const dx = (g - col(sum(g, 1) / K) - h * col(sum(g * h, 1) / K)) * col(rstd);
  return { dx, dweight: sum(dy * h, 0), dbias: sum(dy, 0) };
}

/**
 * Gradients of `layerNorm`; those of weight and bias are added to what `dweight` and `dbias` hold, by atomics, one addition
 * a program and column. Their last bits differ between runs; `layerNormBwd` is the form whose bits do not.
 *
 * x, dy, dx [M, K]; weight, dweight, dbias [K]; mean, rstd [M] as of the forward pass.
 */
export const layerNormBwdAtomic = kernel(
  {
    args: {
      x: input(T, ['M', 'K']),
      dy: input(T, ['M', 'K']),
      weight: input(T, ['K']),
      mean: input(f32, ['M']),
      rstd: input(f32, ['M']),
      dx: output(T, ['M', 'K']),
      dweight: inout(f32, ['K']),
      dbias: inout(f32, ['K']),
    },
    comptime: ['K'],
    // Programs share the rows: each adds once a column, since all of them add to the same places. Through WebGPU, which adds f32
    // by compare and exchange, as many as each has rows: the best of those timed with 64, 1024 and 16384 rows.
    tune: { P: [128, 32, 8, 512], BM: [4, 8, 2, 1], warps: [4, 8, 2], stages: [2, 1] },
    prune: ({ BM, K, warps }) => BM * K <= 16 * 32 * warps || (BM === 1 && warps === 8),
    prefer: ({ P, BM, M, K, processors, sharedBytes }) =>
      processors === 1
        ? cdiv(cdiv(M, P), BM) * P + P
        : doublings(
            P,
            within(
              8,
              sharedBytes <= WEBGPU_BYTES ? 2 ** (Math.log2(M) / 2) : up(cdiv(M, 2 * rowsOfProgram(K))),
              processors,
            ),
          ) + doublings(BM, rowsOfProgram(sharedBytes <= WEBGPU_BYTES ? K : 2 * K)),
    grid: ({ P }) => ({ p: P }),
  },
  ({ x, dy, weight, mean, rstd, dx, dweight, dbias }, { M, K, P, BM }, { p }) => {
    const per = cdiv(M, P);
    const w = cast(weight.load([0], [K]), f32);
    let ofWeight = zeros([K], f32);
    let ofBias = zeros([K], f32);
    const end = minimum(M, (p + 1) * per);
    for (const m of range(p * per, end, BM)) {
      const inside = col(m + iota(BM)) < end;
      const rows = backward(
        cast(x.load([m, 0], [BM, K]), f32),
        where(inside, cast(dy.load([m, 0], [BM, K]), f32), 0),
        w,
        mean.load([m], [BM]),
        rstd.load([m], [BM]),
        K,
      );
      dx.store([m, 0], rows.dx, { mask: inside });
      ofWeight += rows.dweight;
      ofBias += rows.dbias;
    }
    dweight.atomicAdd([0], ofWeight);
    dbias.atomicAdd([0], ofBias);
  },
);

/** Gradients of part p of P of the rows: dx, and this part's sums for weight and bias. dweights, dbiases [P, K]. */
export const layerNormBwdParts = kernel(
  {
    args: {
      x: input(T, ['M', 'K']),
      dy: input(T, ['M', 'K']),
      weight: input(T, ['K']),
      mean: input(f32, ['M']),
      rstd: input(f32, ['M']),
      dx: output(T, ['M', 'K']),
      dweights: output(f32, ['P', 'K']),
      dbiases: output(f32, ['P', 'K']),
    },
    comptime: ['K'],
    tune: { BM: [4, 8, 2, 1], warps: [4, 8, 2], stages: [2, 1] },
    prune: ({ BM, K, warps }) => BM * K <= 16 * 32 * warps || (BM === 1 && warps === 8),
    // On a CPU, few turns.
    prefer: ({ BM, M, K, P, processors }) =>
      processors === 1 ? cdiv(cdiv(M, P), BM) : doublings(BM, rowsOfProgram(K)),
    grid: ({ P }) => ({ p: P }),
  },
  ({ x, dy, weight, mean, rstd, dx, dweights, dbiases }, { M, K, P, BM }, { p }) => {
    const per = cdiv(M, P);
    const w = cast(weight.load([0], [K]), f32);
    let dweight = zeros([K], f32);
    let dbias = zeros([K], f32);
    const end = minimum(M, (p + 1) * per);
    for (const m of range(p * per, end, BM)) {
      const inside = col(m + iota(BM)) < end;
      const rows = backward(
        cast(x.load([m, 0], [BM, K]), f32),
        where(inside, cast(dy.load([m, 0], [BM, K]), f32), 0),
        w,
        mean.load([m], [BM]),
        rstd.load([m], [BM]),
        K,
      );
      dx.store([m, 0], rows.dx, { mask: inside });
      dweight += rows.dweight;
      dbias += rows.dbias;
    }
    dweights.at(p).store([0], dweight);
    dbiases.at(p).store([0], dbias);
  },
);

/** Sums of columns, in an order that does not change: y_k = sum over p of parts_pk. parts [P, K]; y [K]. */
export const columnSums = kernel(
  {
    args: { parts: input(f32, ['P', 'K']), y: output(f32, ['K']) },
    tune: { BP: [16], BK: [64], warps: [4] },
    grid: ({ K, BK }) => ({ k: cdiv(K, BK) }),
  },
  ({ parts, y }, { P, BP, BK }, { k }) => {
    let total = zeros([BK], f32);
    for (const p of range(0, P, BP)) total += sum(parts.load([p, k * BK], [BP, BK]), 0);
    y.store([k * BK], total);
  },
);

/**
 * Gradients of `layerNorm` in three launches: P programs walk over the rows and sum what is for weight and bias, then those
 * sums are added up. Equal inputs give equal bits.
 *
 * x, dy, dx [M, K]; weight, dweight, dbias [K]; mean, rstd [M] as of the forward pass.
 */
export const layerNormBwd = plan(
  {
    args: {
      x: input(T, ['M', 'K']),
      dy: input(T, ['M', 'K']),
      weight: input(T, ['K']),
      mean: input(f32, ['M']),
      rstd: input(f32, ['M']),
      dx: output(T, ['M', 'K']),
      dweight: output(f32, ['K']),
      dbias: output(f32, ['K']),
    },
    tune: { P: [128, 32, 8, 512] },
    tuneKey: ({ M }) => [M],
    temps: ({ K, P }) => ({ dweights: temp(f32, [P, K]), dbiases: temp(f32, [P, K]) }),
  },
  ({ x, dy, weight, mean, rstd, dx, dweight, dbias, dweights, dbiases }, _sizes, run) => {
    run(layerNormBwdParts, { x, dy, weight, mean, rstd, dx, dweights, dbiases });
    run(columnSums, { parts: dweights, y: dweight });
    run(columnSums, { parts: dbiases, y: dbias });
  },
);
