import {
  all,
  bf16,
  cast,
  cdiv,
  col,
  dot,
  dtypes,
  erf,
  expand,
  f16,
  f32,
  i32,
  idiv,
  input,
  iota,
  kernel,
  max,
  minimum,
  output,
  range,
  reshape,
  row,
  sum,
  trans,
  where,
  zeros,
} from '../../../dsl/index.js';

const T = dtypes('T', f32, bf16, f16);

/** Both operands transposed, bias, gelu, residual; row maxima and column sums of each block as partial outputs. */
export const epilogue = kernel(
  {
    args: {
      a: input(T, ['K', 'M']),
      b: input(T, ['N', 'K']),
      bias: input(f32, ['N']),
      residual: input(T, ['M', 'N']),
      y: output(T, ['M', 'N']),
      top: output(f32, ['M', 'Blocks']),
      columns: output(f32, ['Blocks', 'N']),
    },
    tune: { BM: [32, 48], BN: [32, 8], BK: [16, 24], warps: [4, 1, 8], stages: [2, 1, 4] },
    grid: ({ Blocks }) => ({ n: Blocks, m: Blocks }),
  },
  ({ a, b, bias, residual, y, top, columns }, { M, N, K, Blocks, BM, BN, BK }, { n, m }) => {
    // Each program walks over the blocks that are left over where there are more than programs.
    for (const m0 of range(m * BM, M, Blocks * BM))
      for (const n0 of range(n * BN, N, Blocks * BN)) {
        let acc = zeros([BM, BN], f32);
        for (const k of range(0, K, BK)) acc += dot(trans(a.load([k, m0], [BK, BM])), trans(b.load([n0, k], [BN, BK])));
        const x = acc + row(bias.load([n0], [BN]));
        const g = x * 0.5 * (1 + erf(x * Math.SQRT1_2)) + residual.load([m0, n0], [BM, BN]);
        y.store([m0, n0], g);
        if (m0 < BM && n0 < BN) {
          top.at(all, n).store([m0], max(where(row(n0 + iota(BN)) < N, g, -Infinity), 1));
          columns.at(m).store([n0], sum(where(col(m0 + iota(BM)) < M, g, 0), 0));
        }
      }
  },
);

/** Weights of 4 bits, eight in a word, with a scale for 64 of them. */
export const fourBits = kernel(
  {
    args: {
      a: input(T, ['M', 'K']),
      w: input(i32, ['Words', 'N']),
      scale: input(T, ['Groups', 'N']),
      y: output(T, ['M', 'N']),
    },
    tune: { BM: [16, 32], BN: [32, 64], warps: [4, 1, 8], stages: [2, 1, 3] },
    grid: ({ M, N, BM, BN }) => ({ n: cdiv(N, BN), m: cdiv(M, BM) }),
  },
  ({ a, w, scale, y }, { K, BM, BN }, { n, m }) => {
    let acc = zeros([BM, BN], f32);
    for (const k of range(0, K, 64)) {
      const words = w.load([idiv(k, 8), n * BN], [8, BN]);
      const nibbles = (expand(words, 1) >> expand(col(iota(8) * 4), 0)) & 15; // [8, 8, BN]
      const s = scale.at(idiv(k, 64)).load([n * BN], [BN]);
      const weights = cast(reshape(nibbles, [64, BN]) - 8, f32) * row(cast(s, f32));
      acc = dot(a.load([m * BM, k], [BM, 64]), cast(weights, T), acc);
    }
    y.store([m * BM, n * BN], acc);
  },
);

/** Layer norm backward: rows in a loop, folds along both axes of the same tiles, sums over rows a program. */
export const layerNormBwd = kernel(
  {
    args: {
      x: input(T, ['M', 'N']),
      dy: input(T, ['M', 'N']),
      w: input(T, ['N']),
      mean: input(f32, ['M']),
      rstd: input(f32, ['M']),
      dx: output(T, ['M', 'N']),
      dw: output(f32, ['P', 'N']),
      db: output(f32, ['P', 'N']),
    },
    comptime: ['N'],
    tune: { BM: [4, 16, 1], warps: [4, 1, 8], stages: [2, 1] },
    grid: ({ P }) => ({ p: P }),
  },
  ({ x, dy, w, mean, rstd, dx, dw, db }, { M, N, P, BM }, { p }) => {
    const rows = cdiv(cdiv(M, BM), P) * BM;
    const weight = row(cast(w.load([0], [N]), f32));
    let sumW = zeros([N], f32);
    let sumB = zeros([N], f32);
    for (const m of range(p * rows, minimum(M, (p + 1) * rows), BM)) {
      const r = col(rstd.load([m], [BM]));
      const xh = (cast(x.load([m, 0], [BM, N]), f32) - col(mean.load([m], [BM]))) * r;
      const g = cast(dy.load([m, 0], [BM, N]), f32);
      sumW += sum(g * xh, 0);
      sumB += sum(g, 0);
      const gw = g * weight;
      const along = sum(gw * xh, 1) / N;
      dx.store([m, 0], (gw - xh * col(along) - col(sum(gw, 1) / N)) * r);
    }
    dw.at(p).store([0], sumW);
    db.at(p).store([0], sumB);
  },
);
