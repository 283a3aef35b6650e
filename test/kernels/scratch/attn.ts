import { bf16, cast, cdiv, col, dot, dtypes, exp, f16, f32, full, i32, idiv, input, iota, kernel, max, maximum, minimum, output, range, row, scalar, sum, trans, where, zeros, type Scalar, type Tile } from '../../../dsl/index.js';
import { softcap, step } from './shared.js';

const T = dtypes('T', f32, bf16, f16);
type Score = (s: Tile<'f32', ['BQ', 'BK']>, i: Tile<'i32', ['BQ', 1]>, j: Tile<'i32', [1, 'BK']>, p: Scalar<'f32'>) => Tile<'f32', ['BQ', 'BK']>;
const plain: Score = (s) => s;

/** Sliding window GQA attention with sinks and a score function. */
export const window = kernel({
  args: {
    q: input(T, ['B', 'Hq', 'N', 'D']), k: input(T, ['B', 'Hk', 'N', 'D']), v: input(T, ['B', 'Hk', 'N', 'E']),
    sink: input(f32, ['Hq']), p: input(f32, ['Hq']), G: scalar(i32), W: scalar(i32),
    o: output(T, ['B', 'Hq', 'N', 'E']), lse: output(f32, ['B', 'Hq', 'N']),
  },
  comptime: ['D', 'E'],
  options: { score: plain, sinks: false, windowed: true },
  tune: { BQ: [16, 24, 32], BK: [16, 8, 48], warps: [2, 4], stages: [1, 2] },
  prune: ({ BQ, BK }) => BQ * BK <= 2048,
  tuneKey: ({ N }) => [cdiv(N, 1024)],
  grid: ({ B, Hq, N, BQ }) => ({ n: cdiv(N, BQ), h: Hq, b: B }),
}, ({ q, k, v, sink, p, G, W, o, lse }, { N, D, E, BQ, BK, score, sinks, windowed }, { n, h, b }) => {
  const Q = q.at(b, h), K = k.at(b, idiv(h, G)), V = v.at(b, idiv(h, G));
  const scale = 1 / Math.sqrt(D);
  const i0 = n * BQ;
  const qi = Q.load([i0, 0], [BQ, D]);
  const i = col(i0 + iota(BQ));
  const par = p.get(h);
  let m = full([BQ], -Infinity, f32), l = zeros([BQ], f32), acc = zeros([BQ, E], f32);
  if (sinks) {
    m = zeros([BQ], f32) + sink.get(h);
    l = l + 1;
  }
  const from = windowed ? maximum(i0 - W + 1, 0) : 0;
  for (const j0 of range(idiv(from, BK) * BK, minimum(i0 + BQ, N), BK)) {
    const j = row(j0 + iota(BK));
    let s = score(dot(qi, trans(K.load([j0, 0], [BK, D]))) * scale, i, j, par);
    if (windowed) s = where(j <= i && i - j < W && j < N, s, -Infinity);
    else s = where(j <= i && j < N, s, -Infinity);
    const next = step(s, m, l);
    acc = acc * col(next.alpha) + dot(cast(next.p, T), V.load([j0, 0], [BK, E]));
    m = next.m;
    l = next.l;
  }
  o.at(b, h).store([i0, 0], acc / col(l));
  lse.at(b, h).store([i0], m + cast(sum(expandLog(l), 1), f32));
});
function expandLog<A>(l: Tile<'f32', [A]>): Tile<'f32', [A, 1]> { return col(where(l > 0, logOf(l), 0)); }
import { log } from '../../../dsl/index.js';
const logOf = <A>(x: Tile<'f32', [A]>) => log(x);

const alibi: Score = (s, i, j, p) => s - p * (i - j);
export const windowAlibi = window.with({ score: alibi, sinks: true });
const capped: Score = (s, _i, _j, p) => softcap(s, p * 8);
export const causalCapped = window.with({ score: capped, windowed: false });

/** Decode: one query, split over the cache, one program a (split, head). partial out [S, H, E], max and sum. */
export const decodeSplit = kernel({
  args: { q: input(T, ['H', 'D']), k: input(T, ['M', 'H', 'D']), v: input(T, ['M', 'H', 'D']), len: input(i32, ['One']),
    o: output(f32, ['S', 'H', 'D']), ms: output(f32, ['S', 'H', 'Two']) },
  comptime: ['D'],
  tune: { BK: [16, 5], warps: [1] },
  grid: ({ S, H }) => ({ s: S, h: H }),
}, ({ q, k, v, len, o, ms }, { S, D, BK }, { s, h }) => {
  const N = len.get(0), per = cdiv(N, S);
  const qh = cast(q.load([h, 0], [1, D]), f32);
  const begin = s * per, end = minimum(begin + per, N);
  let m = cast(-Infinity, f32), l = cast(0, f32), acc = zeros([D], f32);
  for (const j of range(begin, end, BK)) {
    const kj = cast(k.load([j, h, 0], [BK, 1, D], { mask: expand3(j + iota(BK)) < end }), f32);
    const sc = sum(squeeze(kj) * qh, 1) / Math.sqrt(D);
    const sj = where(j + iota(BK) < end, sc, -Infinity);
    const mn = maximum(m, max(sj, 0));
    const p = exp(sj - mn);
    const alpha = m === -Infinity ? cast(0, f32) : exp(m - mn);
    l = l * alpha + sum(p, 0);
    const vj = cast(squeeze(v.load([j, h, 0], [BK, 1, D], { mask: expand3(j + iota(BK)) < end })), f32);
    acc = acc * alpha + sum(col(p) * vj, 0);
    m = mn;
  }
  o.at(s, h).store([0], acc);
  if (m !== -Infinity) {
    ms.store([s, h, 0], zeros([1, 1, 1], f32) + m);
    ms.store([s, h, 1], zeros([1, 1, 1], f32) + l);
  } else {
    ms.at(s, h).store([0], zeros([2], f32));
  }
});
import { expand } from '../../../dsl/index.js';
function expand3<A>(j: Tile<'i32', [A]>): Tile<'i32', [A, 1, 1]> { return expand(col(j), 2); }
function squeeze<D extends string, A, B>(x: Tile<D, [A, 1, B]>): Tile<D, [A, B]> { return sum(x, 1); }
