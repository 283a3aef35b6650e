import {
  abs,
  bf16,
  cast,
  cdiv,
  col,
  dot,
  dtypes,
  f16,
  f32,
  full,
  i32,
  idiv,
  input,
  iota,
  kernel,
  max,
  maximum,
  minimum,
  output,
  range,
  row,
  scalar,
  sum,
  trans,
  u32,
  where,
  zeros,
} from '../../../dsl/index.js';

const T = dtypes('T', f32, bf16, f16);

/** Scalars that a loop carries, folded from tiles, steer branches with products and loops inside; two carried tiles swap. */
export const steered = kernel(
  {
    args: {
      a: input(f32, ['M', 'D']),
      lengths: input(i32, ['P']),
      y: output(f32, ['P', 'D', 'D']),
      trace: output(f32, ['P', 'L']),
      count: output(u32, ['P']),
    },
    comptime: ['D'],
    tune: { C: [8], warps: [1, 2] },
    grid: ({ P }) => ({ p: P }),
  },
  ({ a, lengths, y, trace, count }, { M, D, L, C }, { p }) => {
    const length = minimum(lengths.get(p), M);
    let s = zeros([D, D], f32);
    let t = zeros([D, D], f32);
    let energy = cast(0, f32);
    let hits = cast(0, u32);
    let going = cast(1, i32) > 0;
    for (const n of range(0, length, C)) {
      const x = where(col(n + iota(C)) < length, a.load([n, 0], [C, D]), 0);
      if (going) {
        s = s + dot(trans(x), x);
        energy = max(max(abs(s), 0), 0);
        if (energy > 6) {
          [s, t] = [t, s * (1 / energy)];
          hits += 1;
          if (hits % 2 === 0) {
            for (const k of range(cast(hits, i32))) t = dot(t, s) + t * (k + 1) * 0.125;
          } else t = trans(t);
        }
        going = hits < 3;
      } else s = s * 0.5;
      const slot = idiv(n, C);
      if (slot < L) trace.at(p, slot).store([], energy);
    }
    for (const k of range(cdiv(length, C), L)) trace.at(p, k).store([], -1);
    y.at(p).store([0, 0], s + t);
    count.at(p).store([], hits);
  },
);

/** Loads and stores around the ends of a view: negative origins, pads, masks, gets outside, slices that overhang. */
export const edges = kernel(
  {
    args: {
      x: input(T, ['N']),
      i: input(i32, ['N']),
      k: scalar(i32),
      y: output(f32, ['Five', 'N']),
      z: output(i32, ['Five', 'N']),
    },
    tune: { BN: [16], warps: [1] },
    grid: ({ N, BN }) => ({ n: cdiv(N, BN) }),
  },
  ({ x, i, k, y, z }, { N, BN }, { n }) => {
    const o = n * BN;
    const back = N - o - BN;
    y.at(0).store([o], x.load([o - 3], [BN], { pad: 7.5 }));
    y.at(1).store([o], x.load([o + 5], [BN], { pad: -2, mask: iota(BN) % 3 !== 1 }));
    y.at(2).store([o], k > 0 ? cast(x.load([o], [BN]), f32) + k : full([BN], -k, f32));
    y.at(3).store([o], cast(x.get(o), f32) + cast(x.get(-1), f32) + cast(x.get(N), f32) + zeros([BN], f32));
    y.at(4).store([back], x.slice(-4, N - 2).load([back], [BN], { pad: 1 }));
    z.at(0).store([o], i.load([o - k], [BN], { pad: -5 }));
    z.at(1).store([o], i.slice(k, k + 20).load([o], [BN], { pad: 3 }));
    z.at(2).store([o], iota(BN) % 2 === 0 ? i.load([o], [BN]) : -1);
    z.at(3)
      .slice(1, N)
      .store([o - 1], i.load([o], [BN]), { mask: o + iota(BN) > 0 });
    if (n === 0) z.at(3, 0).store([], -9);
    if (o + BN <= N) z.at(4).store([o], i.load([o], [BN], { inBounds: true }), { inBounds: true });
    else z.at(4).store([o], i.load([o], [BN]) * 2);
  },
);

