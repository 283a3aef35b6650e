import {
  abs,
  all,
  argmax,
  bf16,
  cast,
  cdiv,
  col,
  concat,
  dtypes,
  f16,
  f32,
  type InView,
  i32,
  idiv,
  inout,
  input,
  insert,
  iota,
  kernel,
  maximum,
  minimum,
  output,
  range,
  reduce,
  reshape,
  row,
  scan,
  slice,
  sum,
  take,
  u32,
  where,
  zeros,
} from '../../../dsl/index.js';

const T = dtypes('T', f32, bf16, f16);
const I = dtypes('I', i32, u32);

/** Ranks and sums along linked lists, in place: every round reads what the one before stored at other lanes' places. */
export const listRank = kernel(
  {
    args: { next: inout(I, ['B', 'N']), rank: inout(i32, ['B', 'N']), w: inout(T, ['B', 'N']) },
    options: { L: 48 },
    tune: { warps: [1, 4] },
    grid: ({ B }) => ({ b: B }),
  },
  ({ next, rank, w }, { N, L }, { b }) => {
    const [P, R, W] = [next.at(b), rank.at(b), w.at(b)];
    let hop = cast(1, i32);
    while (hop < N) {
      const p = cast(P.load([0], [L]), i32);
      const ranks = R.load([0], [L]) + R.gather([p]);
      const sums = W.load([0], [L]) + W.gather([p]);
      const far = cast(P.gather([p]), i32);
      R.store([0], ranks);
      W.scatter([iota(L)], sums);
      P.store([0], where(p < N, far, N));
      hop *= 2;
    }
  },
);

type Affine = readonly [number, number];
/** First f1 x + u1, then f2 x + u2: exact in integers that wrap, associative, not commutative. */
const then = ([f1, u1]: Affine, [f2, u2]: Affine): Affine => [f1 * f2, u1 * f2 + u2];

/** Compositions of affine maps along each axis of an odd box, from either end. */
export const compositions = kernel(
  {
    args: {
      f: input(I, ['A', 'B', 'C']),
      u: input(I, ['A', 'B', 'C']),
      first: output(I, ['B', 'C']),
      second: output(I, ['A', 'B', 'C']),
      third: output(I, ['A', 'B', 'C']),
      last: output(I, ['A', 'B']),
    },
    comptime: ['A', 'B', 'C'],
    tune: { warps: [1, 4] },
    grid: () => ({ one: 1 }),
  },
  ({ f, u, first, second, third, last }, { A, B, C }) => {
    const maps: Affine = [f.load([0, 0, 0], [A, B, C]), u.load([0, 0, 0], [A, B, C])];
    const [, whole] = reduce(maps, 0, then);
    const [, back] = scan(maps, 1, then, { reverse: true });
    const [, forth] = scan(maps, 2, then);
    const [, line] = reduce(maps, 2, then);
    first.store([0, 0], whole);
    second.store([0, 0, 0], back);
    third.store([0, 0, 0], forth);
    last.store([0, 0], line);
  },
);

/** Gauss-Jordan elimination in registers; rows are found by their largest element and exchanged at run-time places. */
export const solve = kernel(
  {
    args: {
      a: input(f32, ['M', 'K', 'K']),
      b: input(f32, ['M', 'K']),
      x: output(f32, ['M', 'K']),
      sign: output(i32, ['M']),
    },
    comptime: ['K'],
    tune: { warps: [1, 2] },
    grid: ({ M }) => ({ m: M }),
  },
  ({ a, b, x, sign }, { K }, { m }) => {
    const i = iota(K);
    let A = concat([a.at(m).load([0, 0], [K, K]), col(b.at(m).load([0], [K]))], 1);
    let parity = cast(1, i32);
    for (const j of range(K)) {
      const column = slice(A, [0, j], [K, 1]);
      const p = argmax(where(i >= j, abs(reshape(column, [K])), -1), 0);
      if (p !== j) {
        const upper = slice(A, [j, 0], [1, K + 1]);
        const lower = slice(A, [p, 0], [1, K + 1]);
        A = insert(insert(A, [j, 0], lower), [p, 0], upper);
        parity = -parity;
      }
      const line = slice(A, [j, 0], [1, K + 1]) / slice(A, [j, j], [1, 1]);
      const factor = where(col(i) === j, 0, slice(A, [0, j], [K, 1]));
      A = insert(A - factor * line, [j, 0], line);
    }
    x.at(m).store([0], reshape(slice(A, [0, K], [K, 1]), [K]));
    sign.at(m).store([], parity);
  },
);

/** Edit distances by anti-diagonals in registers; pairs of which one is empty are answered at once. */
export const editDistance = kernel(
  {
    args: {
      a: input(i32, ['B', 'N']),
      b: input(i32, ['B', 'N']),
      lengths: input(i32, ['B', 'Two']),
      d: output(i32, ['B']),
    },
    options: { L: 32 },
    tune: { warps: [1, 2] },
    grid: ({ B }) => ({ p: B }),
  },
  ({ a, b, lengths, d }, { L }, { p }) => {
    const [n, m] = [lengths.get(p, 0), lengths.get(p, 1)];
    if (n === 0 || m === 0) {
      d.scatter([p], n + m);
      return;
    }
    const i = iota(L);
    let before = zeros([L], i32);
    let last = cast(i <= 1, i32);
    let s = cast(2, i32);
    while (s <= n + m) {
      const j = s - i;
      const differs = a.at(p).gather([i - 1], { pad: -1 }) !== b.at(p).gather([j - 1], { pad: -2 });
      const above = maximum(i - 1, 0);
      const inner = minimum(minimum(take(last, above, 0), last) + 1, take(before, above, 0) + cast(differs, i32));
      const now = i === 0 || j === 0 ? s : i <= n && j > 0 && j <= m ? inner : 1000;
      [before, last] = [last, now];
      s++;
    }
    d.scatter([p], sum(where(i === n, last, 0), 0));
  },
);

/** From the second row of a window on. */
const fromSecond = (rows: InView<'T', ['N', 'D']>, begin: number, end: number): InView<'T', ['N', 'D']> =>
  rows.slice(begin, end).slice(1, end);

/** Windows of windows that overhang on both sides; rows go to a permutation, 16-bit ones beside those of other programs. */
export const windows = kernel(
  {
    args: {
      x: input(T, ['A', 'N', 'D']),
      place: input(I, ['N']),
      y: output(T, ['A', 'N', 'D']),
      s: output(T, ['N', 'A']),
    },
    options: { W: 8 },
    tune: { warps: [1, 2] },
    grid: ({ A, N }) => ({ n: cdiv(N, 8), a: A }),
  },
  ({ x, place, y, s }, { D, W }, { n, a }) => {
    const rows = fromSecond(x.at(a), n * W - 3, n * W + W - 1);
    const p = place.load([n * W], [W], { pad: 4096 });
    let total = zeros([W], f32);
    for (const d of range(0, D, 12)) {
      const t = rows.load([2, d], [W, 12], { pad: 5 });
      y.at(a).scatter([col(p), row(d + iota(12))], t);
      total += sum(where(row(d + iota(12)) < D, t, 0), 1);
    }
    s.at(all, a).scatter([p], total / maximum(idiv(D, 2), 1));
  },
);
