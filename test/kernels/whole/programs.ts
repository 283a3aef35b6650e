import {
  abs,
  all,
  bf16,
  bitcast,
  cast,
  cdiv,
  col,
  concat,
  cumsum,
  dot,
  dtypes,
  exp,
  expand,
  f16,
  f32,
  full,
  i32,
  inout,
  input,
  insert,
  iota,
  kernel,
  max,
  maximum,
  minimum,
  output,
  range,
  reduce,
  reshape,
  round,
  row,
  scalar,
  scan,
  slice,
  sum,
  trans,
  u32,
  where,
  zeros,
} from '../../../dsl/index.js';

const T = dtypes('T', f32, f16, bf16);

/** Causal attention of packed sequences: loops in a loop, both with bounds from memory. */
export const packedFlash = kernel(
  {
    args: {
      q: input(T, ['N', 'H', 'D']),
      k: input(T, ['N', 'H', 'D']),
      v: input(T, ['N', 'H', 'D']),
      offset: input(i32, ['S1']),
      scale: scalar(f32),
      o: output(T, ['N', 'H', 'D']),
      length: output(i32, ['S']),
    },
    comptime: ['D'],
    tune: { BM: [32, 16], BN: [16], warps: [4, 2], stages: [2] },
    grid: ({ S, H }) => ({ h: H, s: S }),
  },
  ({ q, k, v, offset, scale, o, length }, { N, D, BM, BN }, { h, s }) => {
    const begin = offset.get(s);
    const end = minimum(offset.get(s + 1), N);
    const Q = q.at(all, h).slice(begin, end);
    const K = k.at(all, h).slice(begin, end);
    const V = v.at(all, h).slice(begin, end);
    for (const m of range(0, end - begin, BM)) {
      const qi = Q.load([m, 0], [BM, D]);
      let top = full([BM], -Infinity, f32);
      let total = zeros([BM], f32);
      let acc = zeros([BM, D], f32);
      for (const n of range(0, minimum(end - begin, m + BM), BN)) {
        const x = dot(qi, trans(K.load([n, 0], [BN, D]))) * scale;
        const seen = where(col(m + iota(BM)) >= row(n + iota(BN)), x, -Infinity);
        const next = maximum(top, max(seen, 1));
        const shift = where(next === -Infinity, 0, next);
        const p = exp(seen - col(shift));
        const alpha = exp(top - shift);
        total = total * alpha + sum(p, 1);
        acc = dot(cast(p, T), V.load([n, 0], [BN, D]), acc * col(alpha));
        top = next;
      }
      o.at(all, h)
        .slice(begin, end)
        .store([m, 0], acc / col(total));
    }
    if (h === 0) length.scatter([s], end - begin);
  },
);

/** Blocks of 32 elements as signed bytes, four in a word, with their scale: bytes are joined by a fold of `|`. */
export const quantise = kernel(
  {
    args: { x: input(T, ['M', 'K']), w: output(u32, ['M', 'K4']), scale: output(f32, ['M', 'KB']) },
    tune: { BM: [8, 3], warps: [2] },
    grid: ({ M, KB, BM }) => ({ k: KB, m: cdiv(M, BM) }),
  },
  ({ x, w, scale }, { BM }, { k, m }) => {
    const t = cast(x.load([m * BM, k * 32], [BM, 32]), f32);
    const s = maximum(max(abs(t), 1) / 127, 1e-8);
    const v = reshape(cast(round(t / col(s)), i32), [BM, 8, 4]);
    const bytes = bitcast(v & 255, u32) << (expand(row(cast(iota(4), u32)), 0) * 8);
    const words = reduce(bytes, 2, (a, b) => a | b);
    w.store([m * BM, k * 8], words);
    scale.store([m * BM, k], reshape(s, [BM, 1]));
  },
);

/** Number, mean, and sum of squared deviations. */
type Moments = readonly [number, number, number];
const join = ([n1, a1, s1]: Moments, [n2, a2, s2]: Moments): Moments => {
  const n = n1 + n2;
  const share = where(n > 0, n2 / n, 0);
  const d = a2 - a1;
  return [n, a1 + d * share, s1 + s2 + d * d * n1 * share];
};

