import {
  all,
  cast,
  cdiv,
  f32,
  i32,
  idiv,
  input,
  iota,
  kernel,
  minimum,
  output,
  range,
  scalar,
  sum,
  u32,
  where,
  zeros,
} from '../../../dsl/index.js';
import { silu } from './activations.js';

/** Integers: quotient and remainder toward 0, bits, shifts, comparison, wrapping products; an f32 scalar with an i32. */
export const integers = kernel(
  {
    args: {
      a: input(i32, ['N']),
      u: input(u32, ['N']),
      by: scalar(i32),
      gain: scalar(f32),
      q: output(i32, ['N']),
      r: output(i32, ['N']),
      hash: output(u32, ['N']),
      mixed: output(f32, ['N']),
    },
    tune: { BN: [64], warps: [2] },
    grid: ({ N, BN }) => ({ n: cdiv(N, BN) }),
  },
  ({ a, u, by, gain, q, r, hash, mixed }, { BN }, { n }) => {
    const x = a.load([n * BN], [BN]);
    q.store([n * BN], idiv(x, by));
    r.store([n * BN], x % by);
    let h = u.load([n * BN], [BN]);
    h = (h ^ (h >> 16)) * 0x45d9f3b;
    h = (h ^ (h >> 16)) | (h << 3);
    hash.store([n * BN], h);
    mixed.store([n * BN], where(x > 0 && x % 2 === 0, x * gain, cast(x, f32) / 4));
  },
);

/** `if` on a scalar argument and on the program index; a ?: on a scalar; each side stores or changes a carried tile. */
export const branches = kernel(
  {
    args: { x: input(f32, ['M', 'N']), mode: scalar(i32), y: output(f32, ['M', 'N']) },
    tune: { BN: [32], warps: [2] },
    grid: ({ M, N, BN }) => ({ n: cdiv(N, BN), m: M }),
  },
  ({ x, mode, y }, { BN }, { m, n }) => {
    let t = x.at(m).load([n * BN], [BN]);
    if (mode === 1) {
      t = silu(t);
    } else if (mode === 2) {
      for (const _ of range(3)) t = t * 0.5 + 1;
    }
    const signed = m % 2 === 0 ? t : -t;
    if (m > 0) y.at(m).store([n * BN], signed);
    else y.at(m).store([n * BN], t + 10);
  },
);

/** Short causal convolution, nested loops, loads before the first token: y_t = silu(sum over w of f_w x_{t-w}). */
export const convolution = kernel(
  {
    args: { x: input(f32, ['N', 'D']), f: input(f32, ['W', 'D']), y: output(f32, ['N', 'D']) },
    tune: { C: [16], BD: [32], warps: [4] },
    grid: ({ D, BD }) => ({ d: cdiv(D, BD) }),
  },
  ({ x, f, y }, { N, W, C, BD }, { d }) => {
    for (const n of range(0, N, C)) {
      let acc = zeros([C, BD], f32);
      for (const w of range(W)) acc += x.load([n - w, d * BD], [C, BD]) * f.load([w, d * BD], [1, BD]);
      y.store([n, d * BD], silu(acc));
    }
  },
);

/** Packed sequences: rows starts[s] <= t < starts[s + 1] of x belong to sequence s; y_s is their sum. Bounds are loaded. */
export const packedSum = kernel(
  {
    args: { x: input(f32, ['N', 'D']), starts: input(i32, ['S1']), y: output(f32, ['S', 'D']) },
    tune: { C: [8], BD: [32], warps: [2] },
    grid: ({ S, D, BD }) => ({ d: cdiv(D, BD), s: S }),
  },
  ({ x, starts, y }, { N, C, BD }, { s, d }) => {
    const begin = starts.get(s);
    const end = minimum(starts.get(s + 1), N);
    const own = x.slice(begin, end);
    let total = zeros([BD], f32);
    for (const t of range(0, end - begin, C)) total += sum(own.load([t, d * BD], [C, BD]), 0);
    y.at(s).store([d * BD], total);
  },
);

/** Heads beside tokens: `all` keeps the middle axis; a constant-bound loop unrolled. */
export const gatherHeads = kernel(
  {
    args: { x: input(f32, ['N', 'H', 'D']), y: output(f32, ['H', 'N']) },
    comptime: ['D'],
    tune: { C: [16], warps: [1] },
    grid: ({ N, H, C }) => ({ n: cdiv(N, C), h: H }),
  },
  ({ x, y }, { D, C }, { n, h }) => {
    const X = x.at(all, h);
    let norm = zeros([C], f32);
    for (const part of range(2, { unroll: true })) {
      const t = X.load([n * C, 0], [C, D]);
      norm += sum(t * t, 1) * (part + 1) + iota(C) * 0;
    }
    y.at(h).store([n * C], norm);
  },
);
