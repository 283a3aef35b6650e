import {
  bf16,
  cast,
  cdiv,
  col,
  dot,
  dtypes,
  exp,
  f16,
  f32,
  full,
  i32,
  idiv,
  input,
  iota,
  kernel,
  log,
  max,
  maximum,
  minimum,
  output,
  range,
  row,
  type Scalar,
  scalar,
  sum,
  type Tile,
  tanh,
  trans,
  where,
  zeros,
} from '../../../dsl/index.js';

const T = dtypes('T', f32, bf16, f16);
type Scores = Tile<'f32', ['BQ', 'BK']>;
type Score = (s: Scores, i: Tile<'i32', ['BQ', 1]>, j: Tile<'i32', [1, 'BK']>, p: Scalar<'f32'>) => Scores;
const plain: Score = (s) => s;
const alibi: Score = (s, i, j, p) => s - p * (i - j);
const softcap: Score = (s, _i, _j, p) => tanh(s / (p * 8)) * (p * 8);

/** One step of the running softmax: weights, new maximum and sum, and what the old ones are worth. */
function step<A, B>(s: Tile<'f32', [A, B]>, m: Tile<'f32', [A]>, l: Tile<'f32', [A]>) {
  const top = maximum(m, max(s, 1));
  const shift = where(top === -Infinity, 0, top);
  const weights = exp(s - col(shift));
  const alpha = exp(m - shift);
  return { weights, top, alpha, sum: l * alpha + sum(weights, 1) };
}

/** Causal attention of grouped queries inside a sliding window, with a score function and a sink a head. */
export const slidingWindow = kernel(
  {
    args: {
      q: input(T, ['B', 'Hq', 'N', 'D']),
      k: input(T, ['B', 'Hk', 'N', 'D']),
      v: input(T, ['B', 'Hk', 'N', 'E']),
      sink: input(f32, ['Hq']),
      p: input(f32, ['Hq']),
      G: scalar(i32),
      W: scalar(i32),
      o: output(T, ['B', 'Hq', 'N', 'E']),
      lse: output(f32, ['B', 'Hq', 'N']),
    },
    comptime: ['D', 'E'],
    options: { score: plain, sinks: false, windowed: true },
    tune: { BQ: [16, 24], BK: [16, 48], warps: [2] },
    tuneKey: ({ N }) => [cdiv(N, 1024)],
    grid: ({ B, Hq, N, BQ }) => ({ n: cdiv(N, BQ), h: Hq, b: B }),
  },
  ({ q, k, v, sink, p, G, W, o, lse }, { N, D, E, BQ, BK, score, sinks, windowed }, { n, h, b }) => {
    const K = k.at(b, idiv(h, G));
    const V = v.at(b, idiv(h, G));
    const first = n * BQ;
    const qi = q.at(b, h).load([first, 0], [BQ, D]);
    const i = col(first + iota(BQ));
    let m = full([BQ], -Infinity, f32);
    let l = zeros([BQ], f32);
    let acc = zeros([BQ, E], f32);
    if (sinks) {
      m = zeros([BQ], f32) + sink.get(h);
      l = l + 1;
    }
    const from = windowed ? maximum(first - W + 1, 0) : 0;
    for (const j0 of range(idiv(from, BK) * BK, minimum(first + BQ, N), BK)) {
      const j = row(j0 + iota(BK));
      let s = score(dot(qi, trans(K.load([j0, 0], [BK, D]))) * (1 / Math.sqrt(D)), i, j, p.get(h));
      if (windowed) s = where(j <= i && i - j < W && j < N, s, -Infinity);
      else s = where(j <= i && j < N, s, -Infinity);
      const next = step(s, m, l);
      acc = acc * col(next.alpha) + dot(cast(next.weights, T), V.load([j0, 0], [BK, E]));
      m = next.top;
      l = next.sum;
    }
    o.at(b, h).store([first, 0], acc / col(l));
    lse.at(b, h).store([first], m + where(l > 0, log(l), 0));
  },
);
export const alibiWindow = slidingWindow.with({ score: alibi, sinks: true });
export const cappedCausal = slidingWindow.with({ score: softcap, windowed: false });