/** Mean and variance in one pass (Chan, Golub and LeVeque 1979), by a fold of triples; a helper in the loop and in the fold. */
export const moments = kernel(
  {
    args: { x: input(T, ['M', 'N']), mean: output(f32, ['M']), variance: output(f32, ['M']) },
    tune: { BM: [4], BN: [48], warps: [2, 1] },
    grid: ({ M, BM }) => ({ m: cdiv(M, BM) }),
  },
  ({ x, mean, variance }, { N, BM, BN }, { m }) => {
    let [count, mu, squares] = [zeros([BM], f32), zeros([BM], f32), zeros([BM], f32)];
    for (const n of range(0, N, BN)) {
      const inside = cast(row(n + iota(BN)) < N, f32) + zeros([BM, BN], f32);
      const t = cast(x.load([m * BM, n], [BM, BN]), f32);
      const [c, a, s] = reduce([inside, t, zeros([BM, BN], f32)], 1, join);
      [count, mu, squares] = join([count, mu, squares], [c, a, s]);
    }
    mean.store([m * BM], mu);
    variance.store([m * BM], squares / count);
  },
);

/** Sums over all pixels above and left of each, and over those right of it of the largest from it down. */
export const integral = kernel(
  {
    args: { x: input(f32, ['B', 'H', 'W']), y: output(f32, ['B', 'H', 'W']), z: output(f32, ['B', 'H', 'W']) },
    comptime: ['H', 'W'],
    tune: { warps: [2, 1] },
    grid: ({ B }) => ({ b: B }),
  },
  ({ x, y, z }, { H, W }, { b }) => {
    const t = x.at(b).load([0, 0], [H, W]);
    y.at(b).store([0, 0], cumsum(cumsum(t, 0), 1));
    const below = scan(t, 0, (p, q) => maximum(p, q), { reverse: true });
    z.at(b).store([0, 0], cumsum(below, 1, { reverse: true }));
  },
);

/** The elements above `least`, one after the other, at the beginning of y, and how many they are. */
export const compact = kernel(
  {
    args: { x: input(T, ['N']), least: scalar(f32), y: inout(T, ['N']), count: output(i32, ['One']) },
    tune: { BN: [64, 50], warps: [2, 1] },
    grid: ({ One }) => ({ one: One }),
  },
  ({ x, least, y, count }, { N, BN }, { one }) => {
    let kept = cast(0, i32);
    for (const n of range(0, N, BN)) {
      const t = x.load([n], [BN]);
      const keep = cast(t, f32) > least && n + iota(BN) < N;
      const place = cumsum(cast(keep, i32), 0);
      y.scatter([kept + place - 1], t, { mask: keep });
      kept += max(place, 0);
    }
    count.scatter([one], kept);
  },
);

/** Inverse by Gauss and Jordan, without pivots: rows and columns are cut out and put back at run-time places. */
export const inverse = kernel(
  {
    args: { a: input(f32, ['B', 'N', 'N']), y: output(f32, ['B', 'N', 'N']) },
    comptime: ['N'],
    tune: { warps: [1, 4] },
    grid: ({ B }) => ({ b: B }),
  },
  ({ a, y }, { N }, { b }) => {
    const one = cast(col(iota(N)) === row(iota(N)), f32);
    let both = concat([a.at(b).load([0, 0], [N, N]), one], 1);
    for (const k of range(N)) {
      const pivots = slice(both, [k, 0], [1, 2 * N]);
      const p = pivots / slice(pivots, [0, k], [1, 1]);
      both = insert(both - slice(both, [0, k], [N, 1]) * p, [k, 0], p);
    }
    y.at(b).store([0, 0], slice(both, [0, N], [N, N]));
  },
);

/** Square roots by Newton's iteration, each block until its largest step is small. */
export const newton = kernel(
  {
    args: { x: input(f32, ['M', 'N']), y: output(f32, ['M', 'N']) },
    tune: { BN: [48, 64], warps: [2, 1] },
    grid: ({ M }) => ({ m: M }),
  },
  ({ x, y }, { N, BN }, { m }) => {
    for (const n of range(0, N, BN)) {
      const t = abs(x.at(m).load([n], [BN])) + 1;
      let r = t;
      let step = cast(1, f32);
      while (step > 1e-5) {
        const next = (r + t / r) / 2;
        step = max(abs(next - r), 0);
        r = next;
      }
      y.at(m).store([n], r);
    }
  },
);