/** Sums of rows that loaded numbers choose; rows outside the table count as zero, negative numbers not at all. */
export const bag = kernel(
  {
    args: { table: input(T, ['V', 'D']), ids: input(i32, ['B', 'L']), n: input(u32, ['B']), y: output(T, ['B', 'D']) },
    options: { mean: true },
    tune: { BD: [32, 48], warps: [1] },
    grid: ({ B, D, BD }) => ({ d: cdiv(D, BD), b: B }),
  },
  ({ table, ids, n, y }, { BD, mean }, { d, b }) => {
    let acc = zeros([BD], f32);
    let used = cast(0, i32);
    for (const l of range(cast(n.get(b), i32))) {
      const id = ids.get(b, l);
      if (id >= 0) {
        acc += cast(table.at(id).load([d * BD], [BD]), f32);
        used += 1;
      }
    }
    if (mean) y.at(b).store([d * BD], acc / maximum(used, 1));
    else y.at(b).store([d * BD], acc);
  },
);

/** Partial products over ranges of k, four program axes. */
export const splitK = kernel(
  {
    args: { a: input(T, ['B', 'M', 'K']), b: input(T, ['B', 'K', 'N']), y: output(f32, ['B', 'S', 'M', 'N']) },
    tune: { BM: [32], BN: [16], BK: [16], warps: [2] },
    grid: ({ B, S, M, N, BM, BN }) => ({ n: cdiv(N, BN), m: cdiv(M, BM), s: S, batch: B }),
  },
  ({ a, b, y }, { K, S, BM, BN, BK }, { n, m, s, batch }) => {
    const per = cdiv(cdiv(K, BK), S) * BK;
    const end = minimum(K, (s + 1) * per);
    let acc = zeros([BM, BN], f32);
    for (const k of range(s * per, end, BK)) {
      const left = a.at(batch).load([m * BM, k], [BM, BK], { mask: row(k + iota(BK)) < end });
      acc += dot(left, b.at(batch).load([k, n * BN], [BK, BN], { mask: col(k + iota(BK)) < end }));
    }
    y.at(batch, s).store([m * BM, n * BN], acc);
  },
);

/** Which of some bit masks chooses a program's tokens; nested conditions with products and stores on every side. */
export const chosen = kernel(
  {
    args: {
      x: input(f32, ['N', 'D']),
      w: input(f32, ['D', 'D']),
      bits: input(u32, ['N']),
      mode: scalar(i32),
      y: output(f32, ['N', 'D']),
      count: output(i32, ['P']),
    },
    comptime: ['D'],
    tune: { C: [8], warps: [1] },
    grid: ({ P }) => ({ p: P }),
  },
  ({ x, w, bits, mode, y, count }, { N, D, P, C }, { p }) => {
    const per = cdiv(cdiv(N, C), P) * C;
    const W = w.load([0, 0], [D, D]);
    let seen = cast(0, i32);
    let state = zeros([C, D], f32);
    for (const n of range(p * per, minimum(N, (p + 1) * per), C)) {
      const t = x.load([n, 0], [C, D]);
      const flag = ((bits.load([n], [C]) >> cast(p, u32)) & 1) === 1;
      const here = sum(cast(flag, i32), 0);
      if (here > idiv(C, 2)) {
        state = state + dot(t, W);
        if (mode === 1 && seen > 0) y.store([n, 0], where(col(cast(flag, i32)) === 1, dot(state, trans(W)), t));
        else if (mode === 2 || seen === 0) {
          let z = t;
          for (const _ of range(seen + 1)) z = dot(z, W) * 0.125;
          y.store([n, 0], z);
        } else y.store([n, 0], state);
        seen += here;
      } else {
        state = state * 0.5;
        y.store([n, 0], seen % 2 === 0 ? t : -t);
      }
    }
    count.at(p).store([], seen);
  },
);
